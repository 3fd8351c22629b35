/// Digital options on a spot price with a continuous dividend yield: if phi (S_T - K) > 0 at expiry, cash pays one unit
/// of quote currency and asset pays S_T.
///
///   x, s, d1, d2, b as in bsm.hpp     a1 = dd1/dyears = b / s - d2 / (2 years)     a2 = dd2/dyears = b / s - d1 / (2
///   years)
///
///   cash: D = e^{-rate years}, w = phi D n(d2)             asset: D = e^{-q years}, w = phi D n(d1), a = w / s
///   value = D N(phi d2)                                     value = S D N(phi d1)
///   delta = w / (s S)                                       delta = D N(phi d1) + a
///   gamma = -w d1 / (s S)^2                                 gamma = -a d2 / (s S)
///   vega = -w d1 / vol                                      vega = -S w d2 / vol
///   theta = rate value - w a2                               theta = q value - S w a1
///   rho = years (w / s - value)                             rho = S years a
///   rho_dividend = -years w / s                             rho_dividend = -years S delta
///   vanna = delta (d1 d2 - 1) / vol                         vanna = a (d2^2 - 1) / vol
///   volga = w (d1 + d2 - d1^2 d2) / vol^2                   volga = S w (d1 + d2 - d1 d2^2) / vol^2
///   charm = delta (rate + d2 a2 + 1 / (2 years))            charm = q delta + a (d2 a1 + 1 / (2 years))
///   veta = vega (rate + d2 a2) + w a1 / vol                 veta = vega (q + d1 a1) + S w a2 / vol
///   dual_delta = -w / (s K)                                 dual_delta = -S a / K
///   dual_gamma = w (s - d2) / (s K)^2                      dual_gamma = -S a d2 / (s K^2)
///   speed = w (d1 (d1 + s) - 1) / (s S)^3                   speed = a (d2 (d1 + s) - 1) / (s S)^2
///   zomma = -w (d1 (d1 d2 - 2) - d2) / ((s S)^2 vol)        zomma = -a (d2 (d1 d2 - 2) - d1) / (s S vol)
///   color = w (a1 - d1 (rate + d2 a2 + 1/years)) / (s S)^2  color = a (a2 - d2 (q + d1 a1 + 1/years)) / (s S)
///   ultima = w Q / vol^3                                    ultima = S w Q / vol^3
///     Q = (d1 d2 - 2) (d1 + d2 - d1^2 d2)                     Q = (d1 d2 - 2) (d1 + d2 - d1 d2^2)
///         - (d1 + d2) + d1^3 + 2 d1 d2^2                          - (d1 + d2) + d2^3 + 2 d1^2 d2
///
/// The delta and rho_dividend of an asset put and the rho of a cash call are a density times M(y) - 1/s, M being Mills'
/// ratio and y = d1 or -d2. Where y is about s they nearly cancel, and are summed from R = 1 - y M(y) instead:
///
///   M(y) - 1/s = ((s - y) / s - R) / y        asset: s - y = -d2        cash: s - y = d1
///
/// Edges  see limits.cpp; exactly at the strike the limits of N are 1/2, so that payoff is half paid.
/// Error  within 16 units of attainable error in every output; docs/pricing.md.
/// From   Reiner and Rubinstein (1991), "Unscrambling the binary code", Risk 4:75-83.
#pragma once

#include "rebalance/pricing/bsm.hpp"

namespace rebalance::pricing {

enum class Payoff : std::uint8_t { cash, asset };

template <Payoff kPayoff>
struct Digital {
  static constexpr bool kCash = kPayoff == Payoff::cash;
  static constexpr const char* kName = "digital";
  static constexpr const char* kInputs[] = {"spot", "strike", "vol", "years", "phi", "rate", "dividend_yield"};
  static constexpr const Greek (&kOutputs)[17] = Bsm::kOutputs;
  static constexpr const int (&kCounts)[3] = Bsm::kCounts;

  template <class V>
  using Inputs = Bsm::Inputs<V>;

  /// True for every row that needs Cancelling::yes: s > 2.
  template <class V>
  REBALANCE_INLINE static auto may_cancel(const Inputs<V>& in) {
    return in.vol * in.vol * in.years > V(3.99);
  }

