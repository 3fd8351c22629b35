/// One tick: mark, price, aggregate, drift, trigger, size, gate, lots, in that order.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "rebalance/book/book.hpp"
#include "rebalance/book/market.hpp"
#include "rebalance/drift/targets.hpp"
#include "rebalance/guards/cost_gate.hpp"
#include "rebalance/plan.hpp"
#include "rebalance/sizing/action.hpp"
#include "rebalance/sizing/greek_hedge.hpp"
#include "rebalance/sizing/hedge.hpp"
#include "rebalance/sizing/weights.hpp"
#include "rebalance/triggers/trigger.hpp"

namespace rebalance {

struct EngineSettings {
  Nanos clock_step_ns = 1'000'000'000;  ///< time to expiry is taken at whole multiples of this; 0: at every instant
  Nanos max_age_ns = 0;                 ///< quotes older than this are stale; 0: they never are
  Action action = Action::to_target;
  double fraction = 1.0;  ///< for Action::fraction, in (0, 1]
  CostGate cost_gate;
  std::vector<std::int32_t> hedge;        ///< per underlying: the instrument that trades delta; -1 for none
  std::vector<std::uint8_t> reduce_only;  ///< per underlying: may the hedge only shrink its position
  std::vector<GreekHedge> greek_hedges;   ///< per underlying, or empty
};

/// Owns the workspace of one strategy. All memory is taken when it is made; tick() allocates nothing, throws nothing
/// and takes no lock. Not to be used from two threads at once.
///
/// Only what changed is computed again: the blocks of options whose vol or quantity changed, the nodes whose price
/// did, everything when the pricing clock steps. A tick in which nothing changed returns the plan it had.
class Engine {
 public:
  /// Throws std::invalid_argument where the parts do not fit together.
  Engine(std::shared_ptr<Book> book, std::shared_ptr<Market> market, Targets targets, Trigger trigger,
         EngineSettings settings);

  const Plan& tick(Nanos now_ns) noexcept;

  /// New targets from the next tick on. Throws and changes nothing if they do not fit.
  void set_targets(Targets targets);

  [[nodiscard]] const Plan& plan() const noexcept { return plan_; }
  [[nodiscard]] const Instruments& instruments() const noexcept { return *instruments_; }
  [[nodiscard]] const std::shared_ptr<Book>& book() const noexcept { return book_; }
  [[nodiscard]] const std::shared_ptr<Market>& market() const noexcept { return market_; }
  [[nodiscard]] const Targets& targets() const noexcept { return targets_; }
  [[nodiscard]] const Trigger& trigger() const noexcept { return trigger_; }
  [[nodiscard]] const EngineSettings& settings() const noexcept { return settings_; }

  /// Option rows that the next tick would price: whether it is worth letting other threads run meanwhile.
  [[nodiscard]] std::size_t rows_to_price(Nanos now_ns) const noexcept;

  /// The node's shared inputs at the last tick; meaningful where its status has a value.
  [[nodiscard]] const NodeMark& node_mark(std::size_t node) const noexcept { return marks_[node]; }

 private:
  [[nodiscard]] Nanos pricing_clock(Nanos now_ns) const noexcept;
  void refresh(Nanos now_ns) noexcept;
  void mark_underlying(std::size_t u, bool everything) noexcept;
  void mark_node(std::size_t node) noexcept;
  void take_logs() noexcept;
  void price_node(std::size_t node) noexcept;
  void load_block(std::size_t node, std::size_t block) noexcept;
  void price_blocks(std::size_t node, std::size_t first, std::size_t count) noexcept;
  void aggregate_node(std::size_t node) noexcept;
  void aggregate_underlying(std::size_t u) noexcept;
  void measure() noexcept;
  void size() noexcept;
  void size_one(std::size_t u, double equity_after) noexcept;
  [[nodiscard]] bool hedges_greeks(std::size_t u) const noexcept;
  void size_greeks(std::size_t u) noexcept;
  void load_hedge(std::size_t u) noexcept;
  void round_hedge(std::size_t u) noexcept;
  void report_hedge(std::size_t u) noexcept;
  void propose_hedge(std::size_t u) noexcept;
  [[nodiscard]] Exposure contract_exposure(std::size_t row) noexcept;
  [[nodiscard]] double limit_price(std::size_t row, double price, double half_spread, double size) const noexcept;
  [[nodiscard]] Outcome refusal(std::size_t u) const noexcept;
  [[nodiscard]] double hedge_unit(std::size_t u) const noexcept;
  [[nodiscard]] double hedge_price(std::size_t u) const noexcept;
  [[nodiscard]] RowStatus aged(RowStatus status, Nanos ts) noexcept;
  [[nodiscard]] RowStatus quote_status(const Market::Quote& quote) noexcept;
  void watch(Nanos instant) noexcept;

  std::shared_ptr<const Instruments> instruments_;
  std::shared_ptr<Book> book_;
  std::shared_ptr<Market> market_;
  Targets targets_;
  Trigger trigger_;
  EngineSettings settings_;
  Plan plan_;
  TriggerState trigger_state_;

  // per option slot
  std::vector<double> stddev_, inverse_stddev_, weight_, vol_slope_;
  // per block
  std::vector<double> block_sums_, block_gross_, block_net_;
  std::vector<RowStatus> block_status_;  ///< worst of the rows held
  // per node
  enum Work : std::uint8_t { kMoved = 1, kReload = 2, kAggregate = 4 };
  std::vector<std::uint8_t> work_;  ///< what the refresh at hand has to do: bits of Work
  std::vector<NodeMark> marks_;
  std::vector<double> scaled_forward_, log_forward_;  ///< forward / anchor and its logarithm, in whole lanes
  std::vector<DeltaOneHoldings> holdings_;
  std::vector<RowStatus> held_status_;  ///< worst of the rows held
  // per underlying
  std::vector<std::uint8_t> underlying_dirty_;
  std::vector<RowStatus> index_status_;
  std::vector<TriggerState::Row> trigger_rows_;
  std::vector<WeightTrade> weight_trades_;

  /// The hedge optimum of one underlying and what it is fed with; per instrument unless told.
  struct HedgeWork {
    sizing::HedgeSolver solver;
    std::vector<double> greeks;  ///< kHedgedGreeks x instruments
    std::vector<double> cost, lower, upper, size, premium;
    std::vector<std::uint8_t> usable, fixed;
    double exposure[kHedgedGreeks];
    double risk_before;
  };
  std::vector<std::optional<HedgeWork>> hedge_work_;
  std::vector<double> one_contract_;  ///< a block of option slots with one contract in it: seven columns, then its sums

  Nanos clock_ns_ = kNever;
  Nanos last_now_ns_ = kNever;
  Nanos next_event_ns_ = kNever;  ///< the first instant at which time alone changes a row's status
  std::uint64_t market_seen_ = 0, book_seen_ = 0;
  bool calendar_fired_ = false;
  bool targets_changed_ = true;
};

}  // namespace rebalance
