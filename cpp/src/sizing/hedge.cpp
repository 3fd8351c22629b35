#include "rebalance/sizing/hedge.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "rebalance/sizing/lanes.hpp"

namespace rebalance::sizing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// A relaxation by less than this share of a limit is rounding.
constexpr double kLeast = 1e-12;

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", x);
  return text;
}

std::string at(const char* name, std::size_t i, std::size_t columns) {
  std::string text = std::string(name) + "[";
  if (columns > 0) text += std::to_string(i / columns) + ", ";
  return text + std::to_string(columns > 0 ? i % columns : i) + "]";
}

/// What an argument may hold.
enum class Range { finite, not_negative, below, above };

void check(Column values, std::size_t expected, const char* name, Range range, std::size_t columns = 0) {
  if (values.empty() && expected > 0) return;
  if (values.size() != expected) {
    throw std::invalid_argument(std::string(name) + " has " + std::to_string(values.size()) + " numbers, but " +
                                std::to_string(expected) + " are needed");
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = values[i];
    const char* wanted = nullptr;
    switch (range) {
      case Range::finite: wanted = std::isfinite(x) ? nullptr : "must be finite"; break;
      case Range::not_negative:
        wanted = x >= 0.0 && std::isfinite(x) ? nullptr : "must be finite and at least 0";
        break;
      case Range::below: wanted = x < kInfinity ? nullptr : "must be a number below infinity"; break;
      case Range::above: wanted = x > -kInfinity ? nullptr : "must be a number above minus infinity"; break;
    }
    if (wanted != nullptr) throw std::invalid_argument(at(name, i, columns) + " " + wanted + ", got " + number(x));
  }
}

void check_order(Column low, Column high, const char* low_name, const char* high_name) {
  for (std::size_t i = 0; i < low.size(); ++i) {
    if (!(low[i] <= high[i])) {
      throw std::invalid_argument(at(low_name, i, 0) + " is " + number(low[i]) + ", above " + at(high_name, i, 0) +
                                  ", which is " + number(high[i]));
    }
  }
}

Column either(Column update, const std::vector<double>& kept) { return update.empty() ? Column(kept) : update; }

void take(std::vector<double>& kept, Column update) {
  if (!update.empty()) std::copy(update.begin(), update.end(), kept.begin());
}

}  // namespace

HedgeSolver::HedgeSolver(std::size_t n_greeks, std::size_t n_instruments, std::size_t n_rows)
    : greeks_(n_greeks),
      instruments_(n_instruments),
      rows_(n_rows),
      factor_(n_greeks * n_greeks),
      trial_factor_(n_greeks * n_greeks),
      dual_(2 * n_greeks + n_rows, (n_rows > 0 ? 2 : 1) * n_instruments + n_greeks + n_rows) {
  if (n_greeks == 0) throw std::invalid_argument("n_greeks must be at least 1, got 0");
  if (n_instruments == 0) throw std::invalid_argument("n_instruments must be at least 1, got 0");
  const auto unset = [](std::vector<double>& column, std::size_t n) { column.assign(n, kNaN); };
  unset(data_.greeks, greeks_ * instruments_);
  unset(data_.exposure, greeks_);
  for (auto* column : {&data_.cost_buy, &data_.cost_sell, &data_.lower, &data_.upper}) unset(*column, instruments_);
  data_.impact.assign(instruments_, 0.0);
  data_.limit.assign(greeks_, kInfinity);
  for (auto* matrix : {&data_.use_buy, &data_.use_sell}) unset(*matrix, rows_ * instruments_);
  data_.row_lower.assign(rows_, -kInfinity);
  data_.row_upper.assign(rows_, kInfinity);
  bounded_.reserve(greeks_ + rows_);
  excess_.resize(greeks_ + rows_);
  price_.resize(greeks_ + rows_);
  held_.resize(2 * instruments_);
  moves_.resize(greeks_);
  start_.resize(2 * instruments_);
  solution_.trades.assign(instruments_, 0.0);
  solution_.marginal.assign(instruments_, 0.0);
  solution_.residual.assign(greeks_, 0.0);
  solution_.limit_price.assign(greeks_, 0.0);
  solution_.row_use.assign(rows_, 0.0);
  solution_.row_price.assign(rows_, 0.0);
  solution_.relaxation.assign(greeks_ + rows_, 0.0);
  solution_.clash.assign(greeks_ + rows_, 0);
}

