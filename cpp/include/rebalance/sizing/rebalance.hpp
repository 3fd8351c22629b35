/// The cost-aware rebalance: which trades are worth their cost, for up to some ten thousand assets with factor risk.
///
///   minimise   g/2 (w + x - t)' (B F B' + diag d) (w + x - t) - alpha' x
///              + sum (buy x+ + sell x-) + sum impact |x|^1.5 + 1/2 sum quadratic x^2
///   subject to sum x = budget,  lower <= w + x <= upper,  sum |x| <= turnover,  sum |w + x| <= leverage
///
/// Method: a semismooth Newton ascent on the dual. With A = (g F)^(1/2) B' the factor risk is 1/2 |A (w + x - t)|^2;
/// its conjugate gives one multiplier a factor, and budget, turnover and leverage one each. Given those k + 3 numbers
/// every trade is the minimum of one convex function of one variable, in closed form: a soft threshold, a square root
/// under power cost, a clip to the box. So Newton runs on k + 3 unknowns however many assets there are, at O(n k^2) for
/// its matrix and O(n) for each step tried along a direction. Multipliers of the two caps stay at or above 0: a step
/// ends where one reaches it.
///
/// An asset without curvature of its own (no specific variance, no impact) answers by jumping, which no Newton step can
/// follow; it is held to its last answer by a proximal term that is solved again until it no longer matters.
///
/// From   Li, Sun, Toh (2018), "A highly efficient semismooth Newton augmented Lagrangian method for solving Lasso
///        problems", SIAM J. Optim. 28; Boyd et al. (2017), "Multi-period trading via convex optimization", for the
///        problem.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rebalance/sizing/solve_status.hpp"

namespace rebalance {

struct TradeColumns;

/// Columns of a rebalance, one number an asset.
enum class RebalanceColumn : int {
  weights,           ///< held before the trade
  target,            ///< wanted
  specific_var,      ///< d, at least 0
  alpha,             ///< worth of one unit held
  cost_buy,          ///< per unit bought, at least 0
  cost_sell,         ///< per unit sold, at least 0
  impact,            ///< coefficient of |x|^1.5, at least 0
  impact_quadratic,  ///< coefficient of x^2 / 2, at least 0
  lower,             ///< of weights after the trade; -inf for none
  upper,             ///< of weights after the trade; inf for none
};
inline constexpr int kRebalanceColumns = 10;
inline constexpr std::string_view kRebalanceColumnNames[kRebalanceColumns] = {
    "weights",   "target", "specific_var",     "alpha", "cost_buy",
    "cost_sell", "impact", "impact_quadratic", "lower", "upper"};

enum class RebalanceNumber : int {
  risk_aversion,  ///< g, at least 0
  budget,         ///< sum of the trades
  turnover,       ///< cap on sum |x|; inf for none
  leverage,       ///< cap on sum |w + x|; inf for none
};
inline constexpr int kRebalanceNumbers = 4;
inline constexpr std::string_view kRebalanceNumberNames[kRebalanceNumbers] = {"risk_aversion", "budget", "turnover",
                                                                              "leverage"};

/// What to change before the next solve; what is empty stays as it was.
struct RebalanceUpdate {
  std::array<std::span<const double>, kRebalanceColumns> columns;  ///< n_assets numbers, or one for all
  std::array<std::optional<double>, kRebalanceNumbers> numbers;
  std::span<const double> loadings;    ///< B, n_assets x n_factors, row by row
  std::span<const double> factor_cov;  ///< F, n_factors x n_factors, or its diagonal

  [[nodiscard]] std::span<const double>& operator[](RebalanceColumn c) { return columns[static_cast<std::size_t>(c)]; }
  [[nodiscard]] std::optional<double>& operator[](RebalanceNumber v) { return numbers[static_cast<std::size_t>(v)]; }
};

struct RebalanceSettings {
  int max_iterations = 300;  ///< Newton steps
  double tolerance = 1e-12;  ///< of each row, relative to the sum of what stands in it
};

/// How far each row was moved because nothing satisfies all of them; 0 where it was not.
struct RebalanceRelaxation {
  double budget = 0.0;  ///< signed: added to the budget
  double turnover = 0.0;
  double leverage = 0.0;
};

struct RebalanceSizes {
  SolveStatus status = SolveStatus::bad_input;
  int iterations = 0;      ///< Newton steps
  double objective = 0.0;  ///< at the trades
  double cost = 0.0;       ///< linear cost and impact
  double risk = 0.0;       ///< variance of what is left of the deviation, (w+x-t)'(BFB'+diag d)(w+x-t)
  double turnover = 0.0;   ///< sum |x|
  double leverage = 0.0;   ///< sum |w + x|
  RebalanceRelaxation relaxation;
};

/// All memory is taken by the constructor; update and solve only overwrite it.
class RebalanceSolver {
 public:
  RebalanceSolver(std::size_t n_assets, std::size_t n_factors, RebalanceSettings settings = {});

