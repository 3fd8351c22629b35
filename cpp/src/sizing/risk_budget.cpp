#include "rebalance/sizing/risk_budget.hpp"

#include <algorithm>
#include <cmath>

#include "rebalance/kernels.hpp"

namespace rebalance::sizing {
namespace {

/// Beyond this Newton's method has not been seen to need more; a covariance without an answer ends here.
constexpr int kMostNewton = 60;
constexpr int kMostSweeps = 200;

using Dot = double (*)(const double*, const double*, std::size_t) noexcept;

/// The lower Cholesky factor of a symmetric matrix, in place, row by row. A pivot at or below `least` times its
/// diagonal entry makes its column zero where `semidefinite`, and is a failure otherwise.
bool cholesky(Dot dot, double* a, std::size_t n, double least, bool semidefinite) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    double* row = a + i * n;
    for (std::size_t j = 0; j < i; ++j) {
      const double* other = a + j * n;
      row[j] = other[j] > 0.0 ? (row[j] - dot(row, other, j)) / other[j] : 0.0;
    }
    const double diagonal = row[i], pivot = diagonal - dot(row, row, i);
    if (pivot > least * std::fabs(diagonal)) {
      row[i] = std::sqrt(pivot);
    } else if (semidefinite && pivot >= -1e-10 * std::fabs(diagonal)) {
      row[i] = 0.0;
    } else {
      return false;
    }
  }
  return true;
}

/// Solve L L' x = x in place.
void solve_cholesky(Dot dot, const double* a, std::size_t n, double* x) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = (x[i] - dot(a + i * n, x, i)) / a[i * n + i];
  for (std::size_t i = n; i-- > 0;) {
    x[i] /= a[i * n + i];
    const double* row = a + i * n;
    for (std::size_t j = 0; j < i; ++j) x[j] -= row[j] * x[i];
  }
}

}  // namespace

RiskBudgetSolver::RiskBudgetSolver(std::size_t n, std::size_t k)
    : n_(n),
      k_(k),
      y_(n),
      risk_(n),
      step_(n),
      step_risk_(n),
      variance_(n),
      matrix_(k == 0 ? n * n : k * k),
      exposure_(k * n),
      scaled_(k * n),
      rows_(k * n),
      factor_(k),
      root_(k * k) {}

/// Variances, and the loadings on factors that are made independent. False if factor_cov is not a covariance.
bool RiskBudgetSolver::prepare(const Covariance& c) noexcept {
  const Dot dot = active_kernels().dot;
  if (k_ == 0) {
    for (std::size_t i = 0; i < n_; ++i) variance_[i] = c.dense[i * n_ + i];
    return true;
  }
  std::copy(c.factor_cov, c.factor_cov + k_ * k_, root_.begin());
  if (!cholesky(dot, root_.data(), k_, 1e-14, true)) return false;
  for (std::size_t i = 0; i < n_; ++i) {
    double* row = rows_.data() + i * k_;
    for (std::size_t f = 0; f < k_; ++f) {
      double sum = 0.0;
      for (std::size_t g = f; g < k_; ++g) sum += c.loadings[i * k_ + g] * root_[g * k_ + f];
      row[f] = sum;
      exposure_[f * n_ + i] = sum;
    }
    variance_[i] = c.specific_var[i] + dot(row, row, k_);
  }
  return true;
}

/// risk = S y; returns y' S y.
double RiskBudgetSolver::risk_of(const Covariance& c, const double* y, double* risk) noexcept {
  const Dot dot = active_kernels().dot;
  if (k_ == 0) {
    for (std::size_t i = 0; i < n_; ++i) risk[i] = dot(c.dense + i * n_, y, n_);
  } else {
    for (std::size_t f = 0; f < k_; ++f) factor_[f] = dot(exposure_.data() + f * n_, y, n_);
    for (std::size_t i = 0; i < n_; ++i) {
      risk[i] = c.specific_var[i] * y[i] + dot(rows_.data() + i * k_, factor_.data(), k_);
    }
  }
  return dot(y, risk, n_);
}

/// The start, scaled to where it is best: y' S y = sum b = 1.
void RiskBudgetSolver::start_from(const Covariance& c, const double* budgets, const double* start) noexcept {
  for (std::size_t i = 0; i < n_; ++i) {
    y_[i] = start != nullptr ? start[i] : std::sqrt(budgets[i] / variance_[i]);
  }
  const double total = risk_of(c, y_.data(), risk_.data());
  if (!(total > 0.0)) return;
  const double scale = 1.0 / std::sqrt(total);
  for (std::size_t i = 0; i < n_; ++i) {
    y_[i] *= scale;
    risk_[i] *= scale;
  }
}

