/// The hedge optimum in the tick: Greeks of one contract, the solver, whole lots, and the words for the plan.
#include <algorithm>
#include <cmath>

#include "rebalance/engine.hpp"
#include "rebalance/kernels.hpp"
#include "rebalance/routing/lots.hpp"
#include "rebalance/sizing/cost.hpp"

namespace rebalance {

bool Engine::hedges_greeks(std::size_t u) const noexcept {
  return hedge_work_[u].has_value() && std::isnan(targets_.weight[u]);
}

/// Exposure of one contract bought at its mark: what the next measurement would find more.
Exposure Engine::contract_exposure(std::size_t row) noexcept {
  const auto n = static_cast<std::size_t>(instruments_->row_node()[row]);
  const double multiplier = instruments_->columns().multiplier[row];
  const Kind kind = instruments_->kind(row);
  if (!is_option(kind)) {
    Exposure e{};
    e.delta = e.delta_pa = is_inverse(kind) ? multiplier / marks_[n].forward : multiplier;
    e.gamma_pa = -2.0 * e.delta_pa;
    return e;
  }
  const auto slot = static_cast<std::size_t>(instruments_->row_slot()[row]);
  double* column = one_contract_.data();
  const double values[7] = {instruments_->slot_log_strike()[slot],
                            instruments_->slot_strike()[slot],
                            instruments_->slot_phi()[slot],
                            stddev_[slot],
                            inverse_stddev_[slot],
                            multiplier,
                            vol_slope_[slot]};
  for (std::size_t i = 0; i < 7; ++i) column[i * kBlockRows] = values[i];
  double* sums = column + 7 * kBlockRows;
  const KernelTable& kernels = active_kernels();
  const bool smile = market_->smile_moves(static_cast<std::size_t>(instruments_->nodes()[n].underlying));
  (smile ? kernels.remark_smile : kernels.remark)(marks_[n].forward, log_forward_[n],
                                                  {.log_strike = column,
                                                   .strike = column + kBlockRows,
                                                   .phi = column + 2 * kBlockRows,
                                                   .stddev = column + 3 * kBlockRows,
                                                   .inverse_stddev = column + 4 * kBlockRows,
                                                   .weight = column + 5 * kBlockRows,
                                                   .vol_slope = column + 6 * kBlockRows,
                                                   .blocks = 1,
                                                   .sums = sums});
  OptionSums one[2];
  kernels.add_blocks(sums, 1, one[is_inverse(kind) ? 1 : 0].sum);
  Exposure e = node_exposure(marks_[n], {}, one[0], one[1]);
  if (is_inverse(kind)) e.delta -= e.value_coin;  // the coins that are paid for it
  return e;
}

/// What the solver needs to know of the market and the book as they are.
void Engine::load_hedge(std::size_t u) noexcept {
  HedgeWork& w = *hedge_work_[u];
  const GreekHedge& h = settings_.greek_hedges[u];
  const UnderlyingPlan& p = plan_.underlyings[u];
  const bool coin = book_->numeraire() == Numeraire::coin;
  const std::size_t m = h.instruments.size();
  constexpr Quantity kGreek[kHedgedGreeks] = {Quantity::delta, Quantity::gamma, Quantity::vega};
  for (int g = 0; g < kHedgedGreeks; ++g) {
    // A Greek without a target is hedged towards 0.
    w.exposure[g] = std::isnan(p.drift[kGreek[g]]) ? p.measured[kGreek[g]] : p.drift[kGreek[g]];
  }
  for (std::size_t i = 0; i < m; ++i) {
    const auto row = static_cast<std::size_t>(h.instruments[i]);
    w.fixed[i] = 0;
    w.size[i] = 0.0;
    w.usable[i] = has_value(plan_.row_status[row]);
    Exposure e{};
    if (w.usable[i] != 0) e = contract_exposure(row);
    const double greek[kHedgedGreeks] = {coin ? e.delta_pa : e.delta, coin ? e.gamma_pa : e.gamma,
                                         coin ? e.vega_coin : e.vega};
    const double forward = marks_[static_cast<std::size_t>(instruments_->row_node()[row])].forward;
    w.premium[i] = e.value;
    w.cost[i] = w.usable[i] != 0
                    ? contract_cost(*instruments_, row, contract_notional(*instruments_, row, forward), e.value)
                    : 0.0;
    for (int g = 0; g < kHedgedGreeks; ++g) {
      if (!std::isfinite(greek[g]) || !std::isfinite(w.cost[i])) w.usable[i] = 0;
    }
    for (int g = 0; g < kHedgedGreeks; ++g) {
      w.greeks[static_cast<std::size_t>(g) * m + i] = w.usable[i] != 0 ? greek[g] : 0.0;
    }
    if (w.usable[i] == 0) w.cost[i] = 0.0;
    const double most = w.usable[i] != 0 ? h.max_size[i] : 0.0, held = book_->quantity()[row];
    const bool shrink = settings_.reduce_only[u] != 0;
    w.lower[i] = shrink ? std::fmax(std::fmin(-held, 0.0), -most) : -most;
    w.upper[i] = shrink ? std::fmin(std::fmax(-held, 0.0), most) : most;
  }
}

/// The coarsest instrument first to its nearest lot, the rest solved again: the finest ones take up what that leaves.
void Engine::round_hedge(std::size_t u) noexcept {
  HedgeWork& w = *hedge_work_[u];
  const GreekHedge& h = settings_.greek_hedges[u];
  const std::size_t m = h.instruments.size();
  const InstrumentColumns& c = instruments_->columns();
  for (std::size_t round = 0; round < m; ++round) {
    std::size_t which = m;
    double coarsest = -1.0;
    for (std::size_t i = 0; i < m; ++i) {
      if (w.fixed[i] != 0 || w.solver.solution().trades[i] == 0.0) continue;
      const double lot = c.lot_size[static_cast<std::size_t>(h.instruments[i])];
      double effect = 0.0;
      for (std::size_t g = 0; g < kHedgedGreeks; ++g) {
        const double diagonal = h.penalty[h.penalty.size() == kHedgedGreeks ? g : g * kHedgedGreeks + g];
        effect += diagonal * w.greeks[g * m + i] * w.greeks[g * m + i];
      }
      if (effect * lot * lot > coarsest) {
        coarsest = effect * lot * lot;
        which = i;
      }
    }
    if (which == m) return;
    const auto row = static_cast<std::size_t>(h.instruments[which]);
    const double forward = marks_[static_cast<std::size_t>(instruments_->row_node()[row])].forward;
    const LotTrade lots =
        round_to_lots(w.solver.solution().trades[which], 0.0,
                      {.lot_size = c.lot_size[row],
                       .min_notional = c.min_notional[row],
                       .notional_per_lot = c.lot_size[row] * contract_notional(*instruments_, row, forward),
                       .position = book_->quantity()[row],
                       .reduce_only = settings_.reduce_only[u] != 0});
    w.fixed[which] = 1;
    w.size[which] = w.lower[which] = w.upper[which] = lots.size;
    sizing::HedgeUpdate boxes;
    boxes.lower = w.lower;
    boxes.upper = w.upper;
    w.solver.update(boxes);
    w.solver.solve(true);
  }
}

/// What the continuous optimum says: limits that bind, and the instrument that was nearest to being worth a trade.
void Engine::report_hedge(std::size_t u) noexcept {
  const HedgeWork& w = *hedge_work_[u];
  const sizing::HedgeSolution& s = w.solver.solution();
  HedgeReport& report = plan_.underlyings[u].hedge;
  report = {};
  report.status = s.status;
  report.risk_before = s.risk_before;
  for (int g = 0; g < kHedgedGreeks; ++g) {
    if (s.limit_price[static_cast<std::size_t>(g)] != 0.0 || s.relaxation[static_cast<std::size_t>(g)] > 0.0) {
      report.binding |= std::uint64_t{1} << g;
    }
  }
  for (std::size_t i = 0; i < s.trades.size(); ++i) {
    if (s.trades[i] != 0.0 || w.lower[i] == w.upper[i]) continue;
    const double excess = w.cost[i] - std::fabs(s.marginal[i]);
    if (report.next_best < 0 || excess < report.next_best_excess) {
      report.next_best = settings_.greek_hedges[u].instruments[i];
      report.next_best_excess = excess;
    }
  }
}

/// The trades of whole lots, each with what it costs and what leaving it out would add to the risk.
void Engine::propose_hedge(std::size_t u) noexcept {
  const HedgeWork& w = *hedge_work_[u];
  const GreekHedge& h = settings_.greek_hedges[u];
  UnderlyingPlan& p = plan_.underlyings[u];
  const InstrumentColumns& c = instruments_->columns();
  const std::size_t m = h.instruments.size();
  const sizing::HedgeSolution& s = w.solver.solution();
  const std::vector<double>& left = s.residual;
  for (int g = 0; g < kHedgedGreeks; ++g) {
    p.drift_after.of[static_cast<int>(Quantity::delta) + g] =
        p.drift.of[static_cast<int>(Quantity::delta) + g] - w.exposure[g] + left[static_cast<std::size_t>(g)];
  }
  p.hedge.risk_after = s.risk;
  const auto penalty = [&h](std::size_t a, std::size_t b) {
    if (h.penalty.size() == kHedgedGreeks) return a == b ? h.penalty[a] : 0.0;
    return h.penalty[a * kHedgedGreeks + b];
  };
  for (std::size_t i = 0; i < m; ++i) {
    if (w.size[i] == 0.0) continue;
    const auto row = static_cast<std::size_t>(h.instruments[i]);
    const double forward = marks_[static_cast<std::size_t>(instruments_->row_node()[row])].forward;
    const double notional = contract_notional(*instruments_, row, forward);
    const bool option = is_option(c.kind[row]), inverse = is_inverse(c.kind[row]);
    // Without it the Greeks left would be y - g x: 1/2 (y - gx)'Q(y - gx) - 1/2 y'Qy.
    double removed = 0.0;
    for (std::size_t a = 0; a < kHedgedGreeks; ++a) {
      for (std::size_t b = 0; b < kHedgedGreeks; ++b) {
        const double x = w.greeks[a * m + i] * w.size[i];
        removed += penalty(a, b) * x * (0.5 * w.greeks[b * m + i] * w.size[i] - left[b]);
      }
    }
    const double coin = inverse ? marks_[static_cast<std::size_t>(instruments_->row_node()[row])].index : 1.0;
    const double price = option ? w.premium[i] / (c.multiplier[row] * coin) : forward;
    const double half_spread = c.half_spread_bps[row] * 1e-4 * (option && inverse ? 1.0 : forward);
    const double cost = std::fabs(w.size[i]) * w.cost[i];
    plan_.cost += cost;
    plan_.trades.push_back({.instrument = h.instruments[i],
                            .underlying = static_cast<std::int64_t>(u),
                            .size = w.size[i],
                            .price = price,
                            .limit_price = limit_price(row, price, half_spread, w.size[i]),
                            .notional = w.size[i] * notional,
                            .cost = cost,
                            .drift_before = p.drift[Quantity::delta],
                            .drift_after = p.drift_after[Quantity::delta],
                            .risk_removed = removed,
                            .reasons = p.reasons});
  }
}

void Engine::size_greeks(std::size_t u) noexcept {
  HedgeWork& w = *hedge_work_[u];
  UnderlyingPlan& p = plan_.underlyings[u];
  load_hedge(u);
  if (std::all_of(w.usable.begin(), w.usable.end(), [](std::uint8_t usable) { return usable == 0; })) {
    p.outcome = Outcome::bad_data;
    return;
  }
  sizing::HedgeUpdate now;
  now.greeks = w.greeks;
  now.exposure = w.exposure;
  now.cost_buy = now.cost_sell = w.cost;
  now.lower = w.lower;
  now.upper = w.upper;
  w.solver.update(now);
  w.solver.solve(true);
  report_hedge(u);
  const bool wanted = std::any_of(w.solver.solution().trades.begin(), w.solver.solution().trades.end(),
                                  [](double x) { return x != 0.0; });
  round_hedge(u);
  const bool trades = std::any_of(w.size.begin(), w.size.end(), [](double x) { return x != 0.0; });
  // Whole lots can be worse than nothing; only a limit that binds may ask for them all the same.
  const sizing::HedgeSolution& s = w.solver.solution();
  const bool worth = s.risk + s.cost < p.hedge.risk_before || p.hedge.binding != 0;
  if (!trades || !worth) {
    p.outcome = trades || !wanted ? Outcome::cost_above_benefit : Outcome::below_lot;
    p.hedge.risk_after = p.hedge.risk_before;
    return;
  }
  propose_hedge(u);
}

}  // namespace rebalance
