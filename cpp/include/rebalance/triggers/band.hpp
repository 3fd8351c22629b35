/// The local band: one formula behind every trigger that knows what trading costs.
#pragma once

#include "rebalance/math/cube_root.hpp"
#include "rebalance/status.hpp"

namespace rebalance::triggers {

/// What a band depends on. A deviation x (units) from target moves with variance_rate a year while nobody trades, is
/// penalised at penalty x^2 / 2 a year, and costs fixed_cost + linear_cost |trade| to reduce.
template <class V>
struct BandProblem {
  V variance_rate;  ///< units^2 per year
  V penalty;        ///< money per units^2 and year
  V linear_cost;    ///< money per unit traded, one way
  V fixed_cost;     ///< money per trade
};

/// The best rule, and what it does in the long run, watched without pause.
template <class V>
struct Band {
  V trigger;          ///< a: trade once |x| gets there
  V destination;      ///< b: to there; a where no fixed cost is paid, 0 where only a fixed cost is
  V mean_square;      ///< units^2: E x^2 = (a^2 + b^2) / 6
  V turnover;         ///< units traded per year: s2 / (a + b)
  V trades_per_year;  ///< s2 / (a^2 - b^2); infinite where a = b, as the edge is met again at once
  V cost_rate;        ///< money per year: penalty and both costs
};

inline constexpr int kBandInputs = 4, kBandOutputs = 6;

/// The band in units of the longer of the two lengths that the costs set.
template <class V>
struct BandShape {
  V sum;      ///< a + b = z^3
  V gap;      ///< a - b = eta^4 / z
  V per_z;    ///< 1 / z
  V inverse;  ///< 1 / (sum (sum + gap)): b is gamma / 2 times this
};

/// From z^9 = eta^8 z + gamma, where the larger of eta and gamma is 1. `edge` is whether gamma is.
///
/// The root lies between 1 and 1.091. A polynomial is within 6e-7 of it; Newton's step and one more along the same
/// slope go to the last bits.
template <class V, class Mask>
REBALANCE_INLINE BandShape<V> band_shape(Mask edge, V eta, V gamma) {
  const V eta2 = eta * eta, eta4 = eta2 * eta2, alpha = eta4 * eta4, x = select(edge, alpha, gamma);
  constexpr int kTerms = sizeof(math::kBandEdge) / sizeof(double);
  V p = select(edge, V(math::kBandEdge[kTerms - 1]), V(math::kBandJump[kTerms - 1]));
#pragma GCC unroll 16
  for (int i = kTerms - 2; i >= 0; --i) p = fma(p, x, select(edge, V(math::kBandEdge[i]), V(math::kBandJump[i])));
  V z = fma(x, p, V(1.0)), step = 0.0;
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const V z2 = z * z, z4 = z2 * z2, z8 = z4 * z4;
    if (i == 0) step = V(1.0) / fma(V(9.0), z8, -alpha);
    z = fnma(fma(z8, z, -fma(alpha, z, gamma)), step, z);
  }
  // sum (sum + gap) = z^2 (z^4 + eta^4): one division for both.
  const V z2 = z * z, rest = fma(z2, z2, eta4), inverse = V(1.0) / (z2 * rest), per_z = inverse * z * rest;
  return {z2 * z, eta4 * per_z, per_z, inverse};
}

/// Trigger a and destination b of
///
///   beta a b (a + b) = l     beta (a - b)^3 (a + b) = 4 k     beta = c / (3 s2)
///
/// With S = a + b and D = a - b these are S (S^2 - D^2) = P^3 and D^3 S = Q^4, where P^3 = 4 l / beta and
/// Q^4 = 4 k / beta: P is S without a fixed cost, Q without a linear one. In units of L = max(P, Q), S = z^3 and
/// D = eta^4 / z with eta^3 = Q / L, and everything hangs on the one root of
///
///   z^9 = eta^8 z + gamma,   gamma = (P / L)^3
///
/// which nothing cancels in: a is half the sum of S and D, and b = P^3 / (4 S a) is never their difference. The cost
/// rate c (a^2 + b^2) / 12 + l s2 / S + k s2 / (S D) is c (a^2 + a b + b^2) / 6, since the two equations turn costs
/// into penalties.
///
/// Domain  `inside_band_domain`; finish_band does the rest
/// Error   1.3e-15 relative in each of the six; tests/reference/bands.csv
/// From    Whalley and Wilmott (1999), European J. Applied Mathematics 10:117-139, for options; Kallsen and
///         Muhle-Karbe (2017), Mathematical Finance 27:659-703, for the general local problem.
template <class V>
REBALANCE_INLINE Band<V> local_band(const BandProblem<V>& in) {
  const V unit = V(12.0) * in.variance_rate / in.penalty;
  const V p3 = unit * in.linear_cost, q4 = unit * in.fixed_cost;
  const V p = select(p3 > V(0.0), math::cube_root(max(p3, V(1e-290))), V(0.0)), q = sqrt(sqrt(q4));
  const auto edge = p >= q;
  const V scale = max(p, q), per = V(1.0) / scale, ratio = min(p, q) * per;
  const V cubed = ratio * ratio * ratio;
  const V root = select(q > V(0.0), math::cube_root(max(ratio, V(1e-290))), V(0.0));
  const BandShape<V> s = band_shape(edge, select(edge, root, V(1.0)), select(edge, V(1.0), cubed));

  const V half = V(0.5) * scale, a = half * (s.sum + s.gap);
  const V b = half * select(edge, V(1.0), cubed) * s.inverse;
  const V turnover = in.variance_rate * per * (s.per_z * s.per_z * s.per_z);
  const V squares = fma(a, a, b * b);
  return {a,
          b,
          squares * V(1.0 / 6.0),
          turnover,
          turnover / (scale * s.gap),
          in.penalty * fma(a, b, squares) * V(1.0 / 6.0)};
}

/// Where every product above stays a normal number.
template <class V>
REBALANCE_INLINE auto inside_band_domain(const BandProblem<V>& in) {
  const V least = 1e-75, most = 1e75;
  const auto cost = [&](V x) { return ((x >= least) & (x <= most)) | (x == V(0.0)); };
  return (in.variance_rate >= least) & (in.variance_rate <= most) & (in.penalty >= least) & (in.penalty <= most) &
         cost(in.linear_cost) & cost(in.fixed_cost) & (in.linear_cost + in.fixed_cost > V(0.0));
}

/// Any row, one at a time: limits, refusals, and numbers of any size. `in` and `out` as the fields above.
///
/// variance_rate 0: nothing moves, all six are 0, and the status is zero_vol. Both costs 0: no band, and without pause
/// traded. A result beyond the largest double is infinite, below the smallest 0.
RowStatus finish_band(const double* in, double* out) noexcept;

}  // namespace rebalance::triggers