/// Largest |y_i (S y)_i / b_i - 1|, with risk_ made new.
double RiskBudgetSolver::residual(const Covariance& c, const double* budgets) noexcept {
  risk_of(c, y_.data(), risk_.data());
  double worst = 0.0;
  for (std::size_t i = 0; i < n_; ++i) worst = std::fmax(worst, std::fabs(y_[i] * risk_[i] / budgets[i] - 1.0));
  return worst;
}

/// Each coordinate to its minimum in turn: the positive root of S_ii y^2 + a y = b with a = (S y)_i - S_ii y_i.
/// Returns the largest |y_i (S y)_i / b_i - 1| met on the way.
double RiskBudgetSolver::sweep(const Covariance& c, const double* budgets) noexcept {
  const Dot dot = active_kernels().dot;
  double worst = 0.0;
  if (k_ != 0) {
    for (std::size_t f = 0; f < k_; ++f) factor_[f] = dot(exposure_.data() + f * n_, y_.data(), n_);
  }
  for (std::size_t i = 0; i < n_; ++i) {
    const double* row = rows_.data() + i * k_;
    const double risk =
        k_ == 0 ? dot(c.dense + i * n_, y_.data(), n_) : c.specific_var[i] * y_[i] + dot(row, factor_.data(), k_);
    worst = std::fmax(worst, std::fabs(y_[i] * risk / budgets[i] - 1.0));
    const double a = risk - variance_[i] * y_[i];
    const double root = std::sqrt(a * a + 4.0 * variance_[i] * budgets[i]);
    // The form that does not cancel.
    const double next = a > 0.0 ? 2.0 * budgets[i] / (a + root) : (root - a) / (2.0 * variance_[i]);
    for (std::size_t f = 0; f < k_; ++f) factor_[f] += row[f] * (next - y_[i]);
    y_[i] = next;
  }
  return worst;
}

/// step_ = z with (Y S Y + B) z = b - y (S y); risk_ belongs to y_. False if the matrix is not positive definite.
bool RiskBudgetSolver::newton_direction(const Covariance& c, const double* budgets) noexcept {
  const Dot dot = active_kernels().dot;
  for (std::size_t i = 0; i < n_; ++i) step_[i] = budgets[i] - y_[i] * risk_[i];
  if (k_ == 0) {
    // Rows and columns by 1 / sqrt(b): a matrix whose eigenvalues are at least 1 where S is a covariance.
    for (std::size_t i = 0; i < n_; ++i) step_risk_[i] = y_[i] / std::sqrt(budgets[i]);
    for (std::size_t i = 0; i < n_; ++i) {
      double* row = matrix_.data() + i * n_;
      const double* given = c.dense + i * n_;
      for (std::size_t j = 0; j <= i; ++j) row[j] = step_risk_[i] * given[j] * step_risk_[j];
      row[i] += 1.0;
      step_[i] /= std::sqrt(budgets[i]);
    }
    if (!cholesky(dot, matrix_.data(), n_, 0.0, false)) return false;
    solve_cholesky(dot, matrix_.data(), n_, step_.data());
    for (std::size_t i = 0; i < n_; ++i) step_[i] /= std::sqrt(budgets[i]);
    return true;
  }
  // E + U U' with E = y^2 D + b and U = Y times the loadings: its inverse by a k x k matrix.
  for (std::size_t i = 0; i < n_; ++i) {
    step_risk_[i] = std::sqrt(c.specific_var[i] * y_[i] * y_[i] + budgets[i]);
    step_[i] /= step_risk_[i];
  }
  for (std::size_t f = 0; f < k_; ++f) {
    double* row = scaled_.data() + f * n_;
    for (std::size_t i = 0; i < n_; ++i) row[i] = exposure_[f * n_ + i] * (y_[i] / step_risk_[i]);
    for (std::size_t g = 0; g <= f; ++g) matrix_[f * k_ + g] = dot(row, scaled_.data() + g * n_, n_);
    matrix_[f * k_ + f] += 1.0;
    factor_[f] = dot(row, step_.data(), n_);
  }
  if (!cholesky(dot, matrix_.data(), k_, 0.0, false)) return false;
  solve_cholesky(dot, matrix_.data(), k_, factor_.data());
  for (std::size_t f = 0; f < k_; ++f) {
    const double* row = scaled_.data() + f * n_;
    for (std::size_t i = 0; i < n_; ++i) step_[i] -= row[i] * factor_[f];
  }
  for (std::size_t i = 0; i < n_; ++i) step_[i] /= step_risk_[i];
  return true;
}

