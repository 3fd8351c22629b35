/// One row of the kernel table, for the instruction set that the including file was compiled for.
#pragma once

#include "american.inl"
#include "band.inl"
#include "dual.inl"
#include "implied_vol.inl"
#include "prices.inl"
#include "rebalance.inl"
#include "remark.inl"
#include "rules.inl"
#include "surface.inl"

namespace rebalance::kernels {

/// One model's loops. Order 1 takes packs of First at a time, the higher orders, which keep more alive, of Higher.
template <class First, class Higher, class Narrow, class Model>
constexpr PriceKernels orders() {
  return {price_rows<First, Narrow, Model, 1>, price_rows<Higher, Narrow, Model, 2>,
          price_rows<Higher, Narrow, Model, 3>};
}

/// Eight: packs of eight, the partial sums; One: single vectors, for the Newton matrix, whose entries fill the
/// registers.
template <class Eight, class One>
constexpr RebalanceKernels rebalance_kernels() {
  return {
      .along = {{trades_along<Eight, false, false>, trades_along<Eight, false, true>},
                {trades_along<Eight, true, false>, trades_along<Eight, true, true>}},
      .respond = {{trades_respond<Eight, false, false>, trades_respond<Eight, false, true>},
                  {trades_respond<Eight, true, false>, trades_respond<Eight, true, true>}},
      .account = trades_account<Eight>,
      .to_assets = tiles_to_assets<One>,
      .to_factors = tiles_to_factors<Eight>,
      .factor_rows = factor_rows<One>,
      .newton_matrix = newton_matrix<One>,
      .newton_factor = newton_factor<One>,
      .newton_solve = newton_solve<One>,
  };
}

/// The packs that each loop takes at a time. Wide: Black-76 and inverse; Medium: bsm, which keeps more alive; Narrow:
/// rows left over; Mark: the re-mark loop; One: loops whose rows are short chains, which the processor overlaps by
/// itself (surfaces: 2.4 ns an option against 3.5 in packs of two, AVX-512 on Zen 5; 4.8 against 6.4 with AVX2).
template <class Wide, class Medium, class Narrow, class Mark, class One>
constexpr KernelTable table(simd::Isa isa) {
  static_assert(kLanes % Narrow::kWidth == 0 && Wide::kWidth % kLanes == 0 && kSumRows % Mark::kWidth == 0 &&
                kLanes % One::kWidth == 0);
  return {
      .isa = isa,
      .black76 = orders<Wide, Medium, Narrow, pricing::Black76Model<true>>(),
      .black76_undiscounted = orders<Wide, Medium, Narrow, pricing::Black76Model<false>>(),
      .bsm = orders<Medium, Medium, Narrow, pricing::Bsm>(),
      .bachelier = orders<Wide, Medium, Narrow, pricing::Bachelier>(),
      .inverse = orders<Wide, Medium, Narrow, pricing::Inverse>(),
      .digital_cash = orders<Medium, Medium, Narrow, pricing::Digital<pricing::Payoff::cash>>(),
      .digital_asset = orders<Medium, Medium, Narrow, pricing::Digital<pricing::Payoff::asset>>(),
      .american_fast = american_rows<Narrow, pricing::American<pricing::AmericanFast>>,
      .american_accurate = american_rows<Narrow, pricing::American<pricing::AmericanAccurate>>,
      .implied_vol_black76 = implied_vol_rows<Medium, Narrow, pricing::Quote::black76>,
      .implied_vol_bachelier = implied_vol_rows<Medium, Narrow, pricing::Quote::bachelier>,
      .implied_vol_inverse = implied_vol_rows<Medium, Narrow, pricing::Quote::inverse>,
      .local_band = band_rows<Wide, Narrow>,
      .remark = remark<Mark, false>,
      .remark_smile = remark<Mark, true>,
      .add_blocks = add_blocks<Mark>,
      .surface = surface_rows<One>,
      .smile = smile_rows<One>,
      .cppi = rule_paths<Narrow, sizing::Cppi>,
      .fixed_fraction = rule_paths<Narrow, sizing::FixedFraction>,
      .volatility_target = rule_paths<Narrow, sizing::VolatilityTarget>,
      .dot = dot<Narrow>,
      .dual_slopes = dual_slopes<Narrow>,
      .dual_response = dual_response<Narrow>,
      .dual_products = dual_products<Narrow>,
      .dual_gram = dual_gram<Narrow>,
      .rebalance = rebalance_kernels<Narrow, One>(),
      .exp = map_rows<Narrow, Exp>,
      .log = map_rows<Narrow, Log>,
      .normal_density = map_rows<Narrow, NormalDensity>,
      .normal_cdf = map_rows<Narrow, NormalCdf>,
  };
}

template <class Wide, class Medium, class Narrow, class Mark, class One>
constexpr KernelTable row(simd::Isa isa) {
#ifdef REBALANCE_SANITIZED
  // One width everywhere: the same bits from a third of the text, which the sanitizers take minutes to instrument.
  return table<Narrow, Narrow, Narrow, Narrow, Narrow>(isa);
#else
  return table<Wide, Medium, Narrow, Mark, One>(isa);
#endif
}

}  // namespace rebalance::kernels
