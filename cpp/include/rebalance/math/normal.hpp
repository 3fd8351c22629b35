/// Normal density and distribution, relatively accurate in both tails, as formulas on a value type V.
///
/// Everything stands on Mills' ratio  M(z) = N(-z) / n(z),  which varies slowly where N(-z) itself falls through
/// three hundred orders of magnitude. One rational function P/Q serves the whole line: its coefficients are all
/// positive, so for z >= 0 nothing in it cancels.
///
/// Measured errors are the worst over the points that tests/python/test_math.py walks, against 40 digits.
#pragma once

#include "rebalance/math/exp_log.hpp"

namespace rebalance::math {

/// Beyond this n(x) is below the smallest double.
inline constexpr double kDensityEnd = 38.6;

/// Mills' ratio is asked for no further out than this: by then every density beside it is 0.
inline constexpr double kMillsEnd = 100.0;

/// The fit of Mills' ratio reaches this far below 0.
inline constexpr double kMillsBegin = -0.5;

/// n(x + x_low), the low part being what x lost.
///
/// x^2 is squared exactly: at x = 38 its rounding alone would cost 700 ulp of the density.
template <class V>
REBALANCE_INLINE V normal_density(V x, V x_low) {
  const V square = x * x;
  const V square_low = fma(x + x, x_low, product_minus(x, x, square));
  ExpParts<V> parts = exp_parts(V(-0.5) * square);
  parts.r = fma(V(-0.5), square_low, parts.r);
  return select(abs(x) < V(kDensityEnd), exp_times(V(kInvSqrt2Pi), parts), V(0.0));
}

template <class V>
REBALANCE_INLINE V normal_density(Split<V> x) {
  return normal_density(x.high, x.low);
}

/// n(x). NaN gives NaN.
///
/// Error  1.4 ulp on |x| < 37.5
template <class V>
REBALANCE_INLINE V normal_density(V x) {
  return select(x == x, normal_density(x, V(0.0)), x);
}

/// P(z) and Q(z) with M = P/Q.
template <class V>
REBALANCE_INLINE V mills(V z) {
  return horner(kMillsP, z) / horner(kMillsQ, z);
}

/// 1 - z M(z) = -M'(z), about 1/z^2, for z >= 1: sums in which M and its limit 1/z nearly cancel are made of this.
///
/// Error  3 ulp on [1, 60], being a fit of its own: 1 - z mills(z) would lose z^2 times what M has lost.
template <class V>
REBALANCE_INLINE V mills_decline(V z) {
  return horner(kMillsDeclineP, z) / horner(kMillsDeclineQ, z);
}

/// M(y1), M(y2) and the slope (M(y1) - M(y2)) / (y2 - y1) as numerators over one denominator, for
/// kMillsBegin <= y1, y2 <= kMillsEnd.
template <class V>
struct MillsPair {
  V at_y1, at_y2, slope, inverse;  ///< multiply each of the first three by the last
};

/// The difference of two nearly equal Mills' ratios is the value of a far or short option, so it must not be formed
/// by subtraction. Horner's rule at y1 leaves the coefficients of the quotient (P(y) - P(y1)) / (y - y1) behind;
/// evaluating that at y2 costs no more than P(y2) would, and with p = P(y1), q = Q(y1), dp and dq the two quotients
///
///   P(y2) = p + (y2 - y1) dp     Q(y2) = q + (y2 - y1) dq
///   M(y1) - M(y2) = (y2 - y1) (p dq - q dp) / (q Q(y2))
///
/// Error  slope 5e-15 relative everywhere, 1e-15 for y1 < 1; at_y1, at_y2 1.3e-15
template <class V>
REBALANCE_INLINE MillsPair<V> mills_pair(V y1, V y2) {
  constexpr int kP = sizeof kMillsP / sizeof(double) - 1, kQ = sizeof kMillsQ / sizeof(double) - 1;
  V p = kMillsP[kP], dp = p, q = kMillsQ[kQ], dq = q;
#pragma GCC unroll 16
  for (int i = kP - 1; i >= 1; --i) {
    p = fma(p, y1, V(kMillsP[i]));
    dp = fma(dp, y2, p);
  }
  p = fma(p, y1, V(kMillsP[0]));
#pragma GCC unroll 16
  for (int i = kQ - 1; i >= 1; --i) {
    q = fma(q, y1, V(kMillsQ[i]));
    dq = fma(dq, y2, q);
  }
  q = fma(q, y1, V(kMillsQ[0]));
  const V step = y2 - y1;
  const V p2 = fma(step, dp, p), q2 = fma(step, dq, q);
  return {p * q2, p2 * q, fnma(q, dp, p * dq), V(1.0) / (q * q2)};
}

/// N(x), with full relative accuracy in the lower tail. NaN gives NaN.
///
/// Error  7.6 ulp on x > -37.5
template <class V>
REBALANCE_INLINE V normal_cdf(V x) {
  const V tail = normal_density(x, V(0.0)) * mills(min(abs(x), V(kMillsEnd)));
  return select(x == x, select(x > V(0.0), V(1.0) - tail, tail), x);
}

}  // namespace rebalance::math
