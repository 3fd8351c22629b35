#include "rebalance/sizing/dual_solver.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "rebalance/kernels.hpp"
#include "rebalance/sizing/lanes.hpp"

namespace rebalance::sizing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kAlignment = 64;

/// Slopes and gradients smaller than this share of their terms are rounding.
constexpr double kNoise = 1e-12;
/// A gain, or a range left, by less than this share is none.
constexpr double kRounding = 1e-14, kKept = 1e-10, kGap = 1e-8, kWorstGap = 1e-7;
constexpr double kTolerance = 2e-15, kRangeTolerance = 1e-11;
/// A pivot below this share of its diagonal is none: the direction has no curvature.
constexpr double kPivot = 1e-12;
/// A rise along a null direction by less than this share of its terms is what rounding left.
constexpr double kRise = 1e-10;
/// Beside columns of tiny impact the curvature of a quadratic row is lost; it counts if the ray has this share of it.
constexpr double kBent = 1e-6;
/// A bend of the dual function that takes less than this share of the way to it is searched as a jump.
constexpr double kNarrow = 1e-3;
/// Proximal rounds: how many, how strong the pull may be in squares of a column's norm, and the gap that ends them.
constexpr int kRounds = 40, kFailures = 4;
constexpr double kStrongest = 1e4, kWeakest = 1e-9, kTightGap = 1e-11;

