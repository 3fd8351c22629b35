/// The hedge optimum: what to trade in which instruments when trading costs money.
///
///   minimise   1/2 y'Q y + sum(cost_buy x+ + cost_sell x-) + 1/2 sum impact x^2,     y = e + G x
///   subject to lower <= x <= upper,   |y| <= limit,   row_lower <= sum(use_buy x+ - use_sell x-) <= row_upper
///
/// e  exposures now, in the Greeks' own units        G  Greeks of one contract        x  contracts to trade, bought > 0
/// Q  penalty, quote currency per product of Greeks  y  exposures afterwards
///
/// A row that uses as much when sold as it frees when bought (use_sell = use_buy) is linear, as a premium budget is;
/// with use_sell = -use_buy it counts |x|, as initial margin does. Greeks that differ by eight orders of magnitude are
/// brought to one scale inside.
///
/// Error  objective within 1e-12 of the optimum relative to the terms it is made of; `gap` certifies it.
/// From   theory.md 3.5; Whalley and Wilmott (1997) for the one-instrument limit. Solved by sizing/dual_solver.hpp.
#pragma once

#include <cstddef>
#include <vector>

#include "rebalance/sizing/dual_solver.hpp"
#include "rebalance/sizing/solve_status.hpp"
#include "rebalance/types.hpp"

namespace rebalance::sizing {

/// What to change of a problem; empty columns stay as they are. Matrices are row-major.
struct HedgeUpdate {
  Column greeks;                ///< n_greeks x n_instruments, per contract
  Column exposure;              ///< n_greeks
  Column penalty;               ///< n_greeks (a diagonal) or n_greeks x n_greeks
  Column cost_buy, cost_sell;   ///< n_instruments, quote currency per contract, at least 0
  Column impact;                ///< n_instruments, quote currency per contract squared, at least 0
  Column lower, upper;          ///< n_instruments, contracts
  Column limit;                 ///< n_greeks, at least 0; infinite for none
  Column use_buy, use_sell;     ///< n_rows x n_instruments, per contract bought and sold
  Column row_lower, row_upper;  ///< n_rows
};

/// What came out.
struct HedgeSolution {
  SolveStatus status = SolveStatus::bad_input;
  int iterations = 0;
  double objective = 0.0;           ///< risk + cost, quote currency
  double cost = 0.0;                ///< of trading, impact included
  double risk = 0.0;                ///< 1/2 y'Q y
  double risk_before = 0.0;         ///< 1/2 e'Q e
  double gap = 0.0;                 ///< objective less a proven lower bound; NaN unless solved
  std::vector<double> trades;       ///< n_instruments, contracts
  std::vector<double> residual;     ///< n_greeks: y
  std::vector<double> limit_price;  ///< n_greeks: what one more unit of each limit would save; < 0 where -limit binds
  std::vector<double> row_use;      ///< n_rows
  std::vector<double> row_price;    ///< n_rows: what one more unit of row_upper (< 0: of row_lower) would save
  std::vector<double> marginal;     ///< n_instruments: the change of risk, limits and rows priced, by one contract more
  std::vector<double> relaxation;   ///< n_greeks + n_rows: by how much each limit was exceeded because it had to be
  std::vector<unsigned char> clash;  ///< n_greeks + n_rows: whether it is one of those that cannot hold together
};

/// What may be traded of each instrument besides its bounds; n_instruments each. A trade is nothing, a whole number of
/// lots of at least min_size contracts, or a smaller whole number of lots that closes the position.
struct LotTerms {
  Column lot_size;             ///< contracts, above 0
  Column min_size;             ///< contracts
  Column position;             ///< contracts held now
  Column ticket;               ///< quote currency for any trade in the instrument
  std::size_t max_trades = 0;  ///< instruments that may be traded; 0 for all
  int max_nodes = 1000;        ///< continuous problems that may be solved on the way
};

/// Preallocated and warm: update what moved, solve.
class HedgeSolver {
 public:
  HedgeSolver(std::size_t n_greeks, std::size_t n_instruments, std::size_t n_rows = 0);

  /// Throws std::invalid_argument that names the argument and the values, and then changes nothing.
  void update(const HedgeUpdate& update);

  /// Throws std::logic_error if greeks, exposure, penalty, costs or bounds were never given.
  const HedgeSolution& solve(bool warm = true);

  /// The same, starting from trades found elsewhere, n_instruments of them.
  const HedgeSolution& solve_from(Column trades);

  /// The best trades in whole lots that a bounded search finds: branch and bound on the continuous problem, depth first
  /// and cheapest first. `objective` includes the tickets, `gap` is how far it can be from the best there is, and
  /// `iterations` counts the continuous problems. Allocates as it searches.
  const HedgeSolution& solve_lots(const LotTerms& terms);

  [[nodiscard]] const HedgeSolution& solution() const noexcept { return solution_; }
  [[nodiscard]] std::size_t n_greeks() const noexcept { return greeks_; }
  [[nodiscard]] std::size_t n_instruments() const noexcept { return instruments_; }
  [[nodiscard]] std::size_t n_rows() const noexcept { return rows_; }

 private:
  struct Data {
    std::vector<double> greeks, exposure, cost_buy, cost_sell, impact, lower, upper, limit, use_buy, use_sell,
        row_lower, row_upper;
  };

  void factor(Column penalty);
  void require() const;
  const HedgeSolution& run(bool warm);
  friend class LotSearch;
  void fill(bool elastic) noexcept;
  void relax() noexcept;
  void fill_relaxed(double give, bool on_face) noexcept;
  void hold_start() noexcept;
  void read_solution() noexcept;
  double measure() noexcept;
  [[nodiscard]] std::size_t columns() const noexcept { return split_ ? 2 * instruments_ : instruments_; }
  [[nodiscard]] std::size_t bounded_rows() const noexcept { return bounded_.size(); }

  std::size_t greeks_, instruments_, rows_;
  Data data_;
  bool penalised_ = false;
  std::size_t rank_ = 0, trial_rank_ = 0;
  std::vector<double> factor_, trial_factor_;  ///< rank x n_greeks: Q = R'R
  std::vector<double> start_;                  ///< x of solve_from, or of the smallest relaxation
  bool split_ = false;                         ///< instruments stand as a bought and a sold column
  struct Bounded {
    std::size_t index;  ///< of the limit, or n_greeks + of the row
    double scale;       ///< what its row was multiplied by
    double unit;        ///< what a relaxation of it is measured in
  };
  std::vector<Bounded> bounded_;
  std::vector<double> excess_;        ///< of each bounded row; < 0 below
  std::vector<double> price_;         ///< of each bounded row, in shares of it, where the limits cannot hold
  std::vector<unsigned char> held_;   ///< of each column: whether the smallest relaxation fixes it
  std::vector<unsigned char> moves_;  ///< per row of the factor: whether some instrument moves it
  std::size_t moved_ = 0;             ///< how many of them
  DualSolver dual_;
  HedgeSolution solution_;
};

}  // namespace rebalance::sizing
