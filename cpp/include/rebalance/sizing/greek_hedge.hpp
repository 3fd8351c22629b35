/// The hedge optimum in the tick: which instruments of an underlying may be traded, and what leftover Greeks cost.
#pragma once

#include <cstdint>
#include <vector>

#include "rebalance/sizing/solve_status.hpp"
#include "rebalance/types.hpp"

namespace rebalance {

/// The Greeks that a tick hedges, in this order, in the numeraire of the book.
inline constexpr int kHedgedGreeks = 3;
enum class HedgedGreek : std::uint8_t { delta, gamma, vega };

/// How one underlying is hedged. Without instruments its delta alone is traded, through EngineSettings::hedge.
struct GreekHedge {
  std::vector<std::int32_t> instruments;  ///< rows of this underlying
  std::vector<double> penalty;            ///< 3 or 3 x 3: quote currency per product of two Greeks
  std::vector<double> limit;              ///< 3, at least 0; infinite for none
  std::vector<double> max_size;           ///< per instrument: contracts of one trade; infinite for any
};

/// What the optimum of an underlying was made of.
struct HedgeReport {
  SolveStatus status = SolveStatus::bad_input;  ///< bad_input: not asked in this tick
  double risk_before = kNaN;                    ///< quote currency, by the penalty
  double risk_after = kNaN;                     ///< with the proposed trades, in whole lots
  std::uint64_t binding = 0;                    ///< bit i: the limit of Greek i binds, or had to be exceeded
  std::int64_t next_best = -1;                  ///< the instrument nearest to being worth trading; -1 for none
  double next_best_excess = kNaN;               ///< by how much one contract of it costs more than it saves
};

}  // namespace rebalance
