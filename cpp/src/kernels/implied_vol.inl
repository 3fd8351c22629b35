/// Implied vol of whole columns, written once for every instruction set. in: ImpliedVol::kNames; out: the vol.
#pragma once

#include "rebalance/kernels.hpp"
#include "rebalance/pricing/implied_vol.hpp"
#include "rebalance/simd/pack.hpp"

namespace rebalance::kernels {

template <class V, pricing::Quote kQuote>
REBALANCE_INLINE void implied_vol_pack(const PriceColumns& c, std::size_t row) noexcept {
  using Solver = pricing::ImpliedVol<kQuote>;
  V in[Solver::kInputs];
  for (int j = 0; j < Solver::kInputs; ++j) in[j] = V::load(c.in[j] + row);
  const auto time_value = Solver::time_value(in);
  const auto target = Solver::target(in, time_value);
  const auto inside = Solver::inside(in, time_value, target);
  double kept[Solver::kInputs][V::kWidth], done[V::kWidth];
  const bool unfinished = any(!inside);
  if (unfinished) [[unlikely]] {
    for (int j = 0; j < Solver::kInputs; ++j) in[j].store(kept[j]);
    select(inside, V(1.0), V(0.0)).store(done);
  }
  Solver::evaluate(in, target).store(c.out[0] + row);
  __builtin_memset(c.status + row, 0, V::kWidth);
  if (unfinished) [[unlikely]] {
    for (int i = 0; i < V::kWidth; ++i) {
      if (done[i] != 0.0) continue;
      double one[Solver::kInputs];
      for (int j = 0; j < Solver::kInputs; ++j) one[j] = kept[j][i];
      c.status[row + i] = static_cast<std::uint8_t>(pricing::finish_implied_vol<kQuote>(one, c.out[0] + row + i));
    }
  }
}

template <class Wide, class Narrow, pricing::Quote kQuote>
void implied_vol_rows(const PriceColumns& c) noexcept {
  std::size_t row = 0;
  for (; row + Wide::kWidth <= c.rows; row += Wide::kWidth) implied_vol_pack<Wide, kQuote>(c, row);
  for (; row < c.rows; row += Narrow::kWidth) implied_vol_pack<Narrow, kQuote>(c, row);
}

}  // namespace rebalance::kernels
