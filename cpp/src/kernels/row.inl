/// One row of the kernel table, for the instruction set that the including file was compiled for.
#pragma once

#include "prices.inl"
#include "remark.inl"
#include "surface.inl"

namespace rebalance::kernels {

/// The packs that each loop takes at a time. Wide: Black-76 and inverse; Medium: bsm, which keeps more alive; Narrow:
/// rows left over; Mark: the re-mark loop; One: loops whose rows are short chains, which the processor overlaps by
/// itself (surfaces: 2.4 ns an option against 3.5 in packs of two, AVX-512 on Zen 5; 4.8 against 6.4 with AVX2).
template <class Wide, class Medium, class Narrow, class Mark, class One>
constexpr KernelTable row(simd::Isa isa) {
  static_assert(kLanes % Narrow::kWidth == 0 && Wide::kWidth % kLanes == 0 && kSumRows % Mark::kWidth == 0 &&
                kLanes % One::kWidth == 0);
  return {
      .isa = isa,
      .black76 = price_rows<Wide, Narrow, pricing::Black76Model<true>>,
      .black76_undiscounted = price_rows<Wide, Narrow, pricing::Black76Model<false>>,
      .bsm = price_rows<Medium, Narrow, pricing::Bsm>,
      .inverse = price_rows<Wide, Narrow, pricing::Inverse>,
      .remark = remark<Mark, false>,
      .remark_smile = remark<Mark, true>,
      .add_blocks = add_blocks<Mark>,
      .surface = surface_rows<One>,
      .smile = smile_rows<One>,
      .exp = map_rows<Narrow, Exp>,
      .log = map_rows<Narrow, Log>,
      .normal_density = map_rows<Narrow, NormalDensity>,
      .normal_cdf = map_rows<Narrow, NormalCdf>,
  };
}

}  // namespace rebalance::kernels