void HedgeSolver::update(const HedgeUpdate& u) {
  check(u.greeks, greeks_ * instruments_, "greeks", Range::finite, instruments_);
  check(u.exposure, greeks_, "exposure", Range::finite);
  check(u.cost_buy, instruments_, "cost_buy", Range::not_negative);
  check(u.cost_sell, instruments_, "cost_sell", Range::not_negative);
  check(u.impact, instruments_, "impact", Range::not_negative);
  check(u.lower, instruments_, "lower", Range::below);
  check(u.upper, instruments_, "upper", Range::above);
  check(u.row_lower, rows_, "row_lower", Range::below);
  check(u.row_upper, rows_, "row_upper", Range::above);
  check(u.use_buy, rows_ * instruments_, "rows", Range::finite, instruments_);
  check(u.use_sell, rows_ * instruments_, "rows_sell", Range::finite, instruments_);
  if (!u.limit.empty() && u.limit.size() != greeks_) check(u.limit, greeks_, "limit", Range::finite);
  for (std::size_t j = 0; j < u.limit.size(); ++j) {
    if (!(u.limit[j] >= 0.0)) {
      throw std::invalid_argument(at("limit", j, 0) + " must be at least 0 (infinite for none), got " +
                                  number(u.limit[j]));
    }
  }
  if (!u.lower.empty() || !u.upper.empty()) {
    const Column lower = either(u.lower, data_.lower), upper = either(u.upper, data_.upper);
    if (!std::isnan(lower[0]) && !std::isnan(upper[0])) check_order(lower, upper, "lower", "upper");
  }
  if (!u.row_lower.empty() || !u.row_upper.empty()) {
    check_order(either(u.row_lower, data_.row_lower), either(u.row_upper, data_.row_upper), "row_lower", "row_upper");
  }
  const Column buy = either(u.use_buy, data_.use_buy), sell = either(u.use_sell, data_.use_sell);
  const Column row_lower = either(u.row_lower, data_.row_lower);
  for (std::size_t i = 0; i < buy.size() && !std::isnan(sell[0]); ++i) {
    const double both = buy[i] - sell[i];
    if (both < 0.0) {
      throw std::invalid_argument(at("rows", i, instruments_) + " is " + number(buy[i]) + ", below " +
                                  at("rows_sell", i, instruments_) + ", which is " + number(sell[i]) +
                                  ": buying and selling both would free room without end");
    }
    if (both > 0.0 && std::isfinite(row_lower[i / instruments_])) {
      throw std::invalid_argument(at("row_lower", i / instruments_, 0) + " is " + number(row_lower[i / instruments_]) +
                                  ", but a row that counts trades both ways can only have an upper bound");
    }
  }
  if (!u.penalty.empty()) factor(u.penalty);

  // Nothing can fail from here on.
  if (!u.penalty.empty()) {
    factor_.swap(trial_factor_);
    rank_ = trial_rank_;
    penalised_ = true;
  }
  take(data_.greeks, u.greeks);
  take(data_.exposure, u.exposure);
  take(data_.cost_buy, u.cost_buy);
  take(data_.cost_sell, u.cost_sell);
  take(data_.impact, u.impact);
  take(data_.lower, u.lower);
  take(data_.upper, u.upper);
  take(data_.limit, u.limit);
  take(data_.use_buy, u.use_buy);
  take(data_.use_sell, u.use_sell);
  take(data_.row_lower, u.row_lower);
  take(data_.row_upper, u.row_upper);
  if (!u.use_buy.empty() || !u.use_sell.empty()) split_ = data_.use_buy != data_.use_sell;
}