  template <int kOrder, Cancelling kCancelling, class V>
  REBALANCE_INLINE static Greeks<V> evaluate(const Inputs<V>& in, math::Split<V> x0) {
    const V sqrt_years = sqrt(in.years), s_high = in.vol * sqrt_years;
    const V inverse_ss = V(1.0) / (s_high * in.spot), inverse_s = inverse_ss * in.spot;
    const Stddev<V> s{s_high, stddev_low(in.vol, in.years, sqrt_years, s_high, inverse_s), inverse_s};
    const Moneyness<V> m = moneyness(carried(x0, in.rate, in.dividend_yield, in.years), s);
    const V side = kCash ? -0.5 : 0.5, yield = kCash ? in.rate : in.dividend_yield;

    const math::Split<V> d = deviation(m, s, side);
    const V density = math::normal_density(d);
    const V tail = density * math::mills(min(abs(d.high), V(math::kMillsEnd)));
    const V probability = select(in.phi * d.high > V(0.0), V(1.0) - tail, tail);
    const V discounted = discount(yield, in.years), w = in.phi * discounted * density;
    const Deviations<V> v = deviations(m, s);
    const V inverse_vol = sqrt_years * inverse_s, root = in.vol * inverse_s, half_rate = V(0.5) * root * root;
    const V drift = (in.rate - in.dividend_yield) * inverse_s;
    const V a1 = fnma(v.d2, half_rate, drift), a2 = fnma(v.d1, half_rate, drift);
    const V inverse_strike = V(1.0) / in.strike;
    // y within half of s. For s < 2 enough is left of the plain difference.
    const V apart = kCash ? v.d1 : -v.d2, y = kCash ? -v.d2 : v.d1;
    const auto cancelling = [&] {
      return (max(abs(apart + apart), V(2.0)) < s_high) & (kCash ? in.phi > V(0.0) : in.phi < V(0.0));
    };
    const auto remainder = [&] { return discounted * density * (fma(apart, inverse_s, -math::mills_decline(y)) / y); };
    Greeks<V> g;
    if constexpr (kCash) {
      const V wss = w * inverse_ss, wss2 = wss * inverse_ss, ws = w * inverse_s;
      g.value = discounted * probability;
      g.delta = wss;
      g.gamma = -wss2 * v.d1;
      g.vega = -w * v.d1 * inverse_vol;
      g.theta = fma(in.rate, g.value, -w * a2);
      g.rho = in.years * (ws - g.value);
      if constexpr (kCancelling == Cancelling::yes) g.rho = select(cancelling(), -in.years * remainder(), g.rho);
      g.rho_dividend = -in.years * ws;
      if constexpr (kOrder >= 2) {
        const V sum = v.d1 + v.d2, q = fnma(v.d1, v.product, sum), inner = fma(v.d2, a2, in.rate);
        g.vanna = wss * (v.product - V(1.0)) * inverse_vol;
        g.volga = w * q * inverse_vol * inverse_vol;
        g.charm = wss * (inner + half_rate);
        g.veta = fma(g.vega, inner, w * a1 * inverse_vol);
        g.dual_delta = -ws * inverse_strike;
        g.dual_gamma = -ws * (shifted(m, s, V(-2.0)) * inverse_s) * inverse_strike * inverse_strike;
        if constexpr (kOrder >= 3) {
          const V rest = fma(v.d1, fma(v.d1, v.d1, V(2.0) * (v.d2 * v.d2)), -sum);
          g.speed = wss2 * fma(v.d1, shifted(m, s, V(1.0)), V(-1.0)) * inverse_ss;
          g.zomma = -wss2 * fma(v.d1, v.product - V(2.0), -v.d2) * inverse_vol;
          g.color = wss2 * fnma(v.d1, inner + V(2.0) * half_rate, a1);
          g.ultima = w * fma(v.product - V(2.0), q, rest) * inverse_vol * inverse_vol * inverse_vol;
        }
      }
    } else {
      const V a = w * inverse_s, sw = in.spot * w, sa = in.spot * a, ass = a * inverse_ss;
      g.value = in.spot * (discounted * probability);
      g.delta = fma(discounted, probability, a);
      if constexpr (kCancelling == Cancelling::yes) g.delta = select(cancelling(), remainder(), g.delta);
      g.gamma = -ass * v.d2;
      g.vega = -sw * v.d2 * inverse_vol;
      g.theta = fma(in.dividend_yield, g.value, -sw * a1);
      g.rho = in.years * sa;
      g.rho_dividend = -in.years * (in.spot * g.delta);
      if constexpr (kOrder >= 2) {
        const V sum = v.d1 + v.d2, q = fnma(v.d2, v.product, sum), inner = fma(v.d1, a1, in.dividend_yield);
        g.vanna = a * fma(v.d2, v.d2, V(-1.0)) * inverse_vol;
        g.volga = sw * q * inverse_vol * inverse_vol;
        g.charm = fma(in.dividend_yield, g.delta, a * fma(v.d2, a1, half_rate));
        g.veta = fma(g.vega, inner, sw * a2 * inverse_vol);
        g.dual_delta = -sa * inverse_strike;
        g.dual_gamma = -sa * v.d2 * inverse_s * inverse_strike * inverse_strike;
        if constexpr (kOrder >= 3) {
          const V rest = fma(v.d2, fma(v.d2, v.d2, V(2.0) * (v.d1 * v.d1)), -sum);
          g.speed = ass * fma(v.d2, shifted(m, s, V(1.0)), V(-1.0)) * inverse_ss;
          g.zomma = -ass * fma(v.d2, v.product - V(2.0), -v.d1) * inverse_vol;
          g.color = ass * fnma(v.d2, inner + V(2.0) * half_rate, a2);
          g.ultima = sw * fma(v.product - V(2.0), q, rest) * inverse_vol * inverse_vol * inverse_vol;
        }
      }
    }
    return g;
  }
};

}  // namespace rebalance::pricing
