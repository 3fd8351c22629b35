/// Implied volatility: which vol gives this price, for Black-76, inverse and Bachelier options.
///
/// Take away what the option would be worth without any vol, and measure the rest, which a call and a put of one
/// strike share, in units of A = min(forward, strike). With x = |ln(F/K)|, h = x/s, t = s/2, y1 = h - t, y2 = h + t and
/// Mills' ratio M
///
///   w(s) = v / A = n(y1) (M(y1) - M(y2))            w' = n(y1)            0 < w < 1
///   1 - w        = n(y1) (M(-y1) + M(y2))           for y1 < 0
///
/// Bachelier's option is the limit t = 0, x = |F - K|: v = s n(h) (1 - h M(h)).
///
/// Starting point, within 40 % everywhere: either the vol of the Bachelier option of equal price, from one rational
/// function, carried over by s_N = s (|F - K| / x) / (1 + s^2/24); or, far from the forward, s with N(-y1) = w.
/// Then two third-order Householder steps in u = ln s on a function that is nearly straight in u: ln w near the
/// money, ln(-ln w) beyond h = 1, ln(-ln(1 - w)) where y1 < 0. They leave 2e-8. One last step takes the difference
/// w(s) - w itself, which no logarithm has rounded, and its second derivative.
///
/// Edges  refuse() below.
/// Error  8 x 2^-53 (1 + c), c the condition number of the vol in its inputs; docs/pricing.md.
/// From   The normalised form and the choice of functions to iterate on: Jaeckel (2015), "Let's be rational", Wilmott
///        75:40-53. The map between the two vols: Hagan, Kumar, Lesniewski and Woodward (2002), "Managing smile risk".
#pragma once

#include "rebalance/pricing/black76.hpp"
#include "rebalance/status.hpp"

