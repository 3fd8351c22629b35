/// Black-76: European options on a forward, discounted at a flat rate.
///
///   s = vol sqrt(years)     d1 = ln(forward / strike) / s + s / 2     d2 = d1 - s     D = e^{-rate years}
///   value = D phi (F N(phi d1) - K N(phi d2))
///   delta = D phi N(phi d1)      gamma = D n(d1) / (F s)      vega = D F n(d1) sqrt(years)
///   theta = rate value - D F n(d1) vol / (2 sqrt(years))      rho = -years value
///   vanna = -D n(d1) d2 / vol     volga = vega d1 d2 / vol
///   charm = rate delta + D n(d1) d2 / (2 years)     veta = vega (rate - (1 + d1 d2) / (2 years))
///   dual_delta = -D phi N(phi d2)     dual_gamma = gamma (F / K)^2
///   speed = -gamma (d1 + s) / (s F)     zomma = gamma (d1 d2 - 1) / vol
///   color = gamma (rate + (1 - d1 d2) / (2 years))     ultima: european.hpp
///
/// Derivatives hold the forward fixed. theta is with respect to calendar time, per year.
///
/// Edges  see limits.hpp: years = 0, vol = 0 and every bad input have a stated result.
/// Error  1e-14 relative in value, delta, gamma, vega and rho wherever they exceed 1e-300, on every instruction set
///        with fused multiply-add; tests/python/test_pricing.py. theta as its two terms, which may cancel.
/// From   Black (1976), "The pricing of commodity contracts", J. Financial Economics 3:167-179.
#pragma once

#include "rebalance/pricing/european.hpp"
#include "rebalance/pricing/greeks.hpp"

namespace rebalance::pricing {

/// ln(forward/strike)/s and its low part; z is clear of infinity for any inputs inside the kernel's domain.
template <class V>
struct Moneyness {
  V h, h_low;
};

template <class V>
REBALANCE_INLINE Moneyness<V> moneyness(math::Split<V> x, Stddev<V> s) {
  const V h = x.high * s.inverse;
  const V lost = x.low - fma(h, s.low, product_minus(h, s.high, x.high));
  return {h, lost * s.inverse};
}

/// h + side s, every rounding on the way carried along: side is 1/2 for d1, -1/2 for d2.
template <class V>
REBALANCE_INLINE math::Split<V> deviation(Moneyness<V> m, Stddev<V> s, V side) {
  const V half = side * s.high, d = m.h + half;
  const V b = d - m.h;
  return {d, (m.h - (d - b)) + (half - b) + fma(side, s.low, m.h_low)};
}

/// h + (whole + 1/2) s to the last digit: where the two nearly cancel every step is exact, and the low parts count. So
/// d1 + s is shifted by 1, d2 - s by -2. No further out than a density beside it reaches, lest a product overflow.
template <class V>
REBALANCE_INLINE V shifted(Moneyness<V> m, Stddev<V> s, V whole) {
  const V d = ((m.h + whole * s.high) + V(0.5) * s.high) + fma(whole + V(0.5), s.low, m.h_low);
  const V end = fma(V(2.0), s.high, V(200.0));
  return min(max(d, -end), end);
}

/// d1 and d2 as the higher derivatives take them: within +-200, beyond which no density is left beside them and the
/// product of several might overflow.
template <class V>
struct Deviations {
  V d1, d2, product;
};

template <class V>
REBALANCE_INLINE Deviations<V> deviations(Moneyness<V> m, Stddev<V> s) {
  const auto clamped = [&](V side) {
    const math::Split<V> d = deviation(m, s, side);
    return min(max(d.high + d.low, V(-200.0)), V(200.0));
  };
  const V d1 = clamped(V(0.5)), d2 = clamped(V(-0.5));
  return {d1, d2, d1 * d2};
}

/// d3V/dvol3 of every option whose vega is proportional to n(d1), Black's and its relatives.
///
///   ultima = -(vega / vol^2) (d1 d2 (1 - d1 d2) + d1^2 + d2^2)
template <class V>
REBALANCE_INLINE V ultima(V vega, V inverse_vol, Deviations<V> d) {
  const V bracket = fma(d.product, V(1.0) - d.product, fma(d.d1, d.d1, d.d2 * d.d2));
  return -(vega * bracket) * inverse_vol * inverse_vol;
}

/// e^{-rate years} for |rate years| <= 700: one ulp, the rounding of the product being carried along.
///
/// Up to a third, as rates mostly are, the exponent needs no reduction: n would be 0 and the bits are the same.
template <class V>
REBALANCE_INLINE V discount(V rate, V years) {
  const V exponent = -rate * years, lost = product_minus(rate, years, -exponent);
  if (!any(abs(exponent) > V(0.34))) [[likely]]
    return math::exp_polynomial(V(1.0), exponent - lost);
  math::ExpParts<V> parts = math::exp_parts(exponent);
  parts.r = parts.r - lost;
  return math::exp_times(V(1.0), parts);
}

template <class V>
struct Black76Inputs {
  V forward, strike, vol, years, phi, rate;
};

/// kDiscounted = false leaves out the discount factor, for rows whose rate is 0: the same bits, less work.
template <bool kDiscounted>
struct Black76Model {
  static constexpr const char* kName = "black76";
  static constexpr const char* kInputs[] = {"forward", "strike", "vol", "years", "phi", "rate"};
  static constexpr Greek kOutputs[16] = {Greek::value,      Greek::delta, Greek::gamma, Greek::vega,  Greek::theta,
                                         Greek::rho,  //
                                         Greek::vanna,      Greek::volga, Greek::charm, Greek::veta,  Greek::dual_delta,
                                         Greek::dual_gamma, Greek::speed, Greek::zomma, Greek::color, Greek::ultima};
  static constexpr int kCounts[3] = {6, 12, 16};  ///< how many of them belong to order 1, 2, 3

