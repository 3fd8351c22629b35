/// Long-only weights whose shares of the risk are given.
///
/// The minimum of  y' S y / 2 - sum_i b_i ln y_i  has  y_i (S y)_i = b_i: the risk contributions of w = y / sum y are
/// in proportion to the budgets b. The function is strictly convex in ln y wherever S is a covariance, so there is one
/// such y, and every method that goes downhill finds it.
///
/// Coordinates are minimised in turn (each is the root of a quadratic). Where that is slow, as with strong negative
/// correlations, Newton's method takes over, in steps relative to y: (Y S Y + B) z = b - Y S Y 1 by Cholesky (dense) or
/// by Woodbury's identity (factors), with a line search on the exact function.
///
/// From   Maillard, Roncalli and Teiletche (2010), J. Portfolio Management 36(4); Spinu (2013), "An algorithm for
///        computing risk parity weights"; Griveau-Billion, Richard and Roncalli (2013), "A fast algorithm for computing
///        high-dimensional risk parity portfolios".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace rebalance::sizing {

/// S = loadings factor_cov loadings' + diag(specific_var), or dense: then `dense` is n x n and the others are null.
struct Covariance {
  const double* dense = nullptr;
  const double* loadings = nullptr;    ///< n x k, row by row
  const double* factor_cov = nullptr;  ///< k x k
  const double* specific_var = nullptr;
  std::size_t n = 0, k = 0;
};

enum class RiskBudgetStatus : std::uint8_t {
  solved,
  inaccurate,  ///< the covariance is too nearly singular: contributions are as close as doubles get them
  unbounded,   ///< some long-only mix has no risk, or less than none: there is no answer
};

[[nodiscard]] constexpr std::string_view to_string(RiskBudgetStatus status) noexcept {
  switch (status) {
    case RiskBudgetStatus::solved: return "solved";
    case RiskBudgetStatus::inaccurate: return "inaccurate";
    case RiskBudgetStatus::unbounded: return "unbounded";
  }
  return "unknown";
}

struct RiskBudgetInfo {
  RiskBudgetStatus status;
  double residual;    ///< largest |share / budget - 1|
  double volatility;  ///< sqrt(w' S w)
  int sweeps;         ///< over all coordinates
  int newton_steps;
};

/// Holds the room for one size of problem; solve takes no memory.
class RiskBudgetSolver {
 public:
  /// k = 0 for a dense covariance.
  RiskBudgetSolver(std::size_t n, std::size_t k);

  /// budgets: n, above 0, adding to 1. start: n weights above 0, or null. weights and shares: n each, written.
  RiskBudgetInfo solve(const Covariance& covariance, const double* budgets, const double* start, double tolerance,
                       double* weights, double* shares) noexcept;

 private:
  [[nodiscard]] bool prepare(const Covariance& c) noexcept;
  void start_from(const Covariance& c, const double* budgets, const double* start) noexcept;
  double risk_of(const Covariance& c, const double* y, double* risk) noexcept;
  [[nodiscard]] double residual(const Covariance& c, const double* budgets) noexcept;
  [[nodiscard]] double sweep(const Covariance& c, const double* budgets) noexcept;
  [[nodiscard]] bool newton_direction(const Covariance& c, const double* budgets) noexcept;
  [[nodiscard]] bool newton_step(const Covariance& c, const double* budgets) noexcept;

  std::size_t n_, k_;
  std::vector<double> y_, risk_, step_, step_risk_, variance_;
  std::vector<double> matrix_;    ///< Cholesky factor of the Newton system, n x n or k x k
  std::vector<double> exposure_;  ///< loadings times the root of factor_cov, factor by factor: k x n
  std::vector<double> scaled_;    ///< k x n
  std::vector<double> rows_;      ///< exposure_ asset by asset: n x k
  std::vector<double> factor_;    ///< k
  std::vector<double> root_;      ///< k x k
};

}  // namespace rebalance::sizing
