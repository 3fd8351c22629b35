/// Trades that restore weights when the cost of trading is paid from the same equity.
#pragma once

#include <cmath>
#include <cstddef>

namespace rebalance {

/// One asset: where it is, which share of the equity after costs it should have, what trading costs.
struct WeightTrade {
  double value;      ///< exposure now, quote currency
  double weight;     ///< wanted share of the equity after costs
  double cost_rate;  ///< cost per unit of quote currency traded
};

/// Equity after costs: the fixed point of  V' = V - sum_i cost_rate_i |weight_i V' - value_i|.
///
/// The right side moves by at most sum_i cost_rate_i |weight_i| per unit of V', far below 1, so plain iteration
/// converges by that factor a step; it stops when V' no longer changes by more than 1e-15 of V.
[[nodiscard]] inline double equity_after_costs(double equity, const WeightTrade* trades, std::size_t n) noexcept {
  double after = equity;
  for (int iteration = 0; iteration < 60; ++iteration) {
    double cost = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      cost += trades[i].cost_rate * std::fabs(trades[i].weight * after - trades[i].value);
    }
    const double next = equity - cost;
    const bool settled = std::fabs(next - after) <= 1e-15 * std::fabs(equity);
    after = next;
    if (settled) break;
  }
  return after;
}

}  // namespace rebalance
