/// Where a trade should take a drift once the trigger says go.
#pragma once

#include <cmath>
#include <cstdint>

namespace rebalance {

enum class Action : std::uint8_t {
  to_target,  ///< all the way: right where only a fixed cost is paid
  to_edge,    ///< to the near edge of the band: right under proportional cost
  fraction,   ///< part of the way
  to_band,    ///< to where the band that fired says: inside its edge where trades have a fixed cost too
};

/// The drift to be left after trading. `edge` is the half-width of the band and `inner` its own destination (0 where
/// there is none).
[[nodiscard]] inline double destination(Action action, double fraction, double drift, double edge,
                                        double inner) noexcept {
  switch (action) {
    case Action::to_target: return 0.0;
    case Action::to_edge: return std::copysign(std::fmin(std::fabs(drift), edge), drift);
    case Action::fraction: return drift * (1.0 - fraction);
    case Action::to_band: return std::copysign(std::fmin(std::fabs(drift), inner), drift);
  }
  return 0.0;
}

}  // namespace rebalance