  template <class V>
  using Inputs = Black76Inputs<V>;

  /// The undiscounted option with all that its Greeks need; `inverse` models read it too.
  template <class V>
  struct Undiscounted {
    European<V> option;
    V density, sqrt_years, inverse_s, inverse_sf;  // n(d1), sqrt(years), 1/s, 1/(s F)
    Moneyness<V> m;
    Stddev<V> s;
  };

  template <class V>
  REBALANCE_INLINE static Undiscounted<V> undiscounted(V forward, V strike, V vol, V years, V phi, math::Split<V> x) {
    const V sqrt_years = sqrt(years), s_high = vol * sqrt_years;
    const V inverse_sf = V(1.0) / (s_high * forward), inverse_s = inverse_sf * forward;
    const Stddev<V> s{s_high, stddev_low(vol, years, sqrt_years, s_high, inverse_s), inverse_s};
    const Moneyness<V> m = moneyness(x, s);
    const V density = math::normal_density(deviation(m, s, V(0.5)));
    return {european<Rare::no>(forward, strike, abs(forward - strike), abs(m.h), s.high, density, x.high <= V(0.0),
                               phi > V(0.0)),
            density,
            sqrt_years,
            inverse_s,
            inverse_sf,
            m,
            s};
  }

  /// x is log_ratio(forward, strike).
  template <int kOrder, class V>
  REBALANCE_INLINE static Greeks<V> evaluate(const Inputs<V>& in, math::Split<V> x) {
    const Undiscounted<V> u = undiscounted(in.forward, in.strike, in.vol, in.years, in.phi, x);
    const V e = in.forward * u.density;
    Greeks<V> g;
    g.value = u.option.value;
    g.delta = in.phi * u.option.asset_probability;
    g.gamma = u.density * u.inverse_sf;
    g.vega = e * u.sqrt_years;
    g.theta = V(-0.5) * (e * in.vol) * (in.vol * u.inverse_s);
    V d = 1.0;
    if constexpr (kDiscounted) {
      d = discount(in.rate, in.years);
      g.value = g.value * d;
      g.delta = g.delta * d;
      g.gamma = g.gamma * d;
      g.vega = g.vega * d;
      g.theta = fma(in.rate, g.value, g.theta * d);
    }
    g.rho = fnma(in.years, g.value, V(0.0));
    if constexpr (kOrder >= 2) {
      const Deviations<V> v = deviations(u.m, u.s);
      const V inverse_vol = u.sqrt_years * u.inverse_s, root = in.vol * u.inverse_s, half_rate = V(0.5) * root * root;
      const V inverse_strike = V(1.0) / in.strike, ratio = in.forward * inverse_strike;
      const V density = kDiscounted ? u.density * d : u.density, bent = density * v.d2;
      g.vanna = -bent * inverse_vol;
      g.volga = g.vega * v.product * inverse_vol;
      g.charm = bent * half_rate;
      g.veta = -(V(1.0) + v.product) * half_rate;
      g.dual_delta = -in.phi * u.option.strike_leg * inverse_strike;
      g.dual_gamma = density * ratio * (inverse_strike * u.inverse_s);
      if constexpr (kOrder >= 3) {
        g.speed = -g.gamma * shifted(u.m, u.s, V(1.0)) * u.inverse_sf;
        g.zomma = g.gamma * (v.product - V(1.0)) * inverse_vol;
        g.color = (V(1.0) - v.product) * half_rate;
        g.ultima = ultima(g.vega, inverse_vol, v);
      }
      if constexpr (kDiscounted) {
        g.charm = fma(in.rate, g.delta, g.charm);
        g.veta = in.rate + g.veta;
        g.dual_delta = g.dual_delta * d;
        if constexpr (kOrder >= 3) g.color = in.rate + g.color;
      }
      g.veta = g.vega * g.veta;
      if constexpr (kOrder >= 3) g.color = g.gamma * g.color;
    }
    return g;
  }
};

using Black76 = Black76Model<true>;

}  // namespace rebalance::pricing