  /// Throws std::invalid_argument, which names the column, the row and the values, and changes nothing.
  void update(const RebalanceUpdate& update);

  /// From the multipliers of the last solve. Throws std::logic_error if a needed column was never given.
  const RebalanceSizes& solve();

  /// Start the next solve from these multipliers (size n_multipliers()), or from nothing.
  void start_from(std::span<const double> multipliers);
  void start_cold() noexcept;

  [[nodiscard]] std::span<const double> trades() const noexcept { return {trade_.data(), n_}; }
  /// Of the factors (in the basis of F's Cholesky factor), the budget, turnover and leverage.
  [[nodiscard]] std::span<const double> multipliers() const noexcept { return {dual_.data(), k_ + 3}; }
  [[nodiscard]] const RebalanceSizes& sizes() const noexcept { return sizes_; }
  [[nodiscard]] std::size_t n_assets() const noexcept { return n_; }
  [[nodiscard]] std::size_t n_factors() const noexcept { return k_; }

  /// What stopped the last solve, in words: which rows cannot hold together and what would let them; empty if solved.
  [[nodiscard]] std::string message() const;

 private:
  using Column = RebalanceColumn;
  using Number = RebalanceNumber;
  enum class Walk { reached, stalled, out_of_steps };

  [[nodiscard]] std::vector<double>& column(Column c) noexcept { return columns_[static_cast<std::size_t>(c)]; }
  [[nodiscard]] const std::vector<double>& column(Column c) const noexcept {
    return columns_[static_cast<std::size_t>(c)];
  }
  [[nodiscard]] double number(Number v) const noexcept { return numbers_[static_cast<std::size_t>(v)]; }

  void check(const RebalanceUpdate& update);
  bool factor_covariance(std::span<const double> covariance, double* L) const noexcept;
  void prepare() noexcept;
  void prepare_factors() noexcept;
  void fit_limits() noexcept;
  void bring_to_least_leverage(double least) noexcept;
  double least_leverage(double turnover) const noexcept;
  void find_flat_assets() noexcept;
  TradeColumns trade_columns() noexcept;
  void set_out() noexcept;
  Walk walk() noexcept;
  void respond(double step) noexcept;
  void find_ascent() noexcept;
  bool converged(double tolerance) const noexcept;
  void find_step() noexcept;
  double slope_along(double step) noexcept;
  double line_search() noexcept;
  [[nodiscard]] double base_curvature(std::size_t i) const noexcept;
  [[nodiscard]] bool settled(double allowed) const noexcept;
  void account() noexcept;

  std::size_t n_, k_, rows_, width_;
  RebalanceSettings settings_;
  unsigned missing_;  ///< bits of columns, then loadings and factor_cov, never given
  bool factors_changed_ = true, warm_ = false;

  // what the caller gave
  std::array<std::vector<double>, kRebalanceColumns> columns_;
  std::array<double, kRebalanceNumbers> numbers_;
  std::vector<double> loadings_, factor_, scratch_factor_;  ///< B; L with F = L L', width_ a row

  // the problem in x
  std::vector<double> asset_rows_, tiles_, scaled_factor_;  ///< A' asset by asset, and in tiles of kTileRows
  std::vector<double> deviation_, linear_, curvature_, inverse_curvature_, root_, lower_, upper_;
  std::vector<double> risk_before_;  ///< A (w - t)
  std::vector<std::size_t> flat_;    ///< assets without curvature of their own
  std::vector<double> proximal_, anchor_, size_;
  double budget_ = 0.0, turnover_ = 0.0, leverage_ = 0.0, typical_trade_ = 0.0, held_size_ = 0.0, factor_size_ = 0.0,
         all_response_ = 0.0;
  bool power_ = false, has_turnover_ = false, has_leverage_ = false;
  double uphill_ = 0.0, noise_ = 0.0;  ///< slope of the dual along the step at its start, and what rounding makes of it

  // the walk
  std::vector<double> gradient_, move_, trade_, response_, dual_, ascent_, step_, factor_trade_;
  std::vector<double> matrix_, pivot_, packed_, lanes_;
  std::vector<std::size_t> free_;
  struct {
    double total, turnover, leverage;
  } sums_{};

  RebalanceSizes sizes_;
};

}  // namespace rebalance