/// trial_factor_: R with Q = R'R, by Cholesky's method with pivoting on Q scaled to a unit diagonal.
void HedgeSolver::factor(Column penalty) {
  const std::size_t k = greeks_;
  if (penalty.size() != k && penalty.size() != k * k) {
    throw std::invalid_argument("penalty has " + std::to_string(penalty.size()) + " numbers, but a diagonal of " +
                                std::to_string(k) + " or a matrix of " + std::to_string(k * k) + " is needed");
  }
  const bool diagonal = penalty.size() == k && k > 1;
  if (diagonal || k == 1) check(penalty, k, "penalty", Range::not_negative);
  std::fill(trial_factor_.begin(), trial_factor_.end(), 0.0);
  std::size_t rank = 0;
  if (diagonal || k == 1) {
    for (std::size_t j = 0; j < k; ++j) {
      if (penalty[j] > 0.0) trial_factor_[rank++ * k + j] = std::sqrt(penalty[j]);
    }
  } else {
    check(penalty, k * k, "penalty", Range::finite, k);
    std::vector<double> unit(k), rest(k * k);
    std::vector<unsigned char> done(k, 0);
    for (std::size_t j = 0; j < k; ++j) {
      if (penalty[j * k + j] < 0.0) {
        throw std::invalid_argument(at("penalty", j * k + j, k) + " must be at least 0, got " +
                                    number(penalty[j * k + j]));
      }
      unit[j] = std::sqrt(penalty[j * k + j]);
    }
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = 0; j < k; ++j) {
        const double one = penalty[i * k + j], other = penalty[j * k + i], scale = unit[i] * unit[j];
        if (std::fabs(one - other) > 1e-9 * std::max(std::fabs(one), std::fabs(other))) {
          throw std::invalid_argument("penalty must be symmetric, but " + at("penalty", i * k + j, k) + " is " +
                                      number(one) + " and " + at("penalty", j * k + i, k) + " is " + number(other));
        }
        if (std::fabs(one) > scale * (1.0 + 1e-9)) {
          throw std::invalid_argument("penalty must be positive semidefinite, but " + at("penalty", i * k + j, k) +
                                      " is " + number(one) +
                                      ", beyond the geometric mean of the two diagonal "
                                      "entries, " +
                                      number(scale));
        }
        rest[i * k + j] = scale > 0.0 ? 0.5 * (one + other) / scale : 0.0;
      }
    }
    for (; rank < k; ++rank) {
      std::size_t p = k;
      for (std::size_t j = 0; j < k; ++j) {
        if (!done[j] && (p == k || rest[j * k + j] > rest[p * k + p])) p = j;
      }
      double least = 0.0;
      for (std::size_t j = 0; j < k; ++j) {
        if (!done[j]) least = std::min(least, rest[j * k + j]);
      }
      if (least < -1e-9) {
        throw std::invalid_argument(
            "penalty must be positive semidefinite, but scaled to a unit diagonal it has a "
            "pivot of " +
            number(least));
      }
      if (!(rest[p * k + p] > 1e-14 * static_cast<double>(k))) break;
      const double root = std::sqrt(rest[p * k + p]);
      done[p] = 1;
      double* r = trial_factor_.data() + rank * k;
      for (std::size_t j = 0; j < k; ++j) r[j] = j == p ? root : done[j] ? 0.0 : rest[p * k + j] / root;
      for (std::size_t i = 0; i < k; ++i) {
        for (std::size_t j = 0; j < k; ++j) {
          if (!done[i] && !done[j]) rest[i * k + j] -= r[i] * r[j];
        }
      }
      for (std::size_t j = 0; j < k; ++j) r[j] *= unit[j];
    }
  }
  trial_rank_ = rank;
}