/// One step downhill; risk_ belongs to y_ before and after. False if none can be found.
bool RiskBudgetSolver::newton_step(const Covariance& c, const double* budgets) noexcept {
  const Dot dot = active_kernels().dot;
  if (!newton_direction(c, budgets)) return false;
  double slope = 0.0, lowest = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    slope += step_[i] * (y_[i] * risk_[i] - budgets[i]);
    lowest = std::fmin(lowest, step_[i]);
    step_[i] *= y_[i];
  }
  const double curvature = risk_of(c, step_.data(), step_risk_.data());
  const double linear = dot(step_.data(), risk_.data(), n_);
  double length = lowest > -0.99 ? 1.0 : 0.99 / -lowest;
  // Near the minimum the function no longer tells two points apart: full steps, until the residual stops falling.
  for (int halving = 0; slope < -1e-13 && halving < 60; ++halving, length *= 0.5) {
    double change = length * (linear + 0.5 * length * curvature);
    for (std::size_t i = 0; i < n_; ++i) change -= budgets[i] * std::log1p(length * step_[i] / y_[i]);
    if (change <= 0.1 * length * slope) break;
  }
  for (std::size_t i = 0; i < n_; ++i) y_[i] += length * step_[i];
  risk_of(c, y_.data(), risk_.data());
  return true;
}

RiskBudgetInfo RiskBudgetSolver::solve(const Covariance& c, const double* budgets, const double* start,
                                       double tolerance, double* weights, double* shares) noexcept {
  RiskBudgetInfo info{RiskBudgetStatus::unbounded, INFINITY, 0.0, 0, 0};
  if (!prepare(c)) return info;
  start_from(c, budgets, start);

  // Sweeps, as long as they promise to arrive before Newton's method would: five steps of it cost about as many sweeps
  // as there are assets, or factors. How fast they go is seen over four sweeps; single ones may go up.
  const double newton_cost = 20.0 + static_cast<double>(k_ == 0 ? n_ / 2 : 5 * k_);
  double met[4] = {INFINITY, INFINITY, INFINITY, INFINITY}, best = INFINITY;
  for (; info.sweeps < kMostSweeps; ++info.sweeps) {
    double& last = met[info.sweeps % 4];
    const double before = last;
    last = sweep(c, budgets);
    if (last <= tolerance) break;
    const double sweeps_left = 4.0 * std::log(tolerance / last) / std::log(last / before);
    if (info.sweeps >= 8 && !(last < before && sweeps_left < newton_cost)) break;
  }
  ++info.sweeps;
  best = residual(c, budgets);
  std::copy(y_.begin(), y_.end(), weights);
  for (int worse = 0; best > tolerance && worse < 3 && info.newton_steps < kMostNewton; ++info.newton_steps) {
    if (!newton_step(c, budgets)) break;
    double now = 0.0;
    for (std::size_t i = 0; i < n_; ++i) now = std::fmax(now, std::fabs(y_[i] * risk_[i] / budgets[i] - 1.0));
    worse = now < best ? 0 : worse + (best < 1e-3);
    if (now < best) {
      best = now;
      std::copy(y_.begin(), y_.end(), weights);
    }
  }

  std::copy(weights, weights + n_, y_.begin());
  const double total_risk = risk_of(c, y_.data(), risk_.data());
  double total = 0.0;
  for (std::size_t i = 0; i < n_; ++i) total += y_[i];
  info.residual = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    shares[i] = y_[i] * risk_[i] / total_risk;
    weights[i] = y_[i] / total;
    info.residual = std::fmax(info.residual, std::fabs(shares[i] / budgets[i] - 1.0));
  }
  info.volatility = std::sqrt(std::fmax(total_risk, 0.0)) / total;
  const bool sound = total_risk > 0.0 && std::isfinite(total) && info.residual < 1e-3;
  info.status = !sound                             ? RiskBudgetStatus::unbounded
                : info.residual <= 8.0 * tolerance ? RiskBudgetStatus::solved
                                                   : RiskBudgetStatus::inaccurate;
  return info;
}

}  // namespace rebalance::sizing
