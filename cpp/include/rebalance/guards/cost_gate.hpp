/// No trade whose cost exceeds the risk it removes.
#pragma once

#include <vector>

namespace rebalance {

/// Risk is priced as a running penalty, risk_aversion/2 x variance of the unhedged profit, over a horizon:
///
///   removed = risk_aversion/2 (vol F)^2 (before^2 - after^2) horizon
///
/// with before and after the drift of delta in units of the underlying. From the local band problem of Whalley and
/// Wilmott (1997), Math. Finance 7:307-324, held for `horizon` instead of continuously.
struct CostGate {
  double risk_aversion = 0.0;  ///< per quote unit; 0 switches the gate off
  double horizon_years = 0.0;  ///< how long the drift would otherwise be held
  std::vector<double> vol;     ///< per underlying, per square root of a year

  [[nodiscard]] bool on() const noexcept { return risk_aversion > 0.0; }
  [[nodiscard]] double risk_removed(std::size_t u, double price, double before, double after) const noexcept {
    const double deviation = vol[u] * price;
    return 0.5 * risk_aversion * deviation * deviation * (before * before - after * after) * horizon_years;
  }
};

}  // namespace rebalance
