/// A wanted trade in whole lots: the rules that an exchange enforces anyway.
#pragma once

#include <cmath>
#include <cstdint>

namespace rebalance {

/// Why a wanted trade became nothing.
enum class LotOutcome : std::uint8_t { traded, below_lot, below_min_notional, reduce_only };

struct LotRules {
  double lot_size;          ///< contracts
  double min_notional;      ///< quote currency
  double notional_per_lot;  ///< quote currency
  double position;          ///< contracts held now
  bool reduce_only;         ///< may only shrink the position
};

struct LotTrade {
  double size;  ///< contracts, signed; a whole number of lots
  LotOutcome outcome;
};

/// Contracts in whole lots.
///
/// To the nearest lot, ties to even; toward zero where reduce-only binds. Rounding never turns a buy into a sell, and
/// a reduce-only trade never exceeds the position. `at_least` (contracts, in the direction of `wanted`) is what the
/// rounded trade must reach to bring the exposure inside its band: if the nearest lot falls short, one more is taken.
/// A trade below min_notional is dropped, not rounded up, unless it closes all that whole lots can close of the
/// position.
[[nodiscard]] inline LotTrade round_to_lots(double wanted, double at_least, const LotRules& rules) noexcept {
  const double sign = wanted < 0.0 ? -1.0 : 1.0;
  double lots = std::nearbyint(std::fabs(wanted) / rules.lot_size);
  // One part in 10^9 of a lot is rounding of the inputs, not a shortfall; nor is one in 10^13 of very many lots.
  const double needed = std::fabs(at_least) / rules.lot_size;
  if (lots < needed - 1e-9 - 1e-13 * needed) lots += 1.0;
  const double closing = rules.position * sign < 0.0 ? std::fabs(rules.position) / rules.lot_size : 0.0;
  const double closing_lots = std::floor(closing + 1e-9);
  bool bound = false;
  if (rules.reduce_only && lots > closing_lots) {
    lots = closing_lots;
    bound = lots == 0.0;
  }
  if (!(lots > 0.0)) return {0.0, bound ? LotOutcome::reduce_only : LotOutcome::below_lot};
  const bool closes = lots == closing_lots;
  if (lots * rules.notional_per_lot < rules.min_notional && !closes) return {0.0, LotOutcome::below_min_notional};
  return {sign * lots * rules.lot_size, LotOutcome::traded};
}

}  // namespace rebalance
