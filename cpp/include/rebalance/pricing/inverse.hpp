/// Coin-settled (inverse) European options: the value in coin is the undiscounted Black-76 value over the forward.
///
///   C = V / F      delta = dC/dF = phi K N(phi d2) / F^2      gamma = d2C/dF2 = gamma_pa / F^2
///   delta_pa = F dC/dF = phi (K/F) N(phi d2)                  gamma_pa = F^2 d2C/dF2 = n(d1)/s - 2 delta_pa
///   vega = n(d1) sqrt(years)     theta = -n(d1) vol / (2 sqrt(years))     rho = 0
///
/// Plain derivatives of the coin value in the forward, plus the premium-adjusted pair that coin-margined venues show
/// ("net transaction" or PA delta). gamma_pa changes sign deep in the money, where its two terms cancel.
///
/// Edges  see limits.hpp.
/// Error  1e-14 relative in value, delta, delta_pa, vega and theta wherever they exceed 1e-300; gamma and gamma_pa
///        1e-14 of the larger of their two terms.
/// From   Alexander and Imeraj (2023), "Inverse options in a Black-Scholes world", arXiv:2107.12041.
#pragma once

#include "rebalance/pricing/black76.hpp"

namespace rebalance::pricing {

struct Inverse {
  static constexpr const char* kName = "inverse";
  static constexpr const char* kInputs[] = {"forward", "strike", "vol", "years", "phi"};
  static constexpr Greek kOutputs[] = {Greek::value, Greek::delta, Greek::gamma,    Greek::vega,
                                       Greek::theta, Greek::rho,   Greek::delta_pa, Greek::gamma_pa};

  template <class V>
  struct Inputs {
    V forward, strike, vol, years, phi;
  };

  /// x is log_ratio(forward, strike).
  template <class V>
  REBALANCE_INLINE static Greeks<V> evaluate(const Inputs<V>& in, math::Split<V> x) {
    const auto u = Black76::undiscounted(in.forward, in.strike, in.vol, in.years, in.phi, x);
    const V inverse_f = V(1.0) / in.forward;
    Greeks<V> g;
    g.value = u.option.value * inverse_f;
    g.delta_pa = in.phi * u.option.strike_leg * inverse_f;
    g.gamma_pa = fma(V(-2.0), g.delta_pa, u.density * u.inverse_s);
    g.delta = g.delta_pa * inverse_f;
    g.gamma = g.gamma_pa * inverse_f * inverse_f;
    g.vega = u.density * u.sqrt_years;
    g.theta = V(-0.5) * (u.density * in.vol) * (in.vol * u.inverse_s);
    g.rho = V(0.0);
    return g;
  }
};

}  // namespace rebalance::pricing
