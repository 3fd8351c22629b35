/// One row of the kernel table, for the instruction set that the including file was compiled for.
#pragma once

#include "prices.inl"
#include "remark.inl"

namespace rebalance::kernels {

/// Price: the pack that pricing loops take at a time. Mark: the same for the re-mark loop.
template <class Price, class Mark>
constexpr KernelTable row(simd::Isa isa) {
  static_assert(kLanes % Price::kWidth == 0 && kBlockRows % kLanes == 0);
  return {
      .isa = isa,
      .black76 = price_rows<Price, pricing::Black76Model<true>>,
      .black76_undiscounted = price_rows<Price, pricing::Black76Model<false>>,
      .bsm = price_rows<Price, pricing::Bsm>,
      .inverse = price_rows<Price, pricing::Inverse>,
      .remark = remark<Mark>,
      .add_blocks = add_blocks<Mark>,
      .exp = map_rows<Price, Exp>,
      .log = map_rows<Price, Log>,
      .normal_density = map_rows<Price, NormalDensity>,
      .normal_cdf = map_rows<Price, NormalCdf>,
  };
}

}  // namespace rebalance::kernels