/// Hand the problem to the dual solver: as it is, or (`elastic`) only its limits, each with a column that exceeds it.
void HedgeSolver::fill(bool elastic) noexcept {
  const std::size_t m = instruments_, n = columns();
  bounded_.clear();
  for (std::size_t j = 0; j < greeks_; ++j) {
    if (data_.limit[j] < kInfinity) bounded_.push_back({j, 1.0, data_.limit[j]});
  }
  for (std::size_t r = 0; r < rows_; ++r) {
    if (data_.row_lower[r] > -kInfinity || data_.row_upper[r] < kInfinity) bounded_.push_back({greeks_ + r, 1.0, 0.0});
  }
  // Rows are written where they will stand; those that no instrument moves are constant and left out.
  double largest = 0.0;
  std::size_t rank = 0;
  for (std::size_t q = 0; q < rank_ && !elastic; ++q) {
    const double* r = factor_.data() + q * greeks_;
    double* row = dual_.row(rank);
    double base = 0.0;
    std::fill(row, row + m, 0.0);
    for (std::size_t j = 0; j < greeks_; ++j) {
      if (r[j] == 0.0) continue;
      base += r[j] * data_.exposure[j];
      const double* greek = data_.greeks.data() + j * m;
      for (std::size_t i = 0; i < m; ++i) row[i] += r[j] * greek[i];
    }
    const double size = largest_size(row, m);
    moves_[q] = size > 0.0;
    if (size == 0.0) continue;
    dual_.base[rank++] = base;
    largest = std::max(largest, size);
    if (split_) std::copy(row, row + m, row + m);
  }
  moved_ = rank;
  dual_.reshape(rank, bounded_.size(), n + (elastic ? bounded_.size() : 0));

  for (std::size_t b = 0; b < bounded_.size(); ++b) {
    Bounded& bounded = bounded_[b];
    double* row = dual_.row(rank + b);
    double base = 0.0, low = 0.0, high = 0.0;
    if (bounded.index < greeks_) {
      const double* greek = data_.greeks.data() + bounded.index * m;
      std::copy(greek, greek + m, row);
      if (split_) std::copy(greek, greek + m, row + m);
      base = data_.exposure[bounded.index];
      high = data_.limit[bounded.index];
      low = -high;
      if (bounded.unit == 0.0) bounded.unit = std::fabs(base);
    } else {
      const std::size_t r = bounded.index - greeks_;
      std::copy(data_.use_buy.data() + r * m, data_.use_buy.data() + (r + 1) * m, row);
      if (split_) std::copy(data_.use_sell.data() + r * m, data_.use_sell.data() + (r + 1) * m, row + m);
      low = data_.row_lower[r];
      high = data_.row_upper[r];
      bounded.unit = std::max(std::isfinite(low) ? std::fabs(low) : 0.0, std::isfinite(high) ? std::fabs(high) : 0.0);
    }
    const double size = largest_size(row, n);
    if (bounded.unit == 0.0) bounded.unit = size > 0.0 ? size : 1.0;
    // A power of two, so that nothing is rounded.
    const double wanted = size > 0.0 ? (largest > 0.0 ? largest : 1.0) / size : 1.0;
    bounded.scale = std::isfinite(wanted) && wanted > 0.0 ? std::exp2(std::round(std::log2(wanted))) : 1.0;
    for (std::size_t i = 0; i < n; ++i) row[i] *= bounded.scale;
    dual_.base[rank + b] = base * bounded.scale;
    dual_.row_low[rank + b] = low * bounded.scale;
    dual_.row_high[rank + b] = high * bounded.scale;
  }
  for (std::size_t i = 0; i < m; ++i) {
    dual_.cost_buy[i] = elastic ? 0.0 : data_.cost_buy[i];
    dual_.cost_sell[i] = elastic ? 0.0 : data_.cost_sell[i];
    dual_.impact[i] = elastic ? 0.0 : data_.impact[i];
    dual_.low[i] = data_.lower[i];
    dual_.high[i] = data_.upper[i];
    if (!split_) continue;
    dual_.cost_buy[m + i] = dual_.cost_buy[i];
    dual_.cost_sell[m + i] = dual_.cost_sell[i];
    dual_.impact[m + i] = dual_.impact[i];
    dual_.low[i] = std::max(data_.lower[i], 0.0);
    dual_.high[i] = std::max(data_.upper[i], 0.0);
    dual_.low[m + i] = std::min(data_.lower[i], 0.0);
    dual_.high[m + i] = std::min(data_.upper[i], 0.0);
  }
  if (!elastic) return;
  for (std::size_t b = 0; b < bounded_.size(); ++b) {
    const std::size_t i = n + b;
    for (std::size_t c = 0; c < bounded_.size(); ++c) dual_.row(c)[i] = b == c ? 1.0 : 0.0;
    dual_.cost_buy[i] = dual_.cost_sell[i] = 1.0 / (bounded_[b].scale * bounded_[b].unit);
    dual_.impact[i] = 0.0;
    dual_.low[i] = -kInfinity;
    dual_.high[i] = kInfinity;
  }
}

