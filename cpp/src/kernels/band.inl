/// Local bands of whole columns, written once for every instruction set. in and out: the fields of BandProblem and
/// Band.
#pragma once

#include "rebalance/kernels.hpp"
#include "rebalance/simd/pack.hpp"
#include "rebalance/triggers/band.hpp"

namespace rebalance::kernels {

/// All of a pack is read before any is written, so an output column may be an input column.
template <class V>
REBALANCE_INLINE void band_pack(const PriceColumns& c, std::size_t row) noexcept {
  using namespace triggers;
  const BandProblem<V> in{V::load(c.in[0] + row), V::load(c.in[1] + row), V::load(c.in[2] + row),
                          V::load(c.in[3] + row)};
  const auto inside = inside_band_domain(in);
  const bool unfinished = any(!inside);
  double kept[kBandInputs][V::kWidth], done[V::kWidth];
  if (unfinished) [[unlikely]] {
    in.variance_rate.store(kept[0]);
    in.penalty.store(kept[1]);
    in.linear_cost.store(kept[2]);
    in.fixed_cost.store(kept[3]);
    select(inside, V(1.0), V(0.0)).store(done);
  }
  const Band<V> band = local_band(in);
  band.trigger.store(c.out[0] + row);
  band.destination.store(c.out[1] + row);
  band.mean_square.store(c.out[2] + row);
  band.turnover.store(c.out[3] + row);
  band.trades_per_year.store(c.out[4] + row);
  band.cost_rate.store(c.out[5] + row);
  __builtin_memset(c.status + row, 0, V::kWidth);
  if (unfinished) [[unlikely]] {
    for (int i = 0; i < V::kWidth; ++i) {
      if (done[i] != 0.0) continue;
      const double one[kBandInputs] = {kept[0][i], kept[1][i], kept[2][i], kept[3][i]};
      double out[kBandOutputs];
      c.status[row + i] = static_cast<std::uint8_t>(finish_band(one, out));
      for (int j = 0; j < kBandOutputs; ++j) c.out[j][row + i] = out[j];
    }
  }
}

/// Wide packs, then narrow ones for what is left: a band is one long chain of dependent steps. No row's result depends
/// on its pack.
template <class Wide, class Narrow>
void band_rows(const PriceColumns& c) noexcept {
  std::size_t row = 0;
  for (; row + Wide::kWidth <= c.rows; row += Wide::kWidth) band_pack<Wide>(c, row);
  for (; row < c.rows; row += Narrow::kWidth) band_pack<Narrow>(c, row);
}

}  // namespace rebalance::kernels