std::size_t padded_length(std::size_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

double dot(const double* a, const double* b, std::size_t n) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

void DualSolver::Free::operator()(double* p) const noexcept { ::operator delete[](p, std::align_val_t{kAlignment}); }

DualSolver::DualSolver(std::size_t max_rows, std::size_t max_columns)
    : max_rows_(max_rows), stride_(padded_length(max_columns)) {
  const std::size_t n = padded_length(std::max<std::size_t>(max_rows, 1)), square = padded_length(n * n);
  constexpr std::size_t kColumnArrays = 21, kRowArrays = 7, kSquares = 5, kVectors = 10;
  const std::size_t doubles = (max_rows + kColumnArrays) * stride_ + (kRowArrays + kVectors) * n + kSquares * square;
  memory_.reset(static_cast<double*>(::operator new[](doubles * sizeof(double), std::align_val_t{kAlignment})));
  std::fill(memory_.get(), memory_.get() + doubles, 0.0);
  double* at = memory_.get();
  const auto take = [&at](std::size_t length) {
    double* taken = at;
    at += length;
    return taken;
  };
  matrix_ = take(max_rows * stride_);
  for (double** column :
       {&cost_buy, &cost_sell, &impact,    &low,           &high,         &slope_,      &tau_,
        &x_,       &weight_,   &trial_x_,  &trial_weight_, &low_now_,     &high_now_,   &inverse_impact_,
        &norm_,    &centre_,   &true_buy_, &true_sell_,    &true_impact_, &first_kink_, &last_kink_}) {
    *column = take(stride_);
  }
  for (double** vector : {&base, &row_low, &row_high, &w_, &gradient_, &direction_, &trial_, &beta_, &pin_x_,
                          &pin_change_, &right_, &solution_, &reached_w_, &row_terms_, &terms_, &most_, &null_}) {
    *vector = take(n);
  }
  for (double** matrix : {&hessian_, &pins_matrix_, &basis_, &product_, &reduced_}) *matrix = take(square);
  region_.resize(stride_, Region::smooth);
  row_state_.resize(max_rows, RowState::inactive);
  active_.reserve(max_rows);
  jumpers_.reserve(stride_);
  smooth_.reserve(stride_);
  pins_.reserve(max_rows + 1);
  events_.reserve(4 * stride_ + max_rows);
  crossed_.reserve(4 * stride_ + max_rows);
  idle_rows_.reserve(max_rows);
}

void DualSolver::reshape(std::size_t quadratic_rows, std::size_t bounded_rows, std::size_t columns) noexcept {
  const std::size_t padded = padded_length(columns);
  if (quadratic_rows != quadratic_ || quadratic_rows + bounded_rows != rows_ || columns != columns_) started_ = false;
  quadratic_ = quadratic_rows;
  rows_ = quadratic_rows + bounded_rows;
  columns_ = columns;
  padded_ = padded;
  for (std::size_t i = columns; i < padded; ++i) {
    for (std::size_t j = 0; j < rows_; ++j) row(j)[i] = 0.0;
    cost_buy[i] = cost_sell[i] = low[i] = high[i] = 0.0;
    impact[i] = 1.0;
  }
}

double DualSolver::middle(std::size_t i) const noexcept { return std::min(std::max(0.0, low[i]), high[i]); }

double DualSolver::bound(std::size_t j) const noexcept {
  return row_state_[j] == RowState::at_low ? row_low[j] : row_high[j];
}

void DualSolver::prepare() noexcept {
  jumpers_.clear();
  smooth_.clear();
  base_scale_ = base_square_ = 0.0;
  for (std::size_t j = 0; j < rows_; ++j) {
    base_scale_ = std::max(base_scale_, std::fabs(base[j]));
    if (j < quadratic_) base_square_ += base[j] * base[j];
  }
  std::fill(norm_, norm_ + padded_, 0.0);
  for (std::size_t j = 0; j < rows_; ++j) {
    const double* a = row(j);
    for (std::size_t i = 0; i < padded_; ++i) norm_[i] += a[i] * a[i];
  }
  for (std::size_t i = 0; i < padded_; ++i) {
    const double square = norm_[i];
    norm_[i] = std::sqrt(square);
    const bool jumps = i < columns_ && !(impact[i] > kNoise * square);
    inverse_impact_[i] = jumps ? 0.0 : 1.0 / impact[i];
    low_now_[i] = low[i];
    high_now_[i] = high[i];
    if (jumps) {
      jumpers_.push_back(static_cast<std::int32_t>(i));
      if (region_[i] == Region::smooth) region_[i] = Region::middle;
    } else {
      region_[i] = Region::smooth;
      if (i < columns_) smooth_.push_back(static_cast<std::int32_t>(i));
    }
  }
}

void DualSolver::set_region(std::size_t i, Region region) noexcept {
  region_[i] = region;
  if (region == Region::pinned || region == Region::smooth) return;
  const double to = region == Region::low ? low[i] : region == Region::high ? high[i] : middle(i);
  low_now_[i] = high_now_[i] = to;
  first_kink_[i] = region == Region::low ? cost_sell[i] : region == Region::high ? -kInfinity : -cost_buy[i];
  last_kink_[i] = region == Region::high ? -cost_buy[i] : region == Region::low ? kInfinity : cost_sell[i];
}

void DualSolver::start_cold() noexcept {
  active_.clear();
  pins_.clear();
  for (std::size_t j = 0; j < rows_; ++j) {
    w_[j] = 0.0;
    const bool equal = j >= quadratic_ && row_low[j] == row_high[j];
    row_state_[j] = equal || j < quadratic_ ? RowState::equal : RowState::inactive;
    if (row_state_[j] == RowState::equal) active_.push_back(static_cast<std::int32_t>(j));
  }
  for (const std::int32_t i : jumpers_) set_region(static_cast<std::size_t>(i), Region::middle);
}

void DualSolver::start_from(const double* x) noexcept {
  prepare();
  start_cold();
  for (std::size_t j = 0; j < rows_; ++j) {
    double y = base[j];
    for (std::size_t i = 0; i < columns_; ++i) y += row(j)[i] * x[i];
    if (j < quadratic_) {
      w_[j] = y;
    } else if (row_state_[j] != RowState::equal) {
      const double slack = 1e-9 * (std::fabs(y) + std::fabs(base[j]));
      if (y >= row_high[j] - slack) row_state_[j] = RowState::at_high;
      if (y <= row_low[j] + slack) row_state_[j] = RowState::at_low;
      if (row_state_[j] != RowState::inactive) active_.push_back(static_cast<std::int32_t>(j));
    }
  }
  for (const std::int32_t column : jumpers_) {
    const auto i = static_cast<std::size_t>(column);
    const double to = std::min(std::max(x[i], low[i]), high[i]);
    if (to == high[i] || to == low[i] || to == middle(i)) {
      set_region(i, to == middle(i) ? Region::middle : to == high[i] ? Region::high : Region::low);
    } else if (pins_.size() < active_.size()) {
      const bool buys = to > middle(i);
      pin_x_[pins_.size()] = to;
      pins_.push_back(
          {column, 0.0, 0.0, 0.0, buys ? Region::middle : Region::low, buys ? Region::high : Region::middle});
      region_[i] = Region::pinned;
    }
  }
  started_ = true;
}

/// Regions of the columns that jump, from their slopes. False where one would be infinitely far out.
bool DualSolver::place_by_slope() noexcept {
  for (const std::int32_t column : jumpers_) {
    const auto i = static_cast<std::size_t>(column);
    if (region_[i] == Region::pinned) continue;
    set_region(i, slope_[i] < -cost_buy[i] ? Region::high : slope_[i] > cost_sell[i] ? Region::low : Region::middle);
    if (!std::isfinite(low_now_[i])) return false;
  }
  return true;
}

/// From the multipliers, active rows and pins of the last solve. False if they do not suit this problem.
bool DualSolver::start_warm() noexcept {
  if (!started_) return false;
  std::size_t active = 0;
  for (std::size_t j = 0; j < rows_; ++j) {
    if (j >= quadratic_) {
      const bool equal = row_low[j] == row_high[j];
      if (equal != (row_state_[j] == RowState::equal)) return false;
      if (row_state_[j] != RowState::inactive && !std::isfinite(bound(j))) return false;
    }
    if (row_state_[j] != RowState::inactive) active_[active++] = static_cast<std::int32_t>(j);
  }
  if (active != active_.size()) return false;
  for (std::size_t p = 0; p < pins_.size(); ++p) {
    Pin& pin = pins_[p];
    const auto i = static_cast<std::size_t>(pin.column);
    if (region_[i] != Region::pinned) return false;
    const bool buys = pin.above == Region::high;
    pin.slope = buys ? -cost_buy[i] : cost_sell[i];
    pin.low = buys ? middle(i) : low[i];
    pin.high = buys ? high[i] : middle(i);
    pin_x_[p] = std::min(std::max(pin_x_[p], pin.low), pin.high);
    low_now_[i] = high_now_[i] = pin_x_[p];
  }
  for (const std::int32_t i : jumpers_) {
    const auto column = static_cast<std::size_t>(i);
    if (region_[column] != Region::pinned) set_region(column, region_[column]);
    if (!std::isfinite(low_now_[column])) return false;
  }
  // One step of Newton's method on the last pieces puts the slopes of the pins back on their kinks.
  evaluate();
  if (find_direction() != Move::newton) return false;
  for (const std::int32_t j : active_) w_[j] += direction_[j];
  for (std::size_t p = 0; p < pins_.size(); ++p) {
    pin_x_[p] += pin_change_[p];
    low_now_[pins_[p].column] = high_now_[pins_[p].column] = pin_x_[p];
  }
  for (const std::int32_t row_index : active_) {
    const auto j = static_cast<std::size_t>(row_index);
    if (row_state_[j] == RowState::equal) continue;
    row_state_[j] = w_[j] < 0.0 ? RowState::at_low : RowState::at_high;
    if (!std::isfinite(bound(j))) return false;
  }
  const DualRows rows{matrix_, stride_, active_.data(), active_.size(), padded_};
  active_kernels().dual_slopes(rows, w_, slope_);
  return place_by_slope();
}

/// Slopes, x and the gradient of the dual function on the active rows.
void DualSolver::evaluate() noexcept {
  const KernelTable& kernel = active_kernels();
  const DualRows rows{matrix_, stride_, active_.data(), active_.size(), padded_};
  const DualColumns columns{cost_buy, cost_sell, inverse_impact_, low_now_, high_now_, padded_};
  kernel.dual_slopes(rows, w_, slope_);
  kernel.dual_response(columns, slope_, slope_, 0.0, x_, weight_);
  kernel.dual_products(rows, x_, gradient_);
  scale_ = 0.0;
  for (const std::int32_t row_index : active_) {
    const auto j = static_cast<std::size_t>(row_index);
    const double held = j < quadratic_ ? w_[j] : bound(j);
    scale_ += std::fabs(w_[j]) * (std::fabs(base[j]) + std::fabs(gradient_[j]) + std::fabs(held));
    gradient_[j] = (base[j] - held) + gradient_[j];
  }
}

/// Householder factors of the pinned columns: pins_matrix_ holds R above and the reflectors on and below the diagonal.
/// A pin that the others already imply is let go; false then.
bool DualSolver::factor_pins() noexcept {
  const std::size_t n = active_.size(), f = pins_.size(), ld = max_rows_;
  for (std::size_t c = 0; c < f; ++c) {
    double* column = pins_matrix_ + c * ld;
    for (std::size_t a = 0; a < n; ++a) column[a] = row(static_cast<std::size_t>(active_[a]))[pins_[c].column];
    for (std::size_t e = 0; e < c; ++e) reflect(column, e);
    double rest = 0.0;
    if (c < n) rest = std::sqrt(dot(column + c, column + c, n - c));
    if (!(rest > 0.5 * kNoise * norm_[pins_[c].column])) {
      const bool above = pin_x_[c] > 0.5 * (pins_[c].low + pins_[c].high);
      release(c, above);
      return false;
    }
    const double diagonal = column[c] > 0.0 ? -rest : rest;
    const double first = column[c] - diagonal;
    for (std::size_t a = c + 1; a < n; ++a) column[a] /= first;
    beta_[c] = -first / diagonal;
    column[c] = diagonal;
  }
  return true;
}

/// The e-th Householder reflector of the pins, applied to y; it is (1, v[e + 1], ...), and its diagonal entry is R's.
void DualSolver::reflect(double* y, std::size_t e) const noexcept {
  const std::size_t n = active_.size();
  const double* v = pins_matrix_ + e * max_rows_;
  double product = y[e] + dot(v + e + 1, y + e + 1, n - e - 1);
  product *= beta_[e];
  y[e] -= product;
  for (std::size_t a = e + 1; a < n; ++a) y[a] -= product * v[a];
}

/// hessian_: the curvature of the dual function, from the quadratic rows and the columns that move. row_terms_: what
/// the entries of the gradient are made of.
void DualSolver::measure_curvature() noexcept {
  const std::size_t n = active_.size();
  bool any_free = false;
  for (std::size_t s = 0; s < smooth_.size() && !any_free; ++s) any_free = weight_[smooth_[s]] != 0.0;
  if (any_free) {
    active_kernels().dual_gram({matrix_, stride_, active_.data(), n, padded_}, weight_, hessian_);
  } else {
    std::fill(hessian_, hessian_ + n * n, 0.0);
  }
  for (std::size_t a = 0; a < n; ++a) {
    const auto j = static_cast<std::size_t>(active_[a]);
    if (j < quadratic_) hessian_[a * n + a] += 1.0;
    for (std::size_t b = 0; b < a; ++b) hessian_[b * n + a] = hessian_[a * n + b];
    row_terms_[a] = std::fabs(base[j]) + std::fabs(j < quadratic_ ? w_[j] : bound(j)) + std::fabs(gradient_[j]);
  }
}

/// The part of the step that brings the pins' slopes back to their kinks: Y R^-T drift.
void DualSolver::step_to_kinks(double* step) const noexcept {
  const std::size_t f = pins_.size();
  std::fill(step, step + active_.size(), 0.0);
  for (std::size_t c = 0; c < f; ++c) {
    double drift = pins_[c].slope - slope_[pins_[c].column];
    for (std::size_t e = 0; e < c; ++e) drift -= pins_matrix_[c * max_rows_ + e] * step[e];
    step[c] = drift / pins_matrix_[c * max_rows_ + c];
  }
  for (std::size_t e = f; e-- > 0;) reflect(step, e);
}

/// right_ = gradient - H step and reduced_ = H in the basis of what the pins leave free; terms_ and most_: what the one
/// is made of, and what the diagonal of the other could be.
void DualSolver::reduce(const double* step) noexcept {
  const std::size_t n = active_.size(), f = pins_.size(), m = n - f, ld = max_rows_;
  double* right = right_;
  for (std::size_t a = 0; a < n; ++a) {
    right[a] = gradient_[active_[a]] - (f > 0 ? dot(hessian_ + a * n, step, n) : 0.0);
  }
  if (f == 0) {
    std::copy(hessian_, hessian_ + n * n, reduced_);
    std::copy(row_terms_, row_terms_ + n, terms_);
    for (std::size_t k = 0; k < m; ++k) most_[k] = hessian_[k * n + k];
    return;
  }
  for (std::size_t k = 0; k < m; ++k) {
    double* z = basis_ + k * ld;
    std::fill(z, z + n, 0.0);
    z[f + k] = 1.0;
    for (std::size_t e = f; e-- > 0;) reflect(z, e);
    terms_[k] = most_[k] = 0.0;
    for (std::size_t a = 0; a < n; ++a) {
      product_[k * ld + a] = dot(hessian_ + a * n, z, n);
      terms_[k] += std::fabs(z[a]) * row_terms_[a];
      most_[k] += z[a] * z[a] * hessian_[a * n + a];
    }
    for (std::size_t l = 0; l <= k; ++l) reduced_[k * m + l] = dot(basis_ + l * ld, product_ + k * ld, n);
    solution_[k] = dot(z, right, n);
  }
  std::copy(solution_, solution_ + m, right);
}

/// What the pins' x must change by: R dx = Y'(H step - gradient).
void DualSolver::change_pins(const double* step) noexcept {
  const std::size_t n = active_.size(), f = pins_.size(), ld = max_rows_;
  double* right = right_;
  for (std::size_t a = 0; a < n; ++a) right[a] = dot(hessian_ + a * n, step, n) - gradient_[active_[a]];
  for (std::size_t e = 0; e < f; ++e) reflect(right, e);
  for (std::size_t c = f; c-- > 0;) {
    double value = right[c];
    for (std::size_t e = c + 1; e < f; ++e) value -= pins_matrix_[e * ld + c] * pin_change_[e];
    pin_change_[c] = value / pins_matrix_[c * ld + c];
  }
}

/// direction_: the Newton step that keeps the slopes of the pins, or a ray along which the dual function only rises.
DualSolver::Move DualSolver::find_direction() noexcept {
  while (!factor_pins()) evaluate();
  const std::size_t n = active_.size(), f = pins_.size(), m = n - f;
  double* step = trial_;
  measure_curvature();
  step_to_kinks(step);
  reduce(step);
  const Move move = m > 0 ? solve_reduced() : Move::newton;
  if (move == Move::ray) std::fill(step, step + n, 0.0);
  if (f == 0) {
    for (std::size_t a = 0; a < n; ++a) step[a] += solution_[a];
  } else {
    for (std::size_t k = 0; k < m; ++k) {
      for (std::size_t a = 0; a < n; ++a) step[a] += solution_[k] * basis_[k * max_rows_ + a];
    }
  }
  gain_ = length_ = 0.0;
  for (std::size_t a = 0; a < n; ++a) {
    const auto j = static_cast<std::size_t>(active_[a]);
    direction_[j] = step[a];
    gain_ += step[a] * gradient_[j];
    length_ += step[a] * step[a];
  }
  length_ = std::sqrt(length_);
  if (f > 0 && move == Move::newton) {
    change_pins(step);
  } else {
    std::fill(pin_change_, pin_change_ + f, 0.0);
  }
  return move;
}

/// Cholesky of reduced_ (lower triangle, m x m) against right_, into solution_. Where a pivot vanishes and the gradient
/// does not, the solution is a null vector of the matrix along which the gradient points: a ray.
DualSolver::Move DualSolver::solve_reduced() noexcept {
  const std::size_t m = active_.size() - pins_.size();
  for (std::size_t k = 0; k < m; ++k) {
    double* row_k = reduced_ + k * m;
    for (std::size_t l = 0; l < k; ++l) {
      const double* row_l = reduced_ + l * m;
      row_k[l] = (row_k[l] - dot(row_k, row_l, l)) * row_l[l];  // the diagonal holds reciprocals; 0 where none
    }
    const double pivot = row_k[k] - dot(row_k, row_k, k);
    const double value = right_[k] - dot(row_k, solution_, k);
    if (pivot > kPivot * most_[k]) {
      row_k[k] = 1.0 / std::sqrt(pivot);
      solution_[k] = value * row_k[k];
      continue;
    }
    if (std::fabs(value) > kNoise * terms_[k] && null_vector(k, value)) return Move::ray;
    row_k[k] = 0.0;
    solution_[k] = 0.0;
  }
  for (std::size_t k = m; k-- > 0;) {
    double sum = solution_[k];
    for (std::size_t e = k + 1; e < m; ++e) sum -= reduced_[e * m + k] * solution_[e];
    solution_[k] = sum * reduced_[k * m + k];
  }
  return Move::newton;
}

/// The null vector of the first k + 1 rows and columns whose last entry is `value`, into solution_ if the dual
/// function rises along it by more than the rounding of its terms. False if it does not.
bool DualSolver::null_vector(std::size_t k, double value) noexcept {
  const std::size_t m = active_.size() - pins_.size();
  double* u = null_;
  u[k] = value;
  double terms = std::fabs(value) * terms_[k];
  for (std::size_t l = k; l-- > 0;) {
    double sum = -reduced_[k * m + l] * value;
    for (std::size_t e = l + 1; e < k; ++e) sum -= reduced_[e * m + l] * u[e];
    u[l] = sum * reduced_[l * m + l];
    terms += std::fabs(u[l]) * terms_[l];
  }
  if (!(value * value > kRise * terms)) return false;
  std::copy(u, u + k + 1, solution_);
  std::fill(solution_ + k + 1, solution_ + m, 0.0);
  return true;
}

/// Kinks of columns that jump, within `furthest` steps.
void DualSolver::collect_jumps(double furthest) noexcept {
  for (const std::int32_t column : jumpers_) {
    const auto i = static_cast<std::size_t>(column);
    const double tau = tau_[i], to = slope_[i] + tau * furthest;
    if (to > first_kink_[i] && to < last_kink_[i]) continue;
    if (region_[i] == Region::pinned || !(std::fabs(tau) > kNoise * norm_[i] * length_)) continue;
    const auto add = [&](double kink, double from_x, double to_x, Region region) {
      // Not before 0: a slope that stands a rounding beyond its kink is on it.
      const double at = std::max((kink - slope_[i]) / tau, 0.0);
      if (at <= furthest) {
        events_.push_back({at, std::fabs(tau) * std::fabs(from_x - to_x), 0.0, column, -1, region, at});
      }
    };
    if (tau > 0.0) {
      if (region_[i] == Region::high && to >= -cost_buy[i]) add(-cost_buy[i], high[i], middle(i), Region::middle);
      if (region_[i] != Region::low && to >= cost_sell[i]) add(cost_sell[i], middle(i), low[i], Region::low);
    } else {
      if (region_[i] == Region::low && to <= cost_sell[i]) add(cost_sell[i], low[i], middle(i), Region::middle);
      if (region_[i] != Region::high && to <= -cost_buy[i]) add(-cost_buy[i], middle(i), high[i], Region::high);
    }
  }
}

/// Whether a column is on one piece at both ends of a whole step.
bool DualSolver::stays(std::size_t i) const noexcept {
  if (weight_[i] != trial_weight_[i]) return false;
  return weight_[i] != 0.0 ? x_[i] * trial_x_[i] > 0.0 : x_[i] == trial_x_[i];
}

/// Points where a column with impact starts or stops to move, within `furthest` steps.
void DualSolver::collect_bends(Move move, double furthest) noexcept {
  for (const std::int32_t column : smooth_) {
    const auto i = static_cast<std::size_t>(column);
    if (move == Move::newton && stays(i)) continue;
    const double tau = tau_[i];
    if (!(std::fabs(tau) > kNoise * norm_[i] * length_)) continue;
    const double bend = tau * tau * inverse_impact_[i];
    const auto add = [&](double at, double curvature) {
      if (at <= furthest) events_.push_back({at, 0.0, curvature, -1, -1, Region::smooth, at});
    };
    // Buying: x falls from `most` to `least` while the slope rises from `near` to `far`; selling likewise.
    const auto segment = [&](double near, double far, bool inside) {
      if (tau < 0.0) std::swap(near, far);
      const double enter = std::max((near - slope_[i]) / tau, 0.0), leave = (far - slope_[i]) / tau;
      if (inside) {
        add(std::max(leave, 0.0), bend);
      } else if (!(leave > 0.0)) {
        return;
      } else if (leave - enter < kNarrow * enter) {
        // The derivative falls by |tau| times the range of x; as a product of curvature and width that is lost.
        if (enter <= furthest) events_.push_back({enter, bend * (leave - enter), 0.0, -1, -1, Region::smooth, leave});
      } else {
        add(enter, -bend);
        add(leave, bend);
      }
    };
    const bool moves = weight_[i] != 0.0;
    if (high[i] > std::max(low[i], 0.0)) {
      segment(-cost_buy[i] - impact[i] * high[i], -cost_buy[i] - impact[i] * std::max(low[i], 0.0),
              moves && x_[i] > 0.0);
    }
    if (low[i] < std::min(high[i], 0.0)) {
      segment(cost_sell[i] - impact[i] * std::min(high[i], 0.0), cost_sell[i] - impact[i] * low[i],
              moves && x_[i] < 0.0);
    }
  }
}

/// Bounded rows whose multiplier comes back to 0, and the jumps of columns.
void DualSolver::collect_events(double furthest) noexcept {
  events_.clear();
  for (const std::int32_t row_index : active_) {
    const auto j = static_cast<std::size_t>(row_index);
    const double d = direction_[j];
    if (row_state_[j] == RowState::equal || d == 0.0) continue;
    const bool at_high = row_state_[j] == RowState::at_high;
    if (at_high == (d > 0.0)) continue;
    const double at = std::fabs(w_[j] / d);
    if (at <= furthest) {
      events_.push_back({at, std::fabs(d) * (row_high[j] - row_low[j]), 0.0, -1, row_index, Region::smooth, at});
    }
  }
  collect_jumps(furthest);
}

/// Go along direction_ to the maximum of the dual function.
DualSolver::Step DualSolver::search(Move move) noexcept {
  const KernelTable& kernel = active_kernels();
  const DualRows rows{matrix_, stride_, active_.data(), active_.size(), padded_};
  kernel.dual_slopes(rows, direction_, tau_);
  const double furthest = move == Move::ray ? kInfinity : 1.0;
  double curvature = 0.0;
  const double negligible = move == Move::ray ? kBent * length_ : 0.0;  // a ray has no curvature but rounding
  for (const std::int32_t j : active_) {
    const double d = direction_[j];
    if (static_cast<std::size_t>(j) < quadratic_ && std::fabs(d) > negligible) curvature += -d * d;
  }
  const double quadratic_curvature = curvature;
  collect_events(furthest);

  if (move == Move::newton) {
    const DualColumns columns{cost_buy, cost_sell, inverse_impact_, low_now_, high_now_, padded_};
    double derivative = kernel.dual_response(columns, slope_, tau_, 1.0, trial_x_, trial_weight_) + curvature;
    for (const std::int32_t row_index : active_) {
      const auto j = static_cast<std::size_t>(row_index);
      derivative += direction_[j] * (base[j] - (j < quadratic_ ? w_[j] : bound(j)));
    }
    if (events_.empty() && derivative >= -1e-9 * gain_) {
      for (const std::int32_t j : active_) w_[j] += direction_[j];
      for (const std::int32_t i : smooth_) {
        if (!stays(static_cast<std::size_t>(i))) return Step::partial;
      }
      return Step::whole;
    }
  }
  collect_bends(move, furthest);
  const auto later = [](const Event& a, const Event& b) {
    if (a.step != b.step) return a.step > b.step;
    return a.column != b.column ? a.column > b.column : a.to == Region::low || a.to == Region::high;
  };
  std::make_heap(events_.begin(), events_.end(), later);
  if (move == Move::newton && !smooth_.empty()) {
    curvature -= lane_sum(columns_, [this](std::size_t i) { return tau_[i] * tau_[i] * weight_[i]; });
  }
  double derivative = gain_, at = 0.0, stop = -1.0;
  const Event* block = nullptr;
  int moving = 0;
  crossed_.clear();
  while (!events_.empty() && stop < 0.0) {
    std::pop_heap(events_.begin(), events_.end(), later);
    const Event event = events_.back();
    events_.pop_back();
    const double here = derivative + curvature * (event.step - at);
    if (here <= 0.0) {
      stop = curvature < 0.0 ? at - derivative / curvature : event.step;
      break;
    }
    at = event.step;
    derivative = here;
    crossed_.push_back(event);
    if (event.jump >= derivative) {
      stop = event.column >= 0 || event.row >= 0 ? at : at + (event.end - at) * (derivative / event.jump);
      block = &crossed_.back();
    } else {
      derivative -= event.jump;
      curvature = std::min(curvature + event.curvature, 0.0);
      moving += event.curvature < 0.0 ? 1 : event.curvature > 0.0 ? -1 : 0;
      if (move == Move::ray && moving == 0) curvature = quadratic_curvature;  // not what rounding left of the sum
    }
  }
  if (stop < 0.0) {
    if (move == Move::ray && !(curvature < 0.0)) {
      if (rises_forever()) return Step::unbounded;
      curvature = -derivative;  // flat from the last kink on
      derivative = 0.0;
    }
    stop = std::min(curvature < 0.0 ? at - derivative / curvature : furthest, furthest);
  }
  for (const std::int32_t j : active_) w_[j] += stop * direction_[j];
  idle_ = stop > 0.0 ? 0 : idle_ + 1;
  for (const Event& event : crossed_) {
    if (&event == block) break;
    if (event.column >= 0) set_region(static_cast<std::size_t>(event.column), event.to);
    if (event.row >= 0) {
      RowState& state = row_state_[event.row];
      state = state == RowState::at_high ? RowState::at_low : RowState::at_high;
    }
  }
  if (block != nullptr) stop_at(*block, derivative);
  return Step::partial;
}

/// Whether the dual function still rises along direction_ with every column as far out as tau sends it. By less than
/// the rounding of the terms is not: limits that can just be met are met.
bool DualSolver::rises_forever() const noexcept {
  double derivative = 0.0, terms = 0.0;
  const auto add = [&](double term) {
    derivative += term;
    terms += std::fabs(term);
  };
  for (const std::int32_t row_index : active_) {
    const auto j = static_cast<std::size_t>(row_index);
    const bool turns = row_state_[j] != RowState::equal && (direction_[j] > 0.0) == (row_state_[j] == RowState::at_low);
    add(direction_[j] * base[j]);
    if (j >= quadratic_) add(-direction_[j] * (!turns ? bound(j) : direction_[j] > 0.0 ? row_high[j] : row_low[j]));
  }
  for (std::size_t i = 0; i < columns_; ++i) {
    if (std::fabs(tau_[i]) > kNoise * norm_[i] * length_) {
      add(tau_[i] * (tau_[i] > 0.0 ? low[i] : high[i]));
    } else {
      terms += std::fabs(tau_[i] * x_[i]);
    }
  }
  return derivative > kNoise * terms;
}

/// Hold what stopped the search: pin the column, at the share of its jump that brings the derivative to 0, or let the
/// row go.
void DualSolver::stop_at(const Event& event, double derivative) noexcept {
  if (event.row < 0 && event.column < 0) return;
  if (event.row >= 0) {
    w_[event.row] = 0.0;
    row_state_[event.row] = RowState::inactive;
    active_.erase(std::find(active_.begin(), active_.end(), event.row));
    return;
  }
  const auto i = static_cast<std::size_t>(event.column);
  const bool buys = event.to == Region::high || region_[i] == Region::high;
  const bool rises = event.to > region_[i];
  const double from = low_now_[i];
  const double moved = std::isfinite(event.jump) ? derivative / event.jump : 0.0;
  Pin pin{};
  pin.column = event.column;
  pin.slope = buys ? -cost_buy[i] : cost_sell[i];
  pin.low = buys ? middle(i) : low[i];
  pin.high = buys ? high[i] : middle(i);
  pin.below = buys ? Region::middle : Region::low;
  pin.above = buys ? Region::high : Region::middle;
  double x = from;
  if (std::isfinite(event.jump)) {
    x += moved * ((rises ? pin.high : pin.low) - from);
  } else {
    x += (rises ? derivative : -derivative) / std::fabs(tau_[i]);
  }
  pin_x_[pins_.size()] = x;
  pins_.push_back(pin);
  region_[i] = Region::pinned;
  low_now_[i] = high_now_[i] = x;
}

/// Let a pin go to the region beyond one end of its range.
void DualSolver::release(std::size_t p, bool above) noexcept {
  const Pin pin = pins_[p];
  const bool up = std::isfinite(above ? pin.high : pin.low) ? above : !above;
  for (std::size_t q = p + 1; q < pins_.size(); ++q) pin_x_[q - 1] = pin_x_[q];
  pins_.erase(pins_.begin() + static_cast<std::ptrdiff_t>(p));
  set_region(static_cast<std::size_t>(pin.column), up ? pin.above : pin.below);
}

/// Release the pin whose x is furthest outside its range, measured by what it does to the rows. False if none is.
bool DualSolver::release_worst() noexcept {
  // Kinks that coincide can be taken in a circle; then the first goes instead of the worst, and soon rounding counts.
  const bool circling = idle_ > static_cast<int>(2 * rows_ + 10);
  const double slack =
      circling ? std::pow(10.0, std::min(0.25 * (idle_ - static_cast<int>(2 * rows_ + 10)), 3.0)) : 1.0;
  double worst = 0.0;
  std::size_t which = pins_.size();
  bool above = false;
  for (std::size_t p = 0; p < pins_.size(); ++p) {
    const double x = pin_x_[p], norm = norm_[pins_[p].column];
    const double excess = std::max(x - pins_[p].high, pins_[p].low - x);
    const double tolerance = slack * (kRangeTolerance * std::fabs(x) + kNoise * base_scale_ / norm);
    if (!(excess > tolerance) || (excess * norm <= worst) || (circling && which < pins_.size())) continue;
    worst = excess * norm;
    which = p;
    above = x > pins_[p].high;
  }
  if (which == pins_.size()) return false;
  release(which, above);
  return true;
}

/// Take up the bounded row that is violated most. False if none is.
bool DualSolver::activate_worst() noexcept {
  idle_rows_.clear();
  for (std::size_t j = quadratic_; j < rows_; ++j) {
    if (row_state_[j] == RowState::inactive) idle_rows_.push_back(static_cast<std::int32_t>(j));
  }
  if (idle_rows_.empty()) return false;
  const DualRows idle{matrix_, stride_, idle_rows_.data(), idle_rows_.size(), padded_};
  active_kernels().dual_products(idle, x_, trial_);
  double worst = 0.0;
  std::int32_t which = -1;
  for (const std::int32_t row_index : idle_rows_) {
    const auto j = static_cast<std::size_t>(row_index);
    const double y = base[j] + trial_[j];
    const double excess = std::max(y - row_high[j], row_low[j] - y);
    const double rounding = kRangeTolerance * (std::fabs(base[j]) + std::fabs(trial_[j])) + kRounding * base_scale_;
    if (!(excess > rounding) || excess <= worst) continue;
    worst = excess;
    which = row_index;
    row_state_[j] = y > row_high[j] ? RowState::at_high : RowState::at_low;
  }
  for (const std::int32_t j : idle_rows_) {
    if (j != which) row_state_[j] = RowState::inactive;
  }
  if (which < 0) return false;
  w_[which] = 0.0;
  active_.push_back(which);
  return true;
}

/// Take direction_ in x itself: from slopes alone a small impact makes x too sensitive to their rounding.
void DualSolver::move_columns() noexcept {
  const DualRows rows{matrix_, stride_, active_.data(), active_.size(), padded_};
  active_kernels().dual_slopes(rows, direction_, tau_);
  for (std::size_t i = 0; i < columns_; ++i) {
    x_[i] = std::min(std::max(x_[i] - weight_[i] * tau_[i], low[i]), high[i]);
  }
  for (std::size_t p = 0; p < pins_.size(); ++p) {
    const auto i = static_cast<std::size_t>(pins_[p].column);
    pin_x_[p] += pin_change_[p];
    low_now_[i] = high_now_[i] = x_[i] = pin_x_[p];
  }
}

/// The end of a whole step: x, and what rounding left in the rows taken out of them.
void DualSolver::settle() noexcept {
  move_columns();
  for (int round = 0; round < 3; ++round) {
    const DualRows rows{matrix_, stride_, active_.data(), active_.size(), padded_};
    active_kernels().dual_products(rows, x_, gradient_);
    bool clean = true;
    for (const std::int32_t row_index : active_) {
      const auto j = static_cast<std::size_t>(row_index);
      const double held = j < quadratic_ ? w_[j] : bound(j);
      const double terms = std::fabs(base[j]) + std::fabs(gradient_[j]) + std::fabs(held);
      gradient_[j] = (base[j] - held) + gradient_[j];
      clean = clean && std::fabs(gradient_[j]) <= kRounding * terms;
    }
    if (clean) return;
    active_kernels().dual_slopes(rows, w_, slope_);
    const std::size_t pinned = pins_.size();
    if (find_direction() != Move::newton || pins_.size() != pinned) return;
    for (const std::int32_t j : active_) w_[j] += direction_[j];
    move_columns();
  }
}

/// x into its bounds, whatever a climb that failed made of it.
void DualSolver::clip() noexcept {
  for (std::size_t i = 0; i < columns_; ++i) {
    const double x = std::min(std::max(x_[i], low[i]), high[i]);
    x_[i] = std::isfinite(x) ? x : middle(i);
  }
}

/// The dual value at w, which bounds the minimum from below. Whether x proves to be optimal: it keeps the bounded rows,
/// and its own value is within this share of the bound, or no further off than rounding explains.
bool DualSolver::certify(double gap) noexcept {
  const KernelTable& kernel = active_kernels();
  const DualRows rows{matrix_, stride_, active_.data(), active_.size(), padded_};
  const DualColumns columns{cost_buy, cost_sell, inverse_impact_, low_now_, high_now_, padded_};
  kernel.dual_slopes(rows, w_, slope_);
  kernel.dual_response(columns, slope_, slope_, 0.0, trial_x_, trial_weight_);
  kernel.dual_products(rows, x_, trial_);
  double value = 0.0, risk_scale = 0.0;
  dual_value_ = 0.0;
  for (const std::int32_t row_index : active_) {
    const auto j = static_cast<std::size_t>(row_index);
    const double y = base[j] + trial_[j];
    if (j < quadratic_) {
      value += 0.5 * y * y;
      risk_scale += 0.5 * base[j] * base[j];
      dual_value_ += w_[j] * (base[j] - 0.5 * w_[j]);
    } else {
      dual_value_ += w_[j] * (base[j] - bound(j));
      if (!(std::fabs(y - bound(j)) <= kKept * terms_of(j) + kRounding * base_scale_)) return false;
    }
  }
  const auto charge = [this](std::size_t i, double x) {
    return std::max(x, 0.0) * cost_buy[i] - std::min(x, 0.0) * cost_sell[i] + 0.5 * impact[i] * x * x;
  };
  value += lane_sum(columns_, [&](std::size_t i) { return charge(i, x_[i]); });
  dual_value_ += lane_sum(columns_, [&](std::size_t i) { return charge(i, trial_x_[i]) + slope_[i] * trial_x_[i]; });
  const double off = std::fabs(value - dual_value_);
  if (off <= gap * std::fabs(value) + kRounding * risk_scale) return true;
  // What rounding explains: of multipliers times rows, up to a point, and of quadratic rows whose terms all but cancel.
  double rounding = kRounding * (risk_scale + scale_), squares = 0.0;
  for (const std::int32_t row_index : active_) {
    const auto j = static_cast<std::size_t>(row_index);
    const double noise = kRounding * terms_of(j);
    rounding += noise * std::fabs(w_[j]);
    if (j < quadratic_) squares += noise * noise;
  }
  rounding = std::min(rounding, kWorstGap * (std::fabs(value) + risk_scale));
  return off <= gap * std::fabs(value) + rounding + squares;
}

/// What a row is the sum of, in absolute value.
double DualSolver::terms_of(std::size_t j) const noexcept {
  const double* a = row(j);
  return std::fabs(base[j]) + lane_sum(columns_, [&](std::size_t i) { return std::fabs(a[i] * x_[i]); });
}

SolveStatus DualSolver::solve(bool warm) noexcept {
  prepare();
  int before = 0;
  if (warm && start_warm()) {
    const SolveStatus status = climb();
    if (status != SolveStatus::iteration_limit) return status;
    before = iterations_;
  }
  start_cold();
  SolveStatus status = climb();
  if (status == SolveStatus::iteration_limit) {
    before += iterations_;
    status = approach();
  }
  iterations_ += before;
  return status;
}

/// The way round where the climb lost itself: proximal points. A pull towards the last x, on top of the costs, makes
/// every column smooth; it weakens from round to round and is nothing once x stands still. From there the exact problem
/// is tried again; if it still fails, what the rounds found counts if it can be certified.
SolveStatus DualSolver::approach() noexcept {
  std::copy(cost_buy, cost_buy + columns_, true_buy_);
  std::copy(cost_sell, cost_sell + columns_, true_sell_);
  std::copy(impact, impact + columns_, true_impact_);
  for (std::size_t i = 0; i < columns_; ++i) centre_[i] = middle(i);
  double pull = 1.0, weakest = kWeakest;
  int spent = 0, failures = 0;
  bool reached = false, certified = false;
  for (int round = 0; round < kRounds && !certified; ++round) {
    const SolveStatus status = solve_pulled(pull);
    spent += iterations_;
    if (status == SolveStatus::infeasible) {
      iterations_ = spent;
      return status;
    }
    if (status == SolveStatus::iteration_limit) {
      if (++failures == kFailures) break;
      weakest = std::min(10.0 * pull, 1.0);
      pull = std::min(100.0 * pull, kStrongest);
      continue;
    }
    reached = true;
    std::copy(x_, x_ + columns_, centre_);
    pull = std::max(0.1 * pull, weakest);
    certified = place_within_noise() && certify(round + 1 < kRounds ? kTightGap : kGap);
  }
  const double dual_value = dual_value_;
  std::copy(w_, w_ + rows_, reached_w_);
  if (reached) {
    start_from(centre_);
    if (start_warm() && climb() == SolveStatus::solved) {
      iterations_ += spent;
      return SolveStatus::solved;
    }
  }
  iterations_ += spent;
  started_ = false;
  dual_value_ = dual_value;
  std::copy(centre_, centre_ + columns_, x_);
  std::copy(reached_w_, reached_w_ + rows_, w_);
  active_.clear();
  for (std::size_t j = 0; j < rows_; ++j) {
    if (w_[j] != 0.0) active_.push_back(static_cast<std::int32_t>(j));
  }
  active_kernels().dual_slopes({matrix_, stride_, active_.data(), active_.size(), padded_}, w_, slope_);
  return certified ? SolveStatus::solved : SolveStatus::iteration_limit;
}

/// The problem with 1/2 pull |a_i|^2 (x_i - centre_i)^2 added to the cost of every column.
SolveStatus DualSolver::solve_pulled(double pull) noexcept {
  for (std::size_t i = 0; i < columns_; ++i) {
    const double strength = pull * (norm_[i] > 0.0 ? norm_[i] * norm_[i] : 1.0), shift = strength * centre_[i];
    cost_buy[i] = true_buy_[i] - shift;
    cost_sell[i] = true_sell_[i] + shift;
    impact[i] = true_impact_[i] + strength;
  }
  prepare();
  if (!start_warm()) start_cold();
  const SolveStatus status = climb();
  std::copy(true_buy_, true_buy_ + columns_, cost_buy);
  std::copy(true_sell_, true_sell_ + columns_, cost_sell);
  std::copy(true_impact_, true_impact_ + columns_, impact);
  prepare();
  return status;
}

/// Regions of the columns that jump, from the multipliers; a slope a rounding beyond the kink to an infinite bound is
/// on it. False where one stands further out.
bool DualSolver::place_within_noise() noexcept {
  active_kernels().dual_slopes({matrix_, stride_, active_.data(), active_.size(), padded_}, w_, slope_);
  double size = 0.0;
  for (std::size_t j = 0; j < rows_; ++j) size = std::max(size, std::fabs(w_[j]));
  for (const std::int32_t column : jumpers_) {
    const auto i = static_cast<std::size_t>(column);
    const double beyond = std::max(-cost_buy[i] - slope_[i], slope_[i] - cost_sell[i]);
    const Region out = slope_[i] < 0.0 ? Region::high : Region::low;
    set_region(i, beyond > 0.0 ? out : Region::middle);
    if (std::isfinite(low_now_[i])) continue;
    if (beyond > kNoise * norm_[i] * size) return false;
    set_region(i, Region::middle);
  }
  return true;
}

/// From kink to kink to the top.
SolveStatus DualSolver::climb() noexcept {
  idle_ = 0;
  started_ = false;
  const int limit = 200 + 4 * static_cast<int>(columns_);
  for (iterations_ = 1; iterations_ <= limit; ++iterations_) {
    evaluate();
    const Move move = find_direction();
    if (!std::isfinite(gain_)) break;
    const bool still = move == Move::newton && gain_ <= kTolerance * (scale_ + kTolerance * base_square_);
    if (!still) {
      const Step step = search(move);
      if (step == Step::unbounded) return SolveStatus::infeasible;
      if (step == Step::partial) continue;
    }
    settle();
    if (release_worst() || activate_worst()) continue;
    clip();
    started_ = certify(kGap);
    break;
  }
  if (!started_) clip();
  return started_ ? SolveStatus::solved : SolveStatus::iteration_limit;
}

}  // namespace rebalance::sizing