/// The smallest relaxation of the limits, in sum of shares of each limit, that can be satisfied; then the optimum under
/// it.
void HedgeSolver::relax() noexcept {
  HedgeSolution& s = solution_;
  fill(true);
  s.status = dual_.solve(false);
  const std::size_t n = columns();
  bool needed = false;
  for (std::size_t b = 0; b < bounded_.size(); ++b) {
    const Bounded& bounded = bounded_[b];
    excess_[b] = -dual_.x()[n + b] / bounded.scale;
    if (std::fabs(excess_[b]) <= kLeast * bounded.unit) excess_[b] = 0.0;
    needed = needed || excess_[b] != 0.0;
    price_[b] = dual_.multipliers()[b] * bounded.unit * bounded.scale;
    s.relaxation[bounded.index] = std::fabs(excess_[b]);
    s.clash[bounded.index] = std::fabs(price_[b]) > 1e-9;
  }
  for (std::size_t i = 0; i < n; ++i) {
    double terms = 0.0;
    for (std::size_t b = 0; b < bounded_.size(); ++b) terms += std::fabs(dual_.row(b)[i] * dual_.multipliers()[b]);
    held_[i] = std::fabs(dual_.slopes()[i]) > 1e-9 * terms;
    start_[i] = dual_.x()[i];
  }
  const bool known = s.status == SolveStatus::solved;
  s.status = needed ? SolveStatus::infeasible : SolveStatus::solved;
  for (const double give : {1e-12, 1e-10, 1e-8}) {
    for (const bool on_face : {true, false}) {
      if (!known) break;
      fill_relaxed(give, on_face);
      if (dual_.solve(false) == SolveStatus::solved) return;
    }
  }
  // The cheapest could not be found: the trades that attain the relaxation.
  hold_start();
  if (known && needed) return;
  s.status = SolveStatus::iteration_limit;
  std::fill(s.relaxation.begin(), s.relaxation.end(), 0.0);
  std::fill(s.clash.begin(), s.clash.end(), 0);
}

/// The problem without limits and with nothing to choose: every column stands at start_.
void HedgeSolver::hold_start() noexcept {
  fill(false);
  for (std::size_t i = 0; i < columns(); ++i) dual_.low[i] = dual_.high[i] = start_[i];
  for (std::size_t b = 0; b < bounded_.size(); ++b) {
    dual_.row_low[moved_ + b] = -kInfinity;
    dual_.row_high[moved_ + b] = kInfinity;
  }
  dual_.solve(false);
}

/// The problem under the smallest relaxation. What attains it is a face of the boxes and limits, thin as a sheet; on it
/// (`on_face`) a column with a price stands at its bound and a limit with a price holds with equality.
void HedgeSolver::fill_relaxed(double give, bool on_face) noexcept {
  fill(false);
  for (std::size_t b = 0; b < bounded_.size(); ++b) {
    const Bounded& bounded = bounded_[b];
    const double excess = excess_[b] * bounded.scale;
    const double slack = give * (std::fabs(excess) + bounded.unit * bounded.scale);
    double& low = dual_.row_low[moved_ + b];
    double& high = dual_.row_high[moved_ + b];
    if (excess > 0.0) high += excess;
    if (excess < 0.0) low += excess;
    if (on_face && std::fabs(price_[b]) > 1e-9) {
      low = high = price_[b] > 0.0 ? high : low;
    } else {
      low -= slack;
      high += slack;
    }
  }
  for (std::size_t i = 0; i < columns() && on_face; ++i) {
    if (held_[i] != 0) dual_.low[i] = dual_.high[i] = start_[i];
  }
}

void HedgeSolver::require() const {
  for (const auto& [column, name] : {std::pair{&data_.greeks, "greeks"},
                                     {&data_.exposure, "exposure"},
                                     {&data_.cost_buy, "cost_buy"},
                                     {&data_.cost_sell, "cost_sell"},
                                     {&data_.lower, "lower"},
                                     {&data_.upper, "upper"},
                                     {&data_.use_buy, "rows"},
                                     {&data_.use_sell, "rows_sell"}}) {
    if (!column->empty() && std::isnan((*column)[0])) {
      throw std::logic_error(std::string(name) + " was never given: call update first");
    }
  }
  if (!penalised_) throw std::logic_error("penalty was never given: call update first");
}

