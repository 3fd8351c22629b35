/// The names of the derivatives, and a struct that holds them for one contract or for a vector of contracts.
#pragma once

#include <cstdint>
#include <string_view>

#include "rebalance/simd/vec.hpp"

// What a model can answer, in the order of the columns. One list, so that no name can be forgotten anywhere.
// clang-format off
#define REBALANCE_GREEKS(EACH)                                                        \
  EACH(value) EACH(delta) EACH(gamma) EACH(vega) EACH(theta) EACH(rho)                \
  EACH(rho_dividend) EACH(delta_pa) EACH(gamma_pa)                                    \
  EACH(vanna) EACH(volga) EACH(charm) EACH(veta) EACH(dual_delta) EACH(dual_gamma)    \
  EACH(speed) EACH(zomma) EACH(color) EACH(ultima) EACH(boundary)
// clang-format on

namespace rebalance::pricing {

#define REBALANCE_NAME(name) name,
enum class Greek : std::uint8_t { REBALANCE_GREEKS(REBALANCE_NAME) };
#undef REBALANCE_NAME

#define REBALANCE_NAME(name) #name,
inline constexpr std::string_view kGreekNames[] = {REBALANCE_GREEKS(REBALANCE_NAME)};
#undef REBALANCE_NAME

inline constexpr int kGreekCount = sizeof kGreekNames / sizeof kGreekNames[0];

[[nodiscard]] constexpr std::string_view to_string(Greek greek) noexcept {
  return kGreekNames[static_cast<int>(greek)];
}

/// Bare partial derivatives of one contract: vega per 1.00 of vol, rho per 1.00 of rate, theta, charm, veta and color
/// per year of calendar time. S stands for the spot or forward, K for the strike, t for calendar time.
///
///   order 1   value  delta dV/dS  gamma d2V/dS2  vega dV/dvol  theta dV/dt  rho dV/drate
///             rho_dividend dV/dyield (bsm, digital, american); delta_pa F dC/dF, gamma_pa F^2 d2C/dF2, C in coin
///             (inverse); boundary: the spot at which to exercise now (american)
///   order 2   vanna d2V/dSdvol  volga d2V/dvol2  charm ddelta/dt  veta dvega/dt  dual_delta dV/dK
///             dual_gamma d2V/dK2
///   order 3   speed d3V/dS3  zomma dgamma/dvol  color dgamma/dt  ultima d3V/dvol3
template <class V>
struct Greeks {
#define REBALANCE_NAME(name) V name;
  REBALANCE_GREEKS(REBALANCE_NAME)
#undef REBALANCE_NAME

  REBALANCE_INLINE constexpr V get(Greek greek) const {
    switch (greek) {
#define REBALANCE_NAME(name) \
  case Greek::name: return name;
      REBALANCE_GREEKS(REBALANCE_NAME)
#undef REBALANCE_NAME
    }
    return value;
  }
};

/// Whether a formula minds the rows whose terms nearly cancel, by a second formula that few rows need. Loops over wide
/// packs leave it out, for want of registers, and hand over the packs in which Model::may_cancel has found a row.
enum class Cancelling : bool { no, yes };

}  // namespace rebalance::pricing
