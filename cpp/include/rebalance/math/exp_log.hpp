/// Exponential and logarithm as formulas on a value type V (see simd/vec.hpp).
///
/// Measured errors are the worst over the points that tests/python/test_math.py walks, in units in the last place
/// of the exact result, against 40 digits.
#pragma once

#include "rebalance/math/coefficients.hpp"
#include "rebalance/simd/vec.hpp"

namespace rebalance::math {

/// c[0] + c[1] x + ... by Horner's rule.
template <int N, class V>
REBALANCE_INLINE V horner(const double (&c)[N], V x) {
  V y = c[N - 1];
#pragma GCC unroll 16
  for (int i = N - 2; i >= 0; --i) y = fma(y, x, V(c[i]));
  return y;
}

/// A number as the sum of a double and what that double lost.
template <class V>
struct Split {
  V high, low;
};

/// exp(x) = 2^n e^r with n = round(x / ln 2): the whole part and the rest, |r| <= ln(2)/2.
template <class V>
struct ExpParts {
  V n, r;
};

template <class V>
REBALANCE_INLINE ExpParts<V> exp_parts(V x) {
  const V n = round(x * V(kLog2E));
  return {n, fnma(n, V(kLn2Low), fnma(n, V(kLn2High), x))};
}

/// factor e^r for |r| <= ln(2)/2.   e^r = 1 + r + r^2 q(r)
template <class V>
REBALANCE_INLINE V exp_polynomial(V factor, V r) {
  return fma(factor, fma(r * r, horner(kExpQ, r), r), factor);
}

/// factor 2^n e^r, no special cases: |n| <= 1100.
template <class V>
REBALANCE_INLINE V exp_times(V factor, ExpParts<V> x) {
  return exp2_times(exp_polynomial(factor, x.r), x.n);
}

/// e^x. Overflow gives infinity, underflow a subnormal or 0, NaN stays NaN.
///
/// Error  0.97 ulp on [-708, 709.7]
template <class V>
REBALANCE_INLINE V exp(V x) {
  const V inside = min(max(x, V(-746.0)), V(710.0));
  return select(x == x, exp_times(V(1.0), exp_parts(inside)), x);
}

/// ln(a / b) for positive normal a and b, with what the leading double lost.
///
///   a / b = 2^k m,  f = (a - b 2^k) / (a + b 2^k),  ln m = 2 atanh(f)
///
/// Near a = b the numerator is exact and k is 0, so the result keeps its relative accuracy where ln(a/b) of the
/// rounded ratio would have lost it. The low part carries the rounding of the quotient and of every sum.
///
/// Error  high alone 0.54 ulp
template <class V>
REBALANCE_INLINE Split<V> log_ratio(V a, V b) {
  const V k = ratio_exponent(a, b);
  const V c = times_exp2_exact(b, k);
  const V numerator = a - c, denominator = a + c, inverse = V(1.0) / denominator;
  const V denominator_low = min(a, c) - (denominator - max(a, c));
  const V f = numerator * inverse;
  const V f_low = -fma(f, denominator_low, product_minus(f, denominator, numerator)) * inverse;
  const V w = f * f;
  const V leading = f + f, tail = f * w * horner(kAtanhR, w);
  const V p = fma(k, V(kLn2Low), leading + tail);
  const V p_low = fma(k, V(kLn2Low), (leading - p) + tail) + (f_low + f_low);
  const V kln2 = k * V(kLn2High);
  const V high = kln2 + p;
  return {high, ((kln2 - high) + p) + p_low};
}

/// ln(x). 0 gives -infinity, a negative number NaN, infinity infinity; subnormals are right.
///
/// Error  0.54 ulp on (0, infinity)
template <class V>
REBALANCE_INLINE V log(V x) {
  // Away from the ends, where a subnormal has no exponent to read and an exact product would overflow.
  const auto small = x<V(0x1p-1022), large = x> V(0x1p960);
  const V scaled = x * select(small, V(0x1p54), select(large, V(0x1p-54), V(1.0)));
  const Split<V> l = log_ratio(scaled, V(1.0));
  const V shift = select(small, V(54.0), select(large, V(-54.0), V(0.0)));
  const V y = fnma(shift, V(kLn2High), l.high) + fnma(shift, V(kLn2Low), l.low);
  const V infinity = __builtin_huge_val(), nan = __builtin_nan("");
  const V finite = select(x < infinity, y, x);
  return select(x > V(0.0), finite, select(x == V(0.0), -infinity, select(x == x, nan, x)));
}

}  // namespace rebalance::math