namespace rebalance::pricing {

enum class Quote : std::uint8_t { black76, bachelier, inverse };

namespace implied {

/// A price with everything but the vol taken out of it.
template <class V>
struct Target {
  V x;        ///< |ln(F/K)|, or |F - K| for Bachelier
  V gap;      ///< |F - K| / A, or |F - K|
  V w, rest;  ///< v / A and 1 - w; v and anything for Bachelier
  V log_w, log_rest;
};

/// s to start from.
template <bool kNormal, class V>
REBALANCE_INLINE V start(const Target<V>& a, V log_w_per_gap) {
  // Bachelier: h = |F - K| / s, near the forward from eta, beyond h = 1 from the logarithm
  const V straddle = fma(V(2.0), a.w, a.gap), eta = a.gap / straddle, eta2 = eta * eta;
  const V r = sqrt(max(V(-2.0) * log_w_per_gap, V(1.0)));
  const V far = a.gap * math::horner(math::kNormalVolQ, r) / math::horner(math::kNormalVolP, r);
  const V normal = select(eta < V(0.857), straddle / math::horner(math::kNormalVolNear, eta2), far);
  if constexpr (kNormal) {
    return normal;
  } else {
    const V s0 = select(a.gap > V(0.0), normal * a.x / max(a.gap, V(1e-300)), normal);
    const V near = V(2.0) * s0 / (V(1.0) + sqrt(max(fnma(s0, s0 * V(1.0 / 6.0), V(1.0)), V(0.1))));
    // Far from the forward or near the upper bound: N(-y1) = w, or N(y1) + e^x N(-y2) = 1 - w with a guess at the
    // second term.
    const auto upper = a.w > V(0.5);
    const V tail = select(upper, fnma(V(0.6931), V(1.0) / (V(1.0) + a.gap), a.log_rest), a.log_w);
    const V q = sqrt(V(-2.0) * tail);
    const V y = q - math::horner(math::kQuantileP, q) / math::horner(math::kQuantileQ, q);
    const V root = sqrt(fma(y, y, a.x + a.x));
    const V quantile = select(upper, y + root, V(2.0) * a.x / (y + root));
    return select((a.x < V(1.0)) & (a.w < V(0.6)), near, quantile);
  }
}

/// What a step needs to know of the option at s.
template <class V, class Mask>
struct AtDeviation {
  V h, product, squares;  ///< h, h^2 - t^2, h^2 + t^2
  V near;                 ///< y1
  V first, second;        ///< w / (s n(y1)); and (1 - w) / n(y1), where `complement`
  Mask complement;
};

template <bool kNormal, class V>
REBALANCE_INLINE auto at(V x, V s) {
  const V h = x / s, t = kNormal ? V(0.0) : V(0.5) * s, near = h - t, far = h + t;
  const auto complement = near < V(math::kMillsBegin);
  const V y1 = min(select(complement, -near, near), V(math::kMillsEnd)), y2 = min(far, V(math::kMillsEnd));
  const auto m = math::mills_pair(y1, y2);
  V first = m.slope * m.inverse;
  // As 1 - h M(h), where that does not cancel: the slope of a fit has a digit less.
  if constexpr (kNormal) first = select(h < V(0.5), fnma(h, m.at_y1 * m.inverse, V(1.0)), first);
  return AtDeviation<V, decltype(complement)>{
      h, near * far, fma(h, h, t * t), near, first, (m.at_y1 + m.at_y2) * m.inverse, complement};
}

/// One Householder step of third order in u = ln s.
template <bool kNormal, class V>
REBALANCE_INLINE V step(const Target<V>& a, V s) {
  const auto o = at<kNormal>(a.x, s);
  const V argument = kNormal ? s * o.first : select(o.complement, o.second, s * o.first);
  const V log_density = fma(V(-0.5) * o.near, o.near, V(-math::kLogSqrt2Pi));
  const V l = log_density + math::log_ratio(argument, V(1.0)).high;  // ln w or ln(1 - w)
  const V wanted = kNormal ? a.log_w : select(o.complement, a.log_rest, a.log_w);
  // f = l: f' = g, f''/f' and f'''/f'
  const V g = V(1.0) / (kNormal ? o.first : select(o.complement, -o.second / s, o.first));
  const V c = V(1.0) + o.product - g;
  const V third = fma(c, c, fnma(g, c, V(-2.0) * o.squares));
  // f = ln(l / wanted), the logarithm by its Pade approximant: f' = g / l and so on
  const V i = g / l, ratio = l / wanted, square = ratio * ratio;
  const V f = V(3.0) * (square - V(1.0)) / fma(V(4.0), ratio, square + V(1.0));
  const auto twice = kNormal ? o.h > V(1.0) : o.complement | (o.h > V(1.0));
  const V c2 = c - i, third2 = fnma(V(2.0) * i, c2, fnma(c, i, third));
  const V newton = -select(twice, f / i, (l - wanted) / g), curve = select(twice, c2, c),
          bend = select(twice, third2, third);
  const V halley = fma(V(0.5) * curve, newton, V(1.0)),
          householder = fma(newton, fma(bend * newton, V(1.0 / 6.0), curve), V(1.0));
  const V factor = halley / householder;
  const V du = newton * select((factor > V(0.3)) & (factor < V(3.0)), factor, V(1.0));
  const V e = min(max(du, V(-1.0)), V(1.0));
  return s * ((V(2.0) + e) / (V(2.0) - e));
}

/// The last step, from a relative error below 1e-6 to rounding.
template <bool kNormal, class V>
REBALANCE_INLINE V polish(const Target<V>& a, V s) {
  const auto o = at<kNormal>(a.x, s);
  const V density = math::exp_times(V(math::kInvSqrt2Pi), math::exp_parts(V(-0.5) * (o.near * o.near)));
  const V slope = s * density;  // dw / du
  V excess = fma(slope, o.first, -a.w);
  if constexpr (!kNormal) excess = select(o.complement, fnma(density, o.second, a.rest), excess);
  const V newton = -excess / slope;
  return fma(s, fnma(V(0.5) * (o.product - V(1.0)) * newton, newton, newton), s);
}

/// Total deviation whose price is the target.
template <bool kNormal, class V>
REBALANCE_INLINE V stddev(const Target<V>& a, V log_w_per_gap) {
  return polish<kNormal>(a, step<kNormal>(a, step<kNormal>(a, start<kNormal>(a, log_w_per_gap))));
}

}  // namespace implied

template <Quote kQuote>
struct ImpliedVol {
  static constexpr bool kNormal = kQuote == Quote::bachelier;
  static constexpr int kInputs = 6;
  static constexpr const char* kNames[kInputs] = {"price", "forward", "strike", "years", "phi", "rate"};

  /// Below this w the row is left to finish_row: its logarithms need more care than its digits.
  static constexpr double kLeast = 1e-300;

