/// Convex programmes with few rows and many columns, solved from the side of the rows.
///
///   minimise   1/2 |z|^2 + sum_i f_i(x_i),    f_i(x) = cost_buy_i x+ + cost_sell_i x- + 1/2 impact_i x^2
///   where      z = base + A x                           on the first, quadratic, rows
///   subject to row_low <= base + A x <= row_high        on the other, bounded, rows
///              low_i <= x_i <= high_i
///
/// Given one multiplier w_j a row, each x_i is a clipped soft threshold of its slope t_i = (A'w)_i in closed form. What
/// is left is to maximise a concave, piecewise quadratic function of w: Newton steps within a piece, and along each
/// step an exact search from kink to kink. A column without impact jumps at its kinks; where the search stops at a jump
/// the column is pinned there (its slope stays, its x is solved for) until x leaves the range that the jump spans. So
/// the work of a step is O(rows x columns), and a problem that moved a little starts from its last pins and
/// multipliers. Where rounding leads that walk astray, proximal rounds find the way: each adds a pull towards the last
/// x, which makes every column smooth, and the pull weakens from round to round.
///
/// Error  x satisfies its bounds exactly; the rows hold to about 1e-14 of their terms, to 1e-10 at worst; the duality
/// gap
///        is reported and small, or the status is iteration_limit.
/// From   Li, Sun, Toh (2018), "A highly efficient semismooth Newton augmented Lagrangian method for solving Lasso
///        problems", SIAM J. Optim. 28(1), for the view from the dual; Rockafellar (1998), "Network flows and
///        monotropic optimization", ch. 11, for the exact search; Rockafellar (1976), "Monotone operators and the
///        proximal point algorithm", SIAM J. Control Optim. 14(5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "rebalance/sizing/solve_status.hpp"

namespace rebalance::sizing {

class DualSolver {
 public:
  /// Room for so many rows and columns. Nothing else allocates.
  DualSolver(std::size_t max_rows, std::size_t max_columns);

  /// The size of the problem that is filled in next; everything in it must then be set.
  void reshape(std::size_t quadratic_rows, std::size_t bounded_rows, std::size_t columns) noexcept;

  // The problem. Entries of `matrix` and the bounds are finite or, for bounds, infinite outwards; costs and impact are
  // at least 0.
  [[nodiscard]] double* row(std::size_t j) noexcept { return matrix_ + j * stride_; }
  [[nodiscard]] const double* row(std::size_t j) const noexcept { return matrix_ + j * stride_; }
  double *base, *row_low, *row_high;
  double *cost_buy, *cost_sell, *impact, *low, *high;

  /// Make the next warm solve start from these x of the problem as it is now.
  void start_from(const double* x) noexcept;

  /// Make the next solve a cold one.
  void forget() noexcept { started_ = false; }

  /// Solve from the multipliers and pins of the last solve (`warm`), or from nothing.
  SolveStatus solve(bool warm) noexcept;

  [[nodiscard]] const double* x() const noexcept { return x_; }
  /// Multipliers: z of the quadratic rows, the price of one more unit of a bounded one (> 0 at row_high).
  [[nodiscard]] const double* multipliers() const noexcept { return w_; }
  /// A'w: by how much one more unit of each column raises the rows' side of the problem.
  [[nodiscard]] const double* slopes() const noexcept { return slope_; }
  [[nodiscard]] int iterations() const noexcept { return iterations_; }
  /// A lower bound of the minimum.
  [[nodiscard]] double dual_value() const noexcept { return dual_value_; }

 private:
  enum class Region : std::int8_t { low = -1, middle = 0, high = 1, smooth = 2, pinned = 3 };
  enum class RowState : std::int8_t { inactive, at_low, at_high, equal };
  enum class Step : std::int8_t { partial, whole, unbounded };
  enum class Move : std::int8_t { newton, ray };

  /// A column without impact held at a kink of its slope, and the range of x that the kink spans.
  struct Pin {
    std::int32_t column;
    double slope;
    double low, high;
    Region below, above;  ///< where it goes when x leaves the range
  };
  /// A point of the line search where the derivative jumps or bends.
  struct Event {
    double step;
    double jump;       ///< by which the derivative falls
    double curvature;  ///< by which the second derivative grows
    std::int32_t column, row;
    Region to;
    double end;  ///< where a jump that is a narrow bend ends
  };

  void prepare() noexcept;
  SolveStatus climb() noexcept;
  void start_cold() noexcept;
  bool start_warm() noexcept;
  bool place_by_slope() noexcept;
  void evaluate() noexcept;
  Move find_direction() noexcept;
  bool factor_pins() noexcept;
  void reflect(double* y, std::size_t e) const noexcept;
  void measure_curvature() noexcept;
  void step_to_kinks(double* step) const noexcept;
  void reduce(const double* step) noexcept;
  void change_pins(const double* step) noexcept;
  Move solve_reduced() noexcept;
  bool null_vector(std::size_t k, double value) noexcept;
  Step search(Move move) noexcept;
  void collect_events(double furthest) noexcept;
  void collect_jumps(double furthest) noexcept;
  void collect_bends(Move move, double furthest) noexcept;
  [[nodiscard]] bool rises_forever() const noexcept;
  void stop_at(const Event& event, double derivative) noexcept;
  void release(std::size_t p, bool above) noexcept;
  void set_region(std::size_t i, Region region) noexcept;
  bool release_worst() noexcept;
  bool activate_worst() noexcept;
  void move_columns() noexcept;
  void settle() noexcept;
  void clip() noexcept;
  bool certify(double gap) noexcept;
  SolveStatus approach() noexcept;
  SolveStatus solve_pulled(double pull) noexcept;
  bool place_within_noise() noexcept;
  [[nodiscard]] double terms_of(std::size_t j) const noexcept;
  [[nodiscard]] bool stays(std::size_t i) const noexcept;
  [[nodiscard]] double bound(std::size_t j) const noexcept;
  [[nodiscard]] double middle(std::size_t i) const noexcept;

  std::size_t max_rows_, stride_;
  std::size_t quadratic_ = 0, rows_ = 0, columns_ = 0, padded_ = 0;
  struct Free {
    void operator()(double* p) const noexcept;
  };
  std::unique_ptr<double[], Free> memory_;

  double* matrix_;
  // per row
  double *w_, *gradient_, *direction_, *trial_;
  // per column
  double *slope_, *tau_, *x_, *weight_, *trial_x_, *trial_weight_, *low_now_, *high_now_, *inverse_impact_, *norm_;
  double *first_kink_, *last_kink_;                         // between them a column that jumps stays in its region
  double *centre_, *true_buy_, *true_sell_, *true_impact_;  // of the proximal rounds
  // small dense matrices, max_rows_ apart
  double *hessian_, *pins_matrix_, *basis_, *product_, *reduced_;
  // small vectors
  double *beta_, *pin_x_, *pin_change_, *right_, *solution_, *reached_w_, *row_terms_, *terms_, *most_, *null_;

  std::vector<Region> region_;
  std::vector<RowState> row_state_;
  std::vector<std::int32_t> active_, idle_rows_, jumpers_, smooth_;
  std::vector<Pin> pins_;
  std::vector<Event> events_, crossed_;

  int iterations_ = 0, idle_ = 0;
  double base_scale_ = 0.0, base_square_ = 0.0, scale_ = 0.0, gain_ = 0.0, length_ = 0.0, dual_value_ = 0.0;
  bool started_ = false;
};

}  // namespace rebalance::sizing
