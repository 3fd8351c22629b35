/// Coin-settled (inverse) European options: the value in coin is the undiscounted Black-76 value over the forward.
///
///   C = V / F      delta = dC/dF = phi K N(phi d2) / F^2      gamma = d2C/dF2 = gamma_pa / F^2
///   delta_pa = F dC/dF = phi (K/F) N(phi d2)                  gamma_pa = F^2 d2C/dF2 = n(d1)/s - 2 delta_pa
///   vega = n(d1) sqrt(years)     theta = -n(d1) vol / (2 sqrt(years))     rho = 0
///   vanna = -n(d1) d1 / (F vol)     volga = vega d1 d2 / vol     charm = n(d1) d1 / (2 F years)
///   veta = -vega (1 + d1 d2) / (2 years)     dual_delta = -delta_pa / K     dual_gamma = n(d1) / (s K^2)
///   speed = (6 delta_pa - n(d1) (4 + d1 / s) / s) / F^3     zomma = n(d1) ((d1 d2 - 1) / s + 2 d1) / (vol F^2)
///   color = -zomma vol / (2 years)     ultima: european.hpp
///
/// Plain derivatives of the coin value in the forward, plus the premium-adjusted pair that coin-margined venues show
/// ("net transaction" or PA delta). gamma_pa changes sign deep in the money, where its two terms cancel.
///
/// Where d2 is about -2 s the terms of a call's gamma_pa cancel too, without a sign change, and near -3 s those of
/// speed. With Mills' ratio M, y = -d2 and R = 1 - y M(y) they are sums of what is left:
///
///   gamma_pa = n(d1) ((y - 2 s) / s + 2 R) / y     speed = n(d1) ((y - 2 s) (y - 3 s) / s^2 - 6 R) / (y F^3)
///   zomma = -n(d1) (d1 (y - 2 s) + 1) / (s vol F^2), and color with it, for puts too
///
/// Edges  see limits.hpp.
/// Error  within 16 units of attainable error in every output (docs/pricing.md); 1e-14 relative in value, delta,
/// delta_pa,
///        vega and theta wherever they exceed 1e-300.
/// From   Alexander and Imeraj (2023), "Inverse options in a Black-Scholes world", arXiv:2107.12041.
#pragma once

#include "rebalance/pricing/black76.hpp"

namespace rebalance::pricing {

struct Inverse {
  static constexpr const char* kName = "inverse";
  static constexpr const char* kInputs[] = {"forward", "strike", "vol", "years", "phi"};
  static constexpr Greek kOutputs[18] = {
      Greek::value,      Greek::delta,      Greek::gamma, Greek::vega,  Greek::theta, Greek::rho,
      Greek::delta_pa,   Greek::gamma_pa,   Greek::vanna, Greek::volga, Greek::charm, Greek::veta,
      Greek::dual_delta, Greek::dual_gamma, Greek::speed, Greek::zomma, Greek::color, Greek::ultima};
  static constexpr int kCounts[3] = {8, 14, 18};

  template <class V>
  struct Inputs {
    V forward, strike, vol, years, phi;
  };

  /// True for every row that needs Cancelling::yes: ln(strike / forward) > s^2 and s > 1.
  template <class V>
  REBALANCE_INLINE static auto may_cancel(const Inputs<V>& in) {
    return (in.strike > V(2.7) * in.forward) & (in.vol * in.vol * in.years > V(0.99));
  }

  /// x is log_ratio(forward, strike).
  template <int kOrder, Cancelling kCancelling, class V>
  REBALANCE_INLINE static Greeks<V> evaluate(const Inputs<V>& in, math::Split<V> x) {
    const auto u = Black76::undiscounted(in.forward, in.strike, in.vol, in.years, in.phi, x);
    const V inverse_f = V(1.0) / in.forward;
    Greeks<V> g;
    g.value = u.option.value * inverse_f;
    g.delta_pa = in.phi * u.option.strike_leg * inverse_f;
    g.gamma_pa = fma(V(-2.0), g.delta_pa, u.density * u.inverse_s);
    if constexpr (kCancelling == Cancelling::yes)
      g.gamma_pa = select(cancelling(u) & (in.phi > V(0.0)), remainder(u).gamma_pa, g.gamma_pa);
    g.delta = g.delta_pa * inverse_f;
    g.gamma = g.gamma_pa * inverse_f * inverse_f;
    g.vega = u.density * u.sqrt_years;
    g.theta = V(-0.5) * (u.density * in.vol) * (in.vol * u.inverse_s);
    g.rho = V(0.0);
    if constexpr (kOrder >= 2) {
      const Deviations<V> v = deviations(u.m, u.s);
      const V inverse_vol = u.sqrt_years * u.inverse_s, root = in.vol * u.inverse_s, half_rate = V(0.5) * root * root;
      const V inverse_strike = V(1.0) / in.strike;
      const V bent = u.density * v.d1 * inverse_f;
      g.vanna = -bent * inverse_vol;
      g.volga = g.vega * v.product * inverse_vol;
      g.charm = bent * half_rate;
      g.veta = -(g.vega * (V(1.0) + v.product)) * half_rate;
      g.dual_delta = -g.delta_pa * inverse_strike;
      g.dual_gamma = u.density * u.inverse_s * inverse_strike * inverse_strike;
      if constexpr (kOrder >= 3) {
        const V tail = u.density * fma(v.d1, u.inverse_s, V(4.0)) * u.inverse_s;
        V speed_pa = fma(V(6.0), g.delta_pa, -tail);
        V bend = u.density * fma(v.product - V(1.0), u.inverse_s, v.d1 + v.d1);
        if constexpr (kCancelling == Cancelling::yes) {
          speed_pa = select(cancelling(u) & (in.phi > V(0.0)), remainder(u).speed_pa, speed_pa);
          bend = select(cancelling(u), u.density * fnma(v.d1, remainder(u).two, -u.inverse_s), bend);
        }
        g.speed = speed_pa * inverse_f * inverse_f * inverse_f;
        bend = bend * inverse_f * inverse_f;
        g.zomma = bend * inverse_vol;
        g.color = -bend * half_rate;
        g.ultima = ultima(g.vega, inverse_vol, v);
      }
    }
    return g;
  }

 private:
  /// -7/2 < d2 / s < -3/2. For s < 1 enough is left of the plain differences.
  template <class V>
  REBALANCE_INLINE static auto cancelling(const Black76::Undiscounted<V>& u) {
    return max(abs(fma(V(2.0), u.s.high, u.m.h)), V(1.0)) < u.s.high;
  }

  /// gamma_pa and F^3 speed of a call; (y - 2 s) / s.
  template <class V>
  struct Remainder {
    V gamma_pa, speed_pa, two;
  };

  template <class V>
  REBALANCE_INLINE static Remainder<V> remainder(const Black76::Undiscounted<V>& u) {
    const V y = -deviation(u.m, u.s, V(-0.5)).high;
    const V two = -shifted(u.m, u.s, V(1.0)) * u.inverse_s, three = -shifted(u.m, u.s, V(2.0)) * u.inverse_s;
    const V decline = math::mills_decline(y), scaled = u.density / y;
    return {scaled * fma(V(2.0), decline, two), scaled * fma(V(-6.0), decline, two * three), two};
  }
};

}  // namespace rebalance::pricing
