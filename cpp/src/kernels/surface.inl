/// Vol and its derivatives of whole columns of options on one surface.
#pragma once

#include "rebalance/kernels.hpp"
#include "rebalance/math/exp_log.hpp"
#include "rebalance/surface/surface.hpp"

namespace rebalance::kernels {

/// Prices inside go through the kernel; others, and every limit, are finished one at a time.
inline constexpr double kLeastPrice = 1e-100, kMostPrice = 1e100;

/// Rows of one expiry usually stand together: the slices of the pack before serve again where the time is the same.
template <class V>
struct LastLookUp {
  double years = -1.0;
  surface::RowSlices<V> near{};
  bool same = false;  ///< all rows have the first slice
};

template <class V>
REBALANCE_INLINE void surface_pack(const SurfaceColumns& c, std::size_t row, LastLookUp<V>& last) noexcept {
  V forward = V::load(c.forward + row), strike = V::load(c.strike + row), years = V::load(c.years + row);
  const V least = min(forward, strike), sum = (forward + strike) + years;
  const auto inside = (least > V(kLeastPrice)) & (sum < V(kMostPrice)) & (years > V(0.0));
  const bool odd = any(!inside);
  double kept[3][static_cast<std::size_t>(V::kWidth)], done[static_cast<std::size_t>(V::kWidth)];
  if (odd) [[unlikely]] {
    forward.store(kept[0]);
    strike.store(kept[1]);
    years.store(kept[2]);
    forward = select(inside, forward, V(1.0));
    strike = select(inside, strike, V(1.0));
    years = select(inside, years, V(c.slices.least_years));
  }
  years = min(max(years, V(c.slices.least_years)), V(c.slices.most_years));
  if (any(!(years == V(last.years)))) {
    last.same = surface::find_slices(c.slices, years, last.near);
    double first[static_cast<std::size_t>(V::kWidth)];
    years.store(first);
    last.years = any(!(years == V(first[0]))) ? -1.0 : first[0];
  }
  const V k = math::log_ratio(strike, forward).high;
  const auto t = last.same ? surface::between(surface::OneSlice<V>{last.near.slice[0]}, years, k)
                           : surface::between(last.near, years, k);
  const auto usable = inside & (t.w > V(0.0)) & (t.w < V(__builtin_huge_val()));
  const bool unfinished = any(!usable);
  if (unfinished) [[unlikely]] {
    if (!odd) {
      forward.store(kept[0]);
      strike.store(kept[1]);
      V::load(c.years + row).store(kept[2]);
    }
    select(usable, V(1.0), V(0.0)).store(done);
  }
  const auto v = surface::at_strike(surface::vol_slopes(t, years), forward, strike, V(c.moneyness_share));
  v.vol.store(c.vol + row);
  v.dvol_dstrike.store(c.dvol_dstrike + row);
  v.dvol_dforward.store(c.dvol_dforward + row);
  v.d2vol_dstrike2.store(c.d2vol_dstrike2 + row);
  __builtin_memset(c.status + row, 0, V::kWidth);

  if (unfinished) [[unlikely]] {
    for (int i = 0; i < V::kWidth; ++i) {
      if (done[i] != 0.0) continue;
      const double in[3] = {kept[0][i], kept[1][i], kept[2][i]};
      double out[4];
      c.status[row + i] = static_cast<std::uint8_t>(finish_surface_row(c, in, out));
      c.vol[row + i] = out[0];
      c.dvol_dstrike[row + i] = out[1];
      c.dvol_dforward[row + i] = out[2];
      c.d2vol_dstrike2[row + i] = out[3];
    }
  }
}

/// Every row; no row's result depends on its pack.
template <class V>
void surface_rows(const SurfaceColumns& c) noexcept {
  LastLookUp<V> last;
  for (std::size_t row = 0; row < c.rows; row += V::kWidth) surface_pack<V>(c, row, last);
}

/// Vol and dvol/dk of the option slots of one expiry, at one forward. Vol is NaN where the smile has none.
template <class V>
void smile_rows(const SmileColumns& c) noexcept {
  surface::RowSlices<V> near;
  const V years = min(max(V(c.years), V(c.slices.least_years)), V(c.slices.most_years));
  surface::find_slices(c.slices, years, near);
  const surface::OneSlice<V> one{near.slice[0]};
  for (std::size_t row = 0; row < c.rows; row += V::kWidth) {
    const V k = V::load(c.log_strike + row) - V(c.log_forward);
    const auto t = surface::between(one, years, k);
    const auto v = surface::vol_slopes(t, years);
    const auto usable = (t.w > V(0.0)) & (t.w < V(__builtin_huge_val()));
    select(usable, v.vol, V(__builtin_nan(""))).store(c.vol + row);
    select(usable, v.slope, V(0.0)).store(c.slope + row);
  }
}

}  // namespace rebalance::kernels
