/// The loop over American options: one option per lane, a whole solution per pack.
#pragma once

#include "rebalance/kernels.hpp"
#include "rebalance/pricing/models.hpp"
#include "rebalance/simd/pack.hpp"

namespace rebalance::kernels {

/// All rows of a pack are read before any is written, so an output column may be an input column. Rows outside the
/// kernel's domain are finished one at a time.
template <class V, class Model>
void american_rows(const PriceColumns& c) noexcept {
  using Traits = pricing::Traits<Model>;
  constexpr int kInputs = Traits::kInputs, kOutputs = Traits::kOutputs;
  for (std::size_t row = 0; row < c.rows; row += V::kWidth) {
    V in[kInputs], tame[kInputs], status;
    double kept[kInputs][V::kWidth], inside[V::kWidth], code[V::kWidth];
    for (int j = 0; j < kInputs; ++j) {
      in[j] = V::load(c.in[j] + row);
      in[j].store(kept[j]);
    }
    const auto ordinary = pricing::inside_domain<Model>(in);
    select(ordinary, V(1.0), V(0.0)).store(inside);
    for (int j = 0; j < kInputs; ++j) tame[j] = select(ordinary, in[j], V(j < 5 ? 1.0 : 0.0));

    const pricing::Greeks<V> g = Traits::template evaluate<1, pricing::Cancelling::no>(tame, status);
#pragma GCC unroll 16
    for (int j = 0; j < kOutputs; ++j) g.get(Model::kOutputs[j]).store(c.out[j] + row);
    status.store(code);
    for (int i = 0; i < V::kWidth; ++i) {
      c.status[row + i] = static_cast<std::uint8_t>(code[i]);
      if (inside[i] != 0.0) continue;
      double one_in[kInputs], one_out[kOutputs];
      for (int j = 0; j < kInputs; ++j) one_in[j] = kept[j][i];
      c.status[row + i] = static_cast<std::uint8_t>(pricing::finish_row<Model>(one_in, one_out, kOutputs));
      for (int j = 0; j < kOutputs; ++j) c.out[j][row + i] = one_out[j];
    }
  }
}

}  // namespace rebalance::kernels
