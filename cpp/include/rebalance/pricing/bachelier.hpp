/// Bachelier: European options on a forward that moves by amounts, not by proportions; prices may have any sign.
///
///   s = vol sqrt(years)     d = (forward - strike) / s     D = e^{-rate years}
///   value = D s (n(d) + phi d N(phi d))     delta = D phi N(phi d)     gamma = D n(d) / s     vega = D n(d)
///   sqrt(years) theta = rate value - D n(d) vol / (2 sqrt(years))     rho = -years value vanna = -D n(d) d / vol volga
///   = vega d^2 / vol     charm = rate delta + D n(d) d / (2 years) veta = vega (rate - (1 + d^2) / (2 years))
///   dual_delta = -delta     dual_gamma = gamma speed = -gamma d / s     zomma = gamma (d^2 - 1) / vol     color =
///   gamma (rate + (1 - d^2) / (2 years)) ultima = vega d^2 (d^2 - 3) / vol^2
///
/// vol is in quote currency per square root of a year. The out-of-the-money value s (n(z) - z N(-z)), z = |d|, is
/// s n(z) (1 - z M(z)) = -s n(z) M'(z) with Mills' ratio M, and M' is what mills_pair's slope becomes where its two
/// points meet, so that nothing cancels in the tail.
///
/// Edges  see limits.cpp.
/// Error  within 16 units of attainable error in every output; docs/pricing.md.
/// From   Bachelier (1900), "Theorie de la speculation"; Schachermayer and Teichmann (2008), Math. Finance 18:155-170.
#pragma once

#include "rebalance/pricing/black76.hpp"

namespace rebalance::pricing {

struct Bachelier {
  static constexpr const char* kName = "bachelier";
  static constexpr const char* kInputs[] = {"forward", "strike", "normal_vol", "years", "phi", "rate"};
  static constexpr Greek kOutputs[16] = {Greek::value, Greek::delta, Greek::gamma,      Greek::vega,
                                         Greek::theta, Greek::rho,   Greek::vanna,      Greek::volga,
                                         Greek::charm, Greek::veta,  Greek::dual_delta, Greek::dual_gamma,
                                         Greek::speed, Greek::zomma, Greek::color,      Greek::ultima};
  static constexpr int kCounts[3] = {6, 12, 16};

  template <class V>
  using Inputs = Black76Inputs<V>;

  template <int kOrder, class V>
  REBALANCE_INLINE static Greeks<V> evaluate(const Inputs<V>& in) {
    const V sqrt_years = sqrt(in.years), s = in.vol * sqrt_years, inverse_s = V(1.0) / s;
    const V gap = in.forward - in.strike, d = gap * inverse_s, z = min(abs(d), V(math::kMillsEnd));
    const V density = math::normal_density(d, product_minus(d, s, gap) * -inverse_s);
    const auto m = math::mills_pair(z, z);
    const V tail = density * m.at_y1 * m.inverse, otm = (s * density) * m.slope * m.inverse;
    const auto in_the_money = in.phi * gap > V(0.0);
    const V discounting = discount(in.rate, in.years);
    Greeks<V> g;
    g.value = discounting * select(in_the_money, otm + abs(gap), otm);
    g.delta = discounting * (in.phi * select(in_the_money, V(1.0) - tail, tail));
    const V weight = discounting * density;
    g.gamma = weight * inverse_s;
    g.vega = weight * sqrt_years;
    const V root = in.vol * inverse_s, half_rate = V(0.5) * root * root;  // 1 / (2 years)
    g.theta = fma(in.rate, g.value, V(-0.5) * weight * in.vol * root);
    g.rho = fnma(in.years, g.value, V(0.0));
    if constexpr (kOrder >= 2) {
      const V end = 200.0, b = min(max(d, -end), end), square = b * b, inverse_vol = sqrt_years * inverse_s;
      const V bent = weight * b;
      g.vanna = -bent * inverse_vol;
      g.volga = g.vega * square * inverse_vol;
      g.charm = fma(in.rate, g.delta, bent * half_rate);
      g.veta = g.vega * fnma(V(1.0) + square, half_rate, in.rate);
      g.dual_delta = -g.delta;
      g.dual_gamma = g.gamma;
      if constexpr (kOrder >= 3) {
        g.speed = -(bent * inverse_s) * inverse_s;
        g.zomma = g.gamma * (square - V(1.0)) * inverse_vol;
        g.color = g.gamma * fma(V(1.0) - square, half_rate, in.rate);
        g.ultima = g.vega * square * (square - V(3.0)) * inverse_vol * inverse_vol;
      }
    }
    return g;
  }
};

}  // namespace rebalance::pricing
