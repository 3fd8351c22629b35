/// What one tick says: what to trade, why, what it costs, and what it leaves.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "rebalance/drift/drift.hpp"
#include "rebalance/risk/exposure.hpp"
#include "rebalance/sizing/greek_hedge.hpp"

namespace rebalance {

/// What became of one underlying in this tick.
enum class Outcome : std::uint8_t {
  hold,           ///< no trigger fired
  trade,          ///< a trade is proposed
  no_target,      ///< neither a weight nor a delta target
  no_hedge,       ///< the trigger fired, but no hedge instrument is designated
  not_hedgeable,  ///< the trigger fired on gamma or vega alone; the hedge instrument has neither
  bad_data,       ///< a held row or the hedge instrument is stale, not a number, or otherwise without a value
  no_equity,      ///< a weight target, but the equity is not positive or not known
  below_lot,      ///< less than half a lot
  below_min_notional,
  reduce_only,         ///< the hedge may only shrink its position, and that would not help
  cost_above_benefit,  ///< the cost gate
};

inline constexpr int kOutcomeCount = 11;
inline constexpr std::string_view kOutcomeWords[kOutcomeCount] = {
    "hold",      "trade",     "no_target",          "no_hedge",    "not_hedgeable",     "bad_data",
    "no_equity", "below_lot", "below_min_notional", "reduce_only", "cost_above_benefit"};

/// A proposed trade.
struct Trade {
  std::int64_t instrument;
  std::int64_t underlying;
  double size;          ///< contracts, bought > 0; a whole number of lots
  double price;         ///< the mark it was sized at
  double limit_price;   ///< the mark moved by half the spread against the trade, to a whole tick
  double notional;      ///< quote currency, signed like size
  double cost;          ///< expected: fee and half-spread, quote currency
  double drift_before;  ///< units of underlying or coin, as the delta target
  double drift_after;
  double
      risk_removed;  ///< by the cost gate's measure, or against leaving this trade out of a hedge; NaN without either
  std::uint64_t reasons;  ///< bit i: condition i of the trigger fired
};

/// One row per underlying.
struct UnderlyingPlan {
  Exposure before;
  PerQuantity measured;     ///< what the targets speak of
  PerQuantity drift;        ///< before trading
  PerQuantity drift_after;  ///< after the proposed trade
  double weight;            ///< delta x index / equity
  double index;
  std::uint64_t reasons;  ///< of the trigger, whether or not a trade came of it
  Outcome outcome;
  RowStatus status;   ///< worst of the rows held and of the prices needed
  HedgeReport hedge;  ///< of the hedge optimum, where it was asked
};

/// Views hold until the next tick.
struct Plan {
  Nanos now_ns = 0;
  double equity = kNaN;        ///< quote currency; NaN if a held row has no value
  double equity_after = kNaN;  ///< less the expected cost
  double cost = 0.0;
  std::vector<UnderlyingPlan> underlyings;
  std::vector<Trade> trades;
  std::vector<Exposure> nodes;  ///< exposures per (underlying, expiry)
  std::vector<RowStatus> node_status;
  std::vector<RowStatus> row_status;  ///< per instrument
};

}  // namespace rebalance