  /// Whether w has all its digits, and so has the density that the last step divides by.
  template <class V>
  REBALANCE_INLINE static auto solvable(const implied::Target<V>& a) {
    return a.w > (kNormal ? V(kLeast) * max(a.gap, V(1.0)) : V(kLeast));
  }

  /// Time value and distance to the upper bound, in quote currency.
  template <class V>
  struct TimeValue {
    V value, rest, gap;
  };

  /// value = undiscounted price - intrinsic, with the subtraction of nearly equal numbers done exactly.
  template <class V>
  REBALANCE_INLINE static TimeValue<V> time_value(const V* in) {
    const V price = in[0], forward = in[1], strike = in[2], phi = in[4];
    V unit = forward;
    if constexpr (kQuote != Quote::inverse) {
      unit = discount(-in[5], in[3]);
    }
    const V high = max(forward, strike), low = min(forward, strike), gap = high - low;
    const V back = gap - high, gap_low = (high - (gap - back)) - (low + back);
    const auto in_the_money = phi * (forward - strike) > V(0.0);
    return {select(in_the_money, product_minus(price, unit, gap) - gap_low, price * unit),
            fnma(price, unit, select(phi > V(0.0), forward, strike)), gap};
  }

  template <class V>
  REBALANCE_INLINE static implied::Target<V> target(const V* in, TimeValue<V> t) {
    if constexpr (kNormal) {
      return {t.gap, t.gap, t.value, V(1.0), V(0.0), V(0.0)};
    } else {
      const V unit = V(1.0) / min(in[1], in[2]);
      return {abs(math::log_ratio(in[1], in[2]).high), t.gap * unit, t.value * unit, t.rest * unit, V(0.0), V(0.0)};
    }
  }

  /// True where the kernel may go on: all else is refused or finished by finish_row. NaN is outside.
  template <class V>
  REBALANCE_INLINE static auto inside(const V* in, TimeValue<V> t, const implied::Target<V>& a) {
    const V least = kNormal ? in[3] : min(min(in[1], in[2]), in[3]);
    const V size = kNormal ? abs(in[1]) + abs(in[2]) : in[1] + in[2];
    const V sum = (size + in[3]) + in[0];
    auto ok = (least > V(1e-100)) & (sum < V(1e100)) & (in[4] * in[4] == V(1.0)) & (in[0] > V(kLeast)) & solvable(a);
    if constexpr (!kNormal) ok = ok & (t.rest > V(0.0));
    if constexpr (kQuote != Quote::inverse) ok = ok & (abs(in[5] * in[3]) < V(700.0));
    return ok;
  }

  /// The vol, given that the row is inside.
  template <class V>
  REBALANCE_INLINE static V evaluate(const V* in, implied::Target<V> a) {
    a.log_w = math::log_ratio(a.w, V(1.0)).high;
    if constexpr (!kNormal) a.log_rest = math::log_ratio(a.rest, V(1.0)).high;
    const V log_w_per_gap = math::log_ratio(a.w, max(a.gap, V(kLeast))).high;
    return implied::stddev<kNormal>(a, log_w_per_gap) / sqrt(in[3]);
  }
};

/// Every row that the kernel leaves: a vol and a status.
///
///   any input NaN                              NaN   not_a_number
///   any input infinite, |rate years| >= 700    NaN   infinite; so is a vol that no double holds
///   phi not +1 or -1                           NaN   bad_phi
///   forward or strike <= 0 (not bachelier)     NaN   nonpositive_price
///   years < 0, years = 0                       NaN   expired, at_expiry
///   price < intrinsic                          NaN   below_intrinsic
///   price = intrinsic                          0     at_intrinsic; so are prices below by less than the rounding of
///                                                    the discount factor
///   price >= forward (call), strike (put)      NaN   above_upper_bound (not bachelier)
///   otherwise                                  the vol, ok: prices below 1e-300 of A, or beyond 1e+-100
///
/// There is no `unsolved`: every row takes the same few steps from a start within 40 %, and what they leave is known
/// for all of w and x beforehand (tests/reference/worst_vols.py), so that nothing is left to find out at run time.
template <Quote kQuote>
RowStatus finish_implied_vol(const double* in, double* vol) noexcept;

}  // namespace rebalance::pricing
