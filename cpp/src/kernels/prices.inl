/// Loops over whole columns of contracts, written once for every instruction set.
#pragma once

#include "rebalance/kernels.hpp"
#include "rebalance/pricing/models.hpp"
#include "rebalance/simd/pack.hpp"

namespace rebalance::kernels {

/// Whether one of the rows from `row` on, as many as V is wide, needs Cancelling::yes.
template <class V, class Model>
REBALANCE_INLINE bool may_cancel([[maybe_unused]] const PriceColumns& c, [[maybe_unused]] std::size_t row) noexcept {
  if constexpr (pricing::kCancels<Model>) {
    V in[pricing::Traits<Model>::kInputs];
#pragma GCC unroll 16
    for (int j = 0; j < pricing::Traits<Model>::kInputs; ++j) in[j] = V::load(c.in[j] + row);
    return any(Model::may_cancel(pricing::Traits<Model>::inputs(in)));
  } else {
    return false;
  }
}

/// Price the rows from `row` on, as many as V is wide, then finish those outside the kernel's domain one at a time.
///
/// All of them are read before any is written, so an output column may be an input column.
template <class V, class Model, int kOrder, pricing::Cancelling kCancelling>
REBALANCE_INLINE void price_pack(const PriceColumns& c, std::size_t row) noexcept {
  using Traits = pricing::Traits<Model>;
  constexpr int kInputs = Traits::kInputs, kOutputs = Model::kCounts[kOrder - 1];
  V in[kInputs];
#pragma GCC unroll 16
  for (int j = 0; j < kInputs; ++j) in[j] = V::load(c.in[j] + row);
  const auto inside = pricing::inside_domain<Model>(in);
  const bool unfinished = any(!inside);
  double kept[kInputs][V::kWidth], done[V::kWidth];
  if (unfinished) [[unlikely]] {
    for (int j = 0; j < kInputs; ++j) in[j].store(kept[j]);
    select(inside, V(1.0), V(0.0)).store(done);
  }

  V always_ok;
  const pricing::Greeks<V> g = Traits::template evaluate<kOrder, kCancelling>(in, always_ok);
#pragma GCC unroll 20
  for (int j = 0; j < kOutputs; ++j) g.get(Model::kOutputs[j]).store(c.out[j] + row);
  __builtin_memset(c.status + row, 0, V::kWidth);

  if (unfinished) [[unlikely]] {
    for (int i = 0; i < V::kWidth; ++i) {
      if (done[i] != 0.0) continue;
      double one_in[kInputs], one_out[kOutputs];
      for (int j = 0; j < kInputs; ++j) one_in[j] = kept[j][i];
      c.status[row + i] = static_cast<std::uint8_t>(pricing::finish_row<Model>(one_in, one_out, kOutputs));
      for (int j = 0; j < kOutputs; ++j) c.out[j][row + i] = one_out[j];
    }
  }
}

/// Price every row: wide packs, then narrow ones for what is left and for packs in which a row's terms may cancel. No
/// row's result depends on its pack.
template <class Wide, class Narrow, class Model, int kOrder>
void price_rows(const PriceColumns& c) noexcept {
  using pricing::Cancelling;
  std::size_t row = 0;
  const auto narrow_until = [&](std::size_t end) {
    for (; row < end; row += Narrow::kWidth) price_pack<Narrow, Model, kOrder, Cancelling::yes>(c, row);
  };
  while (row + Wide::kWidth <= c.rows) {
    if (may_cancel<Wide, Model>(c, row)) [[unlikely]] {
      narrow_until(row + Wide::kWidth);
    } else {
      price_pack<Wide, Model, kOrder, Cancelling::no>(c, row);
      row += Wide::kWidth;
    }
  }
  narrow_until(c.rows);
}

/// y = F(x) for whole columns.
template <class V, class F>
void map_rows(const double* x, double* y, std::size_t rows) noexcept {
  for (std::size_t row = 0; row < rows; row += V::kWidth) F::apply(V::load(x + row)).store(y + row);
}

struct Exp {
  template <class V>
  REBALANCE_INLINE static V apply(V x) {
    return math::exp(x);
  }
};
struct Log {
  template <class V>
  REBALANCE_INLINE static V apply(V x) {
    return math::log(x);
  }
};
struct NormalDensity {
  template <class V>
  REBALANCE_INLINE static V apply(V x) {
    return math::normal_density(x);
  }
};
struct NormalCdf {
  template <class V>
  REBALANCE_INLINE static V apply(V x) {
    return math::normal_cdf(x);
  }
};

}  // namespace rebalance::kernels