const HedgeSolution& HedgeSolver::solve(bool warm) {
  require();
  fill(false);
  return run(warm);
}

const HedgeSolution& HedgeSolver::solve_from(Column trades) {
  check(trades, instruments_, "warm_start", Range::finite);
  require();
  fill(false);
  for (std::size_t i = 0; i < instruments_; ++i) {
    start_[i] = split_ ? std::max(trades[i], 0.0) : trades[i];
    if (split_) start_[instruments_ + i] = std::min(trades[i], 0.0);
  }
  dual_.start_from(start_.data());
  return run(true);
}

const HedgeSolution& HedgeSolver::run(bool warm) {
  std::fill(solution_.relaxation.begin(), solution_.relaxation.end(), 0.0);
  std::fill(solution_.clash.begin(), solution_.clash.end(), 0);
  solution_.status = dual_.solve(warm);
  solution_.iterations = dual_.iterations();
  if (solution_.status == SolveStatus::infeasible) relax();
  read_solution();
  return solution_;
}

/// Trades and prices, as the dual solver left them.
void HedgeSolver::read_solution() noexcept {
  HedgeSolution& s = solution_;
  const std::size_t m = instruments_;
  for (std::size_t i = 0; i < m; ++i) {
    s.trades[i] = dual_.x()[i] + (split_ ? dual_.x()[m + i] : 0.0);
    s.marginal[i] = dual_.slopes()[i];
  }
  std::fill(s.limit_price.begin(), s.limit_price.end(), 0.0);
  std::fill(s.row_price.begin(), s.row_price.end(), 0.0);
  for (std::size_t b = 0; b < bounded_.size(); ++b) {
    const double price = dual_.multipliers()[moved_ + b] * bounded_[b].scale;
    if (bounded_[b].index < greeks_) {
      s.limit_price[bounded_[b].index] = price;
    } else {
      s.row_price[bounded_[b].index - greeks_] = price;
    }
  }
  const double moved = measure();
  s.gap = s.status == SolveStatus::solved ? moved + s.cost - dual_.dual_value() : kNaN;
}

/// What the trades of the solution cost and leave. Returns the part of the risk that some instrument moves.
double HedgeSolver::measure() noexcept {
  HedgeSolution& s = solution_;
  const std::size_t m = instruments_;
  s.cost = lane_sum(m, [&](std::size_t i) {
    const double x = s.trades[i];
    return std::max(x, 0.0) * data_.cost_buy[i] - std::min(x, 0.0) * data_.cost_sell[i] + 0.5 * data_.impact[i] * x * x;
  });
  for (std::size_t j = 0; j < greeks_; ++j) {
    const double* greek = data_.greeks.data() + j * m;
    s.residual[j] = data_.exposure[j] + lane_sum(m, [&](std::size_t i) { return greek[i] * s.trades[i]; });
  }
  for (std::size_t r = 0; r < rows_; ++r) {
    const double *buy = data_.use_buy.data() + r * m, *sell = data_.use_sell.data() + r * m;
    s.row_use[r] = lane_sum(m, [&](std::size_t i) { return (s.trades[i] > 0.0 ? buy[i] : sell[i]) * s.trades[i]; });
  }
  s.risk = s.risk_before = 0.0;
  double moved = 0.0;
  for (std::size_t q = 0; q < rank_; ++q) {
    const double* r = factor_.data() + q * greeks_;
    double before = 0.0, after = 0.0;
    for (std::size_t j = 0; j < greeks_; ++j) {
      before = before + r[j] * data_.exposure[j];
      after = after + r[j] * s.residual[j];
    }
    s.risk_before += 0.5 * before * before;
    s.risk += 0.5 * after * after;
    if (moves_[q] != 0) moved += 0.5 * after * after;
  }
  s.objective = s.risk + s.cost;
  return moved;
}

}  // namespace rebalance::sizing
