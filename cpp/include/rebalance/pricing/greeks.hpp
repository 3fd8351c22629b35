/// The names of the derivatives, and a struct that holds them for one contract or for a vector of contracts.
#pragma once

#include <cstdint>
#include <string_view>

#include "rebalance/simd/vec.hpp"

namespace rebalance::pricing {

enum class Greek : std::uint8_t { value, delta, gamma, vega, theta, rho, rho_dividend, delta_pa, gamma_pa };

inline constexpr int kGreekCount = 9;

[[nodiscard]] constexpr std::string_view to_string(Greek greek) noexcept {
  constexpr std::string_view kNames[kGreekCount] = {"value", "delta",        "gamma",    "vega",    "theta",
                                                    "rho",   "rho_dividend", "delta_pa", "gamma_pa"};
  return kNames[static_cast<int>(greek)];
}

/// Bare partial derivatives of one contract: vega per 1.00 of vol, rho per 1.00 of rate, theta per year of calendar
/// time. The last three belong to single models: rho_dividend to bsm, delta_pa = F dC/dF and
/// gamma_pa = F^2 d2C/dF2 (C in coin) to inverse.
template <class V>
struct Greeks {
  V value, delta, gamma, vega, theta, rho, rho_dividend, delta_pa, gamma_pa;

  REBALANCE_INLINE constexpr V get(Greek greek) const {
    switch (greek) {
      case Greek::value: return value;
      case Greek::delta: return delta;
      case Greek::gamma: return gamma;
      case Greek::vega: return vega;
      case Greek::theta: return theta;
      case Greek::rho: return rho;
      case Greek::rho_dividend: return rho_dividend;
      case Greek::delta_pa: return delta_pa;
      case Greek::gamma_pa: return gamma_pa;
    }
    return value;
  }
};

}  // namespace rebalance::pricing
