/// Where the book should be, per underlying. NaN means no target.
#pragma once

#include <vector>

#include "rebalance/types.hpp"

namespace rebalance {

/// Columns of one entry per underlying.
struct Targets {
  std::vector<double> weight;  ///< delta in quote currency over equity; for a spot holding its share of the equity
  std::vector<double> delta;   ///< units of underlying (quote numeraire) or coin, premium-adjusted (coin numeraire)
  std::vector<double> gamma;   ///< as Exposure::gamma, or gamma_pa in the coin numeraire
  std::vector<double> vega;    ///< as Exposure::vega, or vega_coin in the coin numeraire

  /// Columns left empty become NaN. Throws std::invalid_argument where a length differs, a target is infinite, or an
  /// underlying has both a weight and a delta target (one hedge cannot serve two masters).
  void complete(std::size_t n_underlyings);
};

}  // namespace rebalance
