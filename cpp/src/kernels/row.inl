/// One row of the kernel table, for the instruction set that the including file was compiled for.
#pragma once

#include "american.inl"
#include "prices.inl"
#include "remark.inl"

namespace rebalance::kernels {

/// The packs that each loop takes at a time. Wide: Black-76 and inverse; Medium: bsm, which keeps more alive; Narrow:
/// rows left over; Mark: the re-mark loop.
template <class Wide, class Medium, class Narrow, class Mark>
constexpr KernelTable row(simd::Isa isa) {
  static_assert(kLanes % Narrow::kWidth == 0 && Wide::kWidth % kLanes == 0 && kSumRows % Mark::kWidth == 0);
  return {
      .isa = isa,
      .black76 = price_rows<Wide, Narrow, pricing::Black76Model<true>>,
      .black76_undiscounted = price_rows<Wide, Narrow, pricing::Black76Model<false>>,
      .bsm = price_rows<Medium, Narrow, pricing::Bsm>,
      .inverse = price_rows<Wide, Narrow, pricing::Inverse>,
      .american_fast = american_rows<Narrow, pricing::American<pricing::AmericanFast>>,
      .american_accurate = american_rows<Narrow, pricing::American<pricing::AmericanAccurate>>,
      .remark = remark<Mark>,
      .add_blocks = add_blocks<Mark>,
      .exp = map_rows<Narrow, Exp>,
      .log = map_rows<Narrow, Log>,
      .normal_density = map_rows<Narrow, NormalDensity>,
      .normal_cdf = map_rows<Narrow, NormalCdf>,
  };
}

}  // namespace rebalance::kernels
