/// Total variance of one expiry as a function of k = ln(strike / forward), and of two expiries at a time between them.
///
/// A smile is raw SVI,
///
///   w(k) = a + b (rho (k - m) + R)     R = sqrt((k - m)^2 + q^2)
///   w'   = b (rho + (k - m) / R)       w'' = b q^2 / R^3
///
/// or a cubic spline on equal steps, a straight line beyond its ends. Between expiries total variance is linear in time
/// at the same k. Both return w, w' and w'' in k.
///
/// From   Gatheral and Jacquier (2014), "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14.
#pragma once

#include <cstddef>

#include "rebalance/simd/vec.hpp"

namespace rebalance::surface {

/// What a slice is made of. A spline slice has b = 0, an SVI slice one piece that nobody reads.
enum Field : int {
  kA,
  kB,
  kRho,
  kM,
  kQ2,          ///< q^2
  kIsSpline,    ///< 1 or 0
  kLow,         ///< where the spline begins, in k
  kHigh,        ///< where it ends
  kPerStep,     ///< 1 / length of a piece
  kLastPiece,   ///< number of pieces - 1
  kLeftSlope,   ///< dw/dk below kLow
  kRightSlope,  ///< dw/dk above kHigh
  kYears,
  kPerGap,  ///< 1 / (years of the far slice - years)
  kFieldCount
};

struct Slice {
  double field[kFieldCount];
  const double* pieces;  ///< 4 per piece: w = c0 + c1 t + c2 t^2 + c3 t^3 for t in [0, 1]
  std::ptrdiff_t far;    ///< the slice to interpolate with: +1, at the last -1, alone 0
};

/// The slices of a surface, by years, rising.
struct Slices {
  const Slice* first;
  std::size_t count;
  double least_years;  ///< vol is constant before this
  double most_years;   ///< and after this: infinity, unless there is one slice only
};

template <class V>
struct TotalVariance {
  V w, slope, curvature;
};

/// One slice for all rows of a pack.
template <class V>
struct OneSlice {
  const Slice* slice;

  [[nodiscard]] REBALANCE_INLINE V get(int field) const { return V(slice->field[field]); }
  [[nodiscard]] REBALANCE_INLINE const Slice* of(int) const { return slice; }
  [[nodiscard]] REBALANCE_INLINE OneSlice far() const { return {slice + slice->far}; }
};

/// A slice for each row of a pack.
template <class V>
struct RowSlices {
  const Slice* slice[static_cast<std::size_t>(V::kWidth)];

