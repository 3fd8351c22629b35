/// Black-Scholes-Merton: European options on a spot price with a continuous dividend yield.
///
///   b = rate - dividend_yield     x = ln(spot / strike) + b years     A = S e^{-q years}     B = K e^{-rate years}
///   s = vol sqrt(years)     d1 = x / s + s / 2     d2 = d1 - s
///   value = phi (A N(phi d1) - B N(phi d2))
///   delta = phi e^{-q years} N(phi d1)     gamma = e^{-q years} n(d1) / (S s)     vega = A n(d1) sqrt(years)
///   theta = -A n(d1) vol / (2 sqrt(years)) - phi rate B N(phi d2) + phi q A N(phi d1)
///   rho = phi years B N(phi d2)     rho_dividend = -phi years A N(phi d1)
///   with a1 = dd1/dyears = b / s - d2 / (2 years):
///   vanna = -e^{-q years} n(d1) d2 / vol     volga = vega d1 d2 / vol     charm = q delta - e^{-q years} n(d1) a1
///   veta = vega (q + d1 a1 - 1 / (2 years))     dual_delta = -phi e^{-rate years} N(phi d2)
///   dual_gamma = gamma (S / K)^2     speed = -gamma (d1 + s) / (s S)     zomma = gamma (d1 d2 - 1) / vol
///   color = gamma (q + d1 a1 + 1 / (2 years))     ultima: european.hpp
///
/// Edges  see limits.hpp.
/// Error  1e-13 relative in value, delta, gamma, vega, rho and rho_dividend wherever they exceed 1e-300 and
///        s > 1e-3 |b| years + 1e-4; below that x is as good as the rounding of its two terms allows.
/// From   Black and Scholes (1973), J. Political Economy 81:637-654; Merton (1973), Bell J. Economics 4:141-183.
#pragma once

#include "rebalance/pricing/black76.hpp"

namespace rebalance::pricing {

/// ln(spot/strike) + (rate - yield) years: near the forward the two terms cancel, so both roundings are kept.
template <class V>
REBALANCE_INLINE math::Split<V> carried(math::Split<V> x, V rate, V yield, V years) {
  const V b = rate - yield, v = rate - b;
  const V b_low = (rate - (b + v)) + (v - yield);
  const V growth = b * years;
  const V growth_low = fma(b_low, years, product_minus(b, years, growth));
  const V sum = x.high + growth, w = sum - x.high;
  const V low = ((x.high - (sum - w)) + (growth - w)) + (x.low + growth_low);
  const V high = sum + low;  // where the two terms cancel, what they lost is no small part of the sum
  return {high, low - (high - sum)};
}

struct Bsm {
  static constexpr const char* kName = "bsm";
  static constexpr const char* kInputs[] = {"spot", "strike", "vol", "years", "phi", "rate", "dividend_yield"};
  static constexpr Greek kOutputs[17] = {
      Greek::value,        Greek::delta, Greek::gamma, Greek::vega,  Greek::theta, Greek::rho,
      Greek::rho_dividend, Greek::vanna, Greek::volga, Greek::charm, Greek::veta,  Greek::dual_delta,
      Greek::dual_gamma,   Greek::speed, Greek::zomma, Greek::color, Greek::ultima};
  static constexpr int kCounts[3] = {7, 13, 17};

  template <class V>
  struct Inputs {
    V spot, strike, vol, years, phi, rate, dividend_yield;
  };

  /// x0 is log_ratio(spot, strike).
  template <int kOrder, class V>
  REBALANCE_INLINE static Greeks<V> evaluate(const Inputs<V>& in, math::Split<V> x0) {
    const V sqrt_years = sqrt(in.years), s_high = in.vol * sqrt_years;
    const V inverse_ss = V(1.0) / (s_high * in.spot), inverse_s = inverse_ss * in.spot;
    const Stddev<V> s{s_high, stddev_low(in.vol, in.years, sqrt_years, s_high, inverse_s), inverse_s};

    const math::Split<V> x = carried(x0, in.rate, in.dividend_yield, in.years);
    const Moneyness<V> m = moneyness(x, s);
    const V density = math::normal_density(deviation(m, s, V(0.5)));

    const V asset_discount = discount(in.dividend_yield, in.years), strike_discount = discount(in.rate, in.years);
    const V asset = in.spot * asset_discount, strike = in.strike * strike_discount;
    const European<V> o = european<Rare::no>(asset, strike, intrinsic(asset, strike, x), abs(m.h), s_high, density,
                                             x.high <= V(0.0), in.phi > V(0.0));

    const V e = asset * density, asset_leg = asset * o.asset_probability;
    Greeks<V> g;
    g.value = o.value;
    g.delta = in.phi * (asset_discount * o.asset_probability);
    g.gamma = asset_discount * density * inverse_ss;
    g.vega = e * sqrt_years;
    const V carry = fnma(in.rate, o.strike_leg, in.dividend_yield * asset_leg);
    g.theta = fma(in.phi, carry, V(-0.5) * (e * in.vol) * (in.vol * inverse_s));
    g.rho = in.phi * (in.years * o.strike_leg);
    g.rho_dividend = -in.phi * (in.years * asset_leg);
    if constexpr (kOrder >= 2) {
      const Deviations<V> v = deviations(m, s);
      const V inverse_vol = sqrt_years * inverse_s, root = in.vol * inverse_s, half_rate = V(0.5) * root * root;
      const V inverse_strike = V(1.0) / in.strike, ratio = in.spot * inverse_strike;
      const V a1 = fnma(v.d2, half_rate, (in.rate - in.dividend_yield) * inverse_s);
      const V discounted = asset_discount * density, drift = fma(v.d1, a1, in.dividend_yield);
      g.vanna = -(discounted * v.d2) * inverse_vol;
      g.volga = g.vega * v.product * inverse_vol;
      g.charm = fma(in.dividend_yield, g.delta, -(discounted * a1));
      g.veta = g.vega * (drift - half_rate);
      g.dual_delta = -in.phi * o.strike_leg * inverse_strike;
      g.dual_gamma = discounted * ratio * (inverse_strike * inverse_s);
      if constexpr (kOrder >= 3) {
        g.speed = -g.gamma * shifted(m, s, V(1.0)) * inverse_ss;
        g.zomma = g.gamma * (v.product - V(1.0)) * inverse_vol;
        g.color = g.gamma * (drift + half_rate);
        g.ultima = ultima(g.vega, inverse_vol, v);
      }
    }
    return g;
  }

 private:
  /// |A - B|. Close to the forward through B (e^x - 1), since the discounted legs have been rounded.
  template <class V>
  REBALANCE_INLINE static V intrinsic(V asset, V strike, math::Split<V> x) {
    const V expm1 = fma(x.high * x.high, math::horner(math::kExpQ, x.high), x.high + x.low);
    return abs(select(abs(x.high) < V(0.34), strike * expm1, asset - strike));
  }
};

}  // namespace rebalance::pricing