  [[nodiscard]] REBALANCE_INLINE V get(int field) const {
    double rows[static_cast<std::size_t>(V::kWidth)];
    for (int i = 0; i < V::kWidth; ++i) rows[i] = slice[i]->field[field];
    return V::load(rows);
  }
  [[nodiscard]] REBALANCE_INLINE const Slice* of(int i) const { return slice[i]; }
  [[nodiscard]] REBALANCE_INLINE RowSlices far() const {
    RowSlices r;
    for (int i = 0; i < V::kWidth; ++i) r.slice[i] = slice[i] + slice[i]->far;
    return r;
  }
};

template <class V, class Rows>
REBALANCE_INLINE TotalVariance<V> svi(const Rows& s, V k) {
  const V x = k - s.get(kM), q2 = s.get(kQ2), b = s.get(kB), rho = s.get(kRho);
  const V r = sqrt(fma(x, x, q2)), inverse = V(1.0) / r;
  return {fma(b, fma(rho, x, r), s.get(kA)), b * fma(x, inverse, rho), b * q2 * (inverse * inverse * inverse)};
}

template <class V, class Rows>
REBALANCE_INLINE TotalVariance<V> spline(const Rows& s, V k) {
  const V low = s.get(kLow), high = s.get(kHigh), per_step = s.get(kPerStep);
  const V inside = min(max(k, low), high), u = (inside - low) * per_step;
  // Down to a whole number; at one, either neighbour serves: they agree there in w, w' and w''.
  const V piece = min(max(round(u - V(0.5)), V(0.0)), s.get(kLastPiece)), t = u - piece;
  double at[static_cast<std::size_t>(V::kWidth)], c[4][static_cast<std::size_t>(V::kWidth)];
  piece.store(at);
  for (int i = 0; i < V::kWidth; ++i) {
    const double* from = s.of(i)->pieces + 4 * static_cast<std::ptrdiff_t>(at[i]);
    for (int j = 0; j < 4; ++j) c[j][i] = from[j];
  }
  const V c1 = V::load(c[1]), c2 = V::load(c[2]), c3 = V::load(c[3]);
  const V w = fma(t, fma(t, fma(t, c3, c2), c1), V::load(c[0]));
  const V slope = per_step * fma(t, fma(V(3.0) * t, c3, c2 + c2), c1);
  const V curvature = per_step * per_step * fma(V(6.0) * t, c3, c2 + c2);
  const auto left = k<low, right = k> high;
  const V line = select(left, s.get(kLeftSlope), select(right, s.get(kRightSlope), slope));
  return {fma(line, k - inside, w), line, select(left | right, V(0.0), curvature)};
}

template <class V, class Rows>
REBALANCE_INLINE TotalVariance<V> total_variance(const Rows& s, V k) {
  const V kind = s.get(kIsSpline);
  const auto is_spline = kind > V(0.0);
  if (!any(is_spline)) return svi(s, k);
  const TotalVariance<V> of_spline = spline(s, k);
  if (!any(!is_spline)) return of_spline;
  const TotalVariance<V> of_svi = svi(s, k);
  return {select(is_spline, of_spline.w, of_svi.w), select(is_spline, of_spline.slope, of_svi.slope),
          select(is_spline, of_spline.curvature, of_svi.curvature)};
}

/// For each row the last slice at or before `years`, which lie within [least_years, most_years]. Returns whether it is
/// the same for all.
template <class V>
REBALANCE_INLINE bool find_slices(const Slices& slices, V years, RowSlices<V>& near) {
  V index = 0.0;
  for (std::size_t s = 1; s < slices.count; ++s) {
    index = index + select(years >= V(slices.first[s].field[kYears]), V(1.0), V(0.0));
  }
  double at[static_cast<std::size_t>(V::kWidth)];
  index.store(at);
  for (int i = 0; i < V::kWidth; ++i) near.slice[i] = slices.first + static_cast<std::ptrdiff_t>(at[i]);
  return !any(!(index == V(at[0])));
}

/// Total variance at `years`, linear between the near slice and the next. After the last slice the forward variance
/// between the last two goes on; where it is negative there, the total variance stays.
template <class V, class Rows>
REBALANCE_INLINE TotalVariance<V> between(const Rows& near, V years, V k) {
  const TotalVariance<V> n = total_variance(near, k);
  V share = (years - near.get(kYears)) * near.get(kPerGap);
  if (!any(!(share == V(0.0)))) return n;
  const TotalVariance<V> f = total_variance(near.far(), k);
  const V step = f.w - n.w;
  share = select((share < V(0.0)) & (step > V(0.0)), V(0.0), share);
  return {fma(share, step, n.w), fma(share, f.slope - n.slope, n.slope),
          fma(share, f.curvature - n.curvature, n.curvature)};
}

/// Vol and its first two derivatives in k: vol^2 years = w.
template <class V>
struct VolSlopes {
  V vol, slope, curvature;
};

template <class V>
REBALANCE_INLINE VolSlopes<V> vol_slopes(const TotalVariance<V>& t, V years) {
  // One division: with g = 1 / sqrt(w years), vol = w g, 1 / vol = years g and dvol/dw = g / 2.
  const V g = V(1.0) / sqrt(t.w * years), half = V(0.5) * g, slope = t.slope * half;
  return {t.w * g, slope, fnma(slope * slope, years * g, t.curvature * half)};
}

/// What is asked of a strike: everything that evaluate returns for one row.
template <class V>
struct VolAtStrike {
  V vol, dvol_dstrike, dvol_dforward, d2vol_dstrike2;
};

/// From derivatives in k to derivatives in strike and forward; `moneyness_share` of the smile moves with the forward:
/// 1 sticky moneyness, 0 sticky strike.
template <class V>
REBALANCE_INLINE VolAtStrike<V> at_strike(const VolSlopes<V>& s, V forward, V strike, V moneyness_share) {
  const V inverse = V(1.0) / (forward * strike), per_strike = forward * inverse, per_forward = strike * inverse;
  return {s.vol, s.slope * per_strike, -(moneyness_share * (s.slope * per_forward)),
          (s.curvature - s.slope) * (per_strike * per_strike)};
}

}  // namespace rebalance::surface
