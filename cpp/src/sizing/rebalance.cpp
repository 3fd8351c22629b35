#include "rebalance/sizing/rebalance.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>

#include "rebalance/kernels.hpp"

namespace rebalance {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The proximal term starts at this share of an asset's size and falls tenfold each time it is solved again.
/// It rests at kRestingShare, where rounding is small, unless that is too slow.
constexpr double kProximalShare = 0.1, kRestingShare = 1e-3, kLeastProximalShare = 1e-8;
constexpr int kRestingRounds = 12;

/// Room above the least leverage that turnover allows, as a share of it.
constexpr double kLeverageRoom = 3e-11;
constexpr int kMaxProximal = 60;

/// Steps that rounding leaves nothing to gain from before a walk ends where it is.
constexpr int kStalls = 3;

/// The least pivot of budget, turnover and leverage, as a share of its diagonal. What has less curvature than that
/// (only buyers free: budget and turnover are one row) gets a long step for the line search to cut.
constexpr double kLeastPivot = 1e-5;

/// A step beyond the top of the dual is taken if the slope there is this share of that at its start.
constexpr double kPastTheTop = 1e-4;

/// Within kNearly tolerances a walk takes so many more steps; if they do not reach it, rounding is in the way. Where
/// steps have become rounding themselves, kStalled tolerances are as near as the numbers allow.
constexpr double kNearly = 1e3, kStalled = 1e6;
constexpr int kPolishing = 4;

/// An asset whose own curvature is below this share of its factor risk is flat.
constexpr double kFlatShare = 1e-7;

std::size_t rounded_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

std::string in_words(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", x);
  return text;
}

constexpr bool may_be_infinite(RebalanceColumn c) { return c == RebalanceColumn::lower || c == RebalanceColumn::upper; }

constexpr bool at_least_zero(RebalanceColumn c) {
  return c == RebalanceColumn::specific_var || c == RebalanceColumn::cost_buy || c == RebalanceColumn::cost_sell ||
         c == RebalanceColumn::impact || c == RebalanceColumn::impact_quadratic;
}

void check_column(RebalanceColumn c, std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double v = values[i];
    const std::string_view wrong = std::isnan(v)                                    ? "must be a number"
                                   : !may_be_infinite(c) && !std::isfinite(v)       ? "must be finite"
                                   : at_least_zero(c) && v < 0.0                    ? "must be at least 0"
                                   : c == RebalanceColumn::lower && v == kInfinity  ? "must be below infinity"
                                   : c == RebalanceColumn::upper && v == -kInfinity ? "must be above -infinity"
                                                                                    : "";
    if (!wrong.empty()) {
      const std::string name(kRebalanceColumnNames[static_cast<std::size_t>(c)]);
      const std::string which = values.size() == 1 ? name : name + "[" + std::to_string(i) + "]";
      throw std::invalid_argument(which + " " + std::string(wrong) + ", got " + in_words(v));
    }
  }
}

void check_number(RebalanceNumber which, double v) {
  const bool cap = which == RebalanceNumber::turnover || which == RebalanceNumber::leverage;
  const std::string_view wrong = std::isnan(v) && cap                           ? "must be a number"
                                 : std::isnan(v) || (!cap && !std::isfinite(v)) ? "must be finite"
                                 : which != RebalanceNumber::budget && v < 0.0  ? "must be at least 0"
                                                                                : "";
  if (wrong.empty()) return;
  throw std::invalid_argument(std::string(kRebalanceNumberNames[static_cast<std::size_t>(which)]) + " " +
                              std::string(wrong) + ", got " + in_words(v));
}

}  // namespace

RebalanceSolver::RebalanceSolver(std::size_t n_assets, std::size_t n_factors, RebalanceSettings settings)
    : n_(n_assets),
      k_(n_factors),
      rows_(rounded_up(n_assets, kTileRows)),
      width_(rounded_up(n_factors + 3, kLanes)),
      settings_(settings),
      missing_((1U << (kRebalanceColumns + 2)) - 1U) {
  if (n_assets == 0) throw std::invalid_argument("n_assets must be at least 1, got 0");
  for (auto& c : columns_) c.assign(rows_, 0.0);
  numbers_ = {1.0, 0.0, kInfinity, kInfinity};
  for (const Column c : {Column::alpha, Column::impact, Column::impact_quadratic})
    missing_ &= ~(1U << static_cast<int>(c));
  if (k_ == 0) missing_ &= (1U << kRebalanceColumns) - 1U;
  loadings_.assign(n_ * k_, 0.0);
  for (auto* matrix : {&factor_, &scratch_factor_, &scaled_factor_}) matrix->assign(k_ * width_, 0.0);
  asset_rows_.assign(rows_ * width_, 0.0);
  tiles_.assign(rows_ * k_, 0.0);
  for (auto* asset : {&deviation_, &linear_, &curvature_, &inverse_curvature_, &root_, &lower_, &upper_, &proximal_,
                      &anchor_, &size_, &gradient_, &move_, &trade_, &response_}) {
    asset->assign(rows_, 0.0);
  }
  for (auto* inert : {&curvature_, &inverse_curvature_}) std::fill(inert->begin(), inert->end(), 1.0);
  for (auto* factor : {&risk_before_, &dual_, &ascent_, &step_, &factor_trade_}) factor->assign(width_, 0.0);
  matrix_.assign(width_ * width_, 0.0);
  pivot_.assign(width_, 0.0);
  packed_.assign(kNewtonChunk * width_, 0.0);
  lanes_.assign(8 * std::max<std::size_t>(k_, 1), 0.0);
  flat_.reserve(n_);
  free_.resize(rows_);
}

// --- what the caller changes ---

void RebalanceSolver::check(const RebalanceUpdate& update) {
  for (int c = 0; c < kRebalanceColumns; ++c) {
    const auto values = update.columns[static_cast<std::size_t>(c)];
    if (!values.empty() && values.size() != 1 && values.size() != n_) {
      throw std::invalid_argument(std::string(kRebalanceColumnNames[c]) + " has " + std::to_string(values.size()) +
                                  " rows, but there are " + std::to_string(n_) + " assets");
    }
    check_column(static_cast<Column>(c), values);
  }
  for (int v = 0; v < kRebalanceNumbers; ++v) {
    if (const auto& value = update.numbers[static_cast<std::size_t>(v)]) check_number(static_cast<Number>(v), *value);
  }
  const auto low = update.columns[static_cast<int>(Column::lower)];
  const auto high = update.columns[static_cast<int>(Column::upper)];
  if (!low.empty() || !high.empty()) {
    const auto at = [&](std::span<const double> given, Column c, std::size_t i) {
      if (given.empty())
        return missing_ >> static_cast<int>(c) & 1U ? (c == Column::lower ? -kInfinity : kInfinity) : column(c)[i];
      return given[given.size() == 1 ? 0 : i];
    };
    for (std::size_t i = 0; i < n_; ++i) {
      const double l = at(low, Column::lower, i), u = at(high, Column::upper, i);
      if (l > u) {
        throw std::invalid_argument("lower[" + std::to_string(i) + "] is " + in_words(l) + ", above upper[" +
                                    std::to_string(i) + "], which is " + in_words(u));
      }
    }
  }
  if (!update.loadings.empty()) {
    if (update.loadings.size() != n_ * k_) {
      throw std::invalid_argument("loadings has " + std::to_string(update.loadings.size()) +
                                  " numbers, but there are " + std::to_string(n_) + " assets and " +
                                  std::to_string(k_) + " factors");
    }
    for (std::size_t i = 0; i < n_ * k_; ++i) {
      if (!std::isfinite(update.loadings[i])) {
        throw std::invalid_argument("loadings[" + std::to_string(i / k_) + ", " + std::to_string(i % k_) +
                                    "] must be finite, got " + in_words(update.loadings[i]));
      }
    }
  }
  const auto covariance = update.factor_cov;
  if (!covariance.empty()) {
    if (covariance.size() != k_ && covariance.size() != k_ * k_) {
      throw std::invalid_argument("factor_cov has " + std::to_string(covariance.size()) + " numbers, but there are " +
                                  std::to_string(k_) + " factors");
    }
    for (std::size_t i = 0; i < covariance.size(); ++i) {
      if (!std::isfinite(covariance[i])) {
        throw std::invalid_argument("factor_cov must be finite, got " + in_words(covariance[i]) + " at " +
                                    std::to_string(i));
      }
    }
    if (covariance.size() == k_ * k_ && k_ > 1) {
      for (std::size_t i = 0; i < k_; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          const double a = covariance[i * k_ + j], b = covariance[j * k_ + i];
          if (std::fabs(a - b) > 1e-9 * std::sqrt(std::fabs(covariance[i * k_ + i] * covariance[j * k_ + j]))) {
            throw std::invalid_argument("factor_cov must be symmetric, but [" + std::to_string(i) + ", " +
                                        std::to_string(j) + "] is " + in_words(a) + " and [" + std::to_string(j) +
                                        ", " + std::to_string(i) + "] is " + in_words(b));
          }
        }
      }
    }
    if (!factor_covariance(covariance, scratch_factor_.data())) {
      throw std::invalid_argument("factor_cov must be positive semidefinite: some mix of factors has variance below 0");
    }
  }
}

/// L with F = L L', width_ numbers a row. False if F is not positive semidefinite.
bool RebalanceSolver::factor_covariance(std::span<const double> covariance, double* L) const noexcept {
  const bool diagonal = covariance.size() == k_;
  std::fill(L, L + k_ * width_, 0.0);
  for (std::size_t i = 0; i < k_; ++i) {
    if (diagonal) {
      if (covariance[i] < 0.0) return false;
      L[i * width_ + i] = std::sqrt(covariance[i]);
      continue;
    }
    const double variance = covariance[i * k_ + i];
    if (variance < 0.0) return false;
    for (std::size_t j = 0; j <= i; ++j) {
      double rest = 0.5 * (covariance[i * k_ + j] + covariance[j * k_ + i]);
      for (std::size_t l = 0; l < j; ++l) rest -= L[i * width_ + l] * L[j * width_ + l];
      const double rounding = 1e-12 * std::sqrt(variance * covariance[j * k_ + j]);
      if (j == i) {
        if (rest < -rounding) return false;
        L[i * width_ + i] = rest > rounding ? std::sqrt(rest) : 0.0;
      } else if (const double pivot = L[j * width_ + j]; pivot > 0.0) {
        L[i * width_ + j] = rest / pivot;
      } else if (std::fabs(rest) > 1e3 * rounding) {
        return false;
      }
    }
  }
  return true;
}

void RebalanceSolver::update(const RebalanceUpdate& update) {
  check(update);
  for (std::size_t c = 0; c < update.columns.size(); ++c) {
    const auto values = update.columns[c];
    if (values.empty()) continue;
    if (values.size() == n_) {
      std::copy(values.begin(), values.end(), columns_[c].begin());
    } else {
      std::fill_n(columns_[c].begin(), n_, values[0]);
    }
    missing_ &= ~(1U << c);
  }
  for (std::size_t v = 0; v < update.numbers.size(); ++v) {
    if (!update.numbers[v]) continue;
    factors_changed_ |= v == static_cast<std::size_t>(Number::risk_aversion) && *update.numbers[v] != numbers_[v];
    numbers_[v] = *update.numbers[v];
  }
  if (!update.loadings.empty()) {
    std::copy(update.loadings.begin(), update.loadings.end(), loadings_.begin());
    missing_ &= ~(1U << kRebalanceColumns);
    factors_changed_ = true;
  }
  if (!update.factor_cov.empty()) {
    std::swap(factor_, scratch_factor_);
    missing_ &= ~(1U << (kRebalanceColumns + 1));
    factors_changed_ = true;
  }
}

void RebalanceSolver::start_from(std::span<const double> multipliers) {
  if (multipliers.size() != k_ + 3) {
    throw std::invalid_argument("the multipliers of a warm start are " + std::to_string(multipliers.size()) +
                                " numbers, but this problem has " + std::to_string(k_ + 3));
  }
  for (std::size_t j = 0; j < k_ + 3; ++j) {
    if (!std::isfinite(multipliers[j])) throw std::invalid_argument("the multipliers of a warm start must be finite");
  }
  std::copy(multipliers.begin(), multipliers.end(), dual_.begin());
  for (std::size_t j = k_ + 1; j < k_ + 3; ++j) dual_[j] = std::max(dual_[j], 0.0);
  warm_ = true;
}

void RebalanceSolver::start_cold() noexcept { warm_ = false; }

// --- the problem in x ---

void RebalanceSolver::prepare_factors() noexcept {
  const double scale = std::sqrt(number(Number::risk_aversion));
  for (std::size_t i = 0; i < factor_.size(); ++i) scaled_factor_[i] = scale * factor_[i];
  active_kernels().rebalance.factor_rows(loadings_.data(), scaled_factor_.data(), k_, width_, n_, asset_rows_.data());
  for (std::size_t i = 0; i < n_; ++i) {
    const double* row = asset_rows_.data() + i * width_;
    double* tile = tiles_.data() + i / kTileRows * kTileRows * k_ + i % kTileRows;
    double size = 0.0;
    for (std::size_t j = 0; j < k_; ++j) {
      tile[j * kTileRows] = row[j];
      size += row[j] * row[j];
    }
    size_[i] = size;
  }
  factor_size_ = std::sqrt(*std::max_element(size_.begin(), size_.end()));
  factors_changed_ = false;
}

void RebalanceSolver::prepare() noexcept {
  if (factors_changed_) prepare_factors();
  const double g = number(Number::risk_aversion);
  const double *held = column(Column::weights).data(), *target = column(Column::target).data();
  const double *specific = column(Column::specific_var).data(), *alpha = column(Column::alpha).data();
  const double *impact = column(Column::impact).data(), *quadratic = column(Column::impact_quadratic).data();
  const double *low = column(Column::lower).data(), *high = column(Column::upper).data();
  double distance = 0.0, most_impact = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    deviation_[i] = held[i] - target[i];
    curvature_[i] = g * specific[i] + quadratic[i];
    linear_[i] = g * specific[i] * deviation_[i] - alpha[i];
    root_[i] = 1.5 * impact[i];
    lower_[i] = low[i] - held[i];
    upper_[i] = high[i] - held[i];
    distance += std::fabs(deviation_[i]);
    most_impact = std::max(most_impact, impact[i]);
  }
  power_ = most_impact > 0.0;
  typical_trade_ = (distance + std::fabs(number(Number::budget))) / static_cast<double>(n_);
  active_kernels().rebalance.to_factors(tiles_.data(), k_, rows_, deviation_.data(), lanes_.data(),
                                        risk_before_.data());
}

/// Rows that nothing can satisfy are moved by the least that lets something; rows that leave one way only become
/// bounds.
///
/// Only budget, turnover, leverage and bounds can contradict each other, and all of them are sums over assets, so the
/// least of each given the others has a closed form. x0 is the box's point nearest to no trade.
void RebalanceSolver::fit_limits() noexcept {
  const double* held = column(Column::weights).data();
  sizes_.relaxation = {};
  double low = 0.0, high = 0.0, nearest = 0.0, forced = 0.0, widest = 0.0, gross = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    const double x0 = std::min(std::max(0.0, lower_[i]), upper_[i]);
    low += lower_[i];
    high += upper_[i];
    nearest += x0;
    forced += std::fabs(x0);
    widest += std::max(std::fabs(lower_[i]), std::fabs(upper_[i]));
    gross += std::fabs(held[i]);
  }
  held_size_ = gross;
  budget_ = number(Number::budget);
  turnover_ = number(Number::turnover);
  leverage_ = number(Number::leverage);
  const double rounding = 1e-13 * (std::fabs(budget_) + gross + forced);
  if (budget_ < low - rounding || budget_ > high + rounding) {
    const double possible = budget_ < low ? low : high;
    sizes_.relaxation.budget = possible - budget_;
    budget_ = possible;
  }
  budget_ = std::min(std::max(budget_, low), high);
  const double missing = budget_ - nearest;
  if (const double least = forced + std::fabs(missing); turnover_ <= least * (1.0 + 1e-9) + rounding) {
    if (turnover_ < least - rounding) sizes_.relaxation.turnover = least - turnover_;
    turnover_ = least;
    for (std::size_t i = 0; i < n_; ++i) {
      const double x0 = std::min(std::max(0.0, lower_[i]), upper_[i]);
      (missing >= 0.0 ? lower_ : upper_)[i] = x0;
      if (missing == 0.0) lower_[i] = upper_[i] = x0;
    }
    has_turnover_ = false;
  } else {
    has_turnover_ = turnover_ < widest;
  }
  has_leverage_ = std::isfinite(leverage_);
  if (has_leverage_) {
    const double least = least_leverage(has_turnover_ ? turnover_ : kInfinity);
    if (leverage_ < least - rounding) sizes_.relaxation.leverage = least - leverage_;
    if (leverage_ <= least * (1.0 + 1e-9) + rounding) bring_to_least_leverage(least);
  }
}

/// Leverage at its least: a bound on each asset in the place of the cap, as weights may only move away from 0 the way
/// that the budget asks for. Where turnover is in the way too there is no such bound, and a hair of room keeps
/// multipliers finite.
void RebalanceSolver::bring_to_least_leverage(double least) noexcept {
  if (has_turnover_ && least_leverage(kInfinity) < least * (1.0 - 1e-9)) {
    leverage_ = least * (1.0 + kLeverageRoom);
    return;
  }
  const double* held = column(Column::weights).data();
  const auto nearest = [&](std::size_t i) { return std::min(std::max(-held[i], lower_[i]), upper_[i]); };
  double missing = budget_;
  for (std::size_t i = 0; i < n_; ++i) missing -= nearest(i);
  for (std::size_t i = 0; i < n_; ++i) {
    const double x = nearest(i);
    (missing >= 0.0 ? lower_ : upper_)[i] = x;
  }
  leverage_ = std::max(leverage_, least);
  has_leverage_ = false;
}

/// The least sum |w + x| over the box, the budget and the turnover: bring shorts up and longs down, in pairs.
double RebalanceSolver::least_leverage(double turnover) const noexcept {
  const double* held = column(Column::weights).data();
  double base = 0.0, forced = 0.0, nearest = 0.0, shorts = 0.0, longs = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    const double x0 = std::min(std::max(0.0, lower_[i]), upper_[i]), y0 = held[i] + x0;
    base += std::fabs(y0);
    forced += std::fabs(x0);
    nearest += x0;
    // x0 is the point of the box next to 0, so it moves only away from 0, and only if it can
    if (y0 < 0.0 && x0 >= 0.0) shorts += std::max(std::min(upper_[i], -held[i]) - x0, 0.0);
    if (y0 > 0.0 && x0 <= 0.0) longs += std::max(x0 - std::max(lower_[i], -held[i]), 0.0);
  }
  const double net = budget_ - nearest, room = std::max(turnover - forced - std::fabs(net), 0.0) / 2.0;
  const double with = net >= 0.0 ? shorts : longs, against = net >= 0.0 ? longs : shorts;  // the net trade
  const double pairs = std::max(std::min({against, room, with - std::fabs(net)}), 0.0);
  const double closing = std::min(with, std::fabs(net) + pairs);
  return base - closing - pairs + (std::fabs(net) + pairs - closing);
}

/// Assets without curvature get a proximal term; the scale is the size of their risk, or of what moves them.
void RebalanceSolver::find_flat_assets() noexcept {
  flat_.clear();
  double typical = 0.0, pull = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    typical += size_[i] + curvature_[i];
    pull += std::fabs(linear_[i]) + column(Column::cost_buy)[i] + column(Column::cost_sell)[i];
  }
  typical /= static_cast<double>(n_);
  if (!(typical_trade_ > 0.0)) typical_trade_ = 1.0;
  double least = std::max(1e-3 * typical, pull / static_cast<double>(n_) / typical_trade_);
  if (!(least > 0.0)) least = 1.0;
  all_response_ = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    const double size = std::max(size_[i], least);
    if (root_[i] == 0.0 && curvature_[i] < kFlatShare * size) {
      flat_.push_back(i);
      proximal_[i] = size;
      anchor_[i] = std::min(std::max(trade_[i], lower_[i]), upper_[i]);
    }
    const double stiff = curvature_[i] + 0.5 * root_[i] / std::sqrt(typical_trade_);
    all_response_ += 1.0 / std::max(stiff, kFlatShare * size);
  }
}

// --- the walk ---

TradeColumns RebalanceSolver::trade_columns() noexcept {
  return {.gradient = gradient_.data(),
          .move = move_.data(),
          .buy = column(Column::cost_buy).data(),
          .sell = column(Column::cost_sell).data(),
          .curvature = curvature_.data(),
          .inverse_curvature = inverse_curvature_.data(),
          .root = root_.data(),
          .lower = lower_.data(),
          .upper = upper_.data(),
          .held = column(Column::weights).data(),
          .trade = trade_.data(),
          .root_response = response_.data(),
          .rows = rows_};
}

/// Gradients from the multipliers as they are, and the trades that answer them.
void RebalanceSolver::set_out() noexcept {
  active_kernels().rebalance.to_assets(tiles_.data(), k_, rows_, dual_.data(), dual_[k_], gradient_.data());
  for (std::size_t i = 0; i < n_; ++i) gradient_[i] += linear_[i];
  for (const std::size_t i : flat_) gradient_[i] -= (curvature_[i] - base_curvature(i)) * anchor_[i];
  for (std::size_t i = n_; i < rows_; ++i) gradient_[i] = 0.0;
  std::fill(move_.begin(), move_.end(), 0.0);
  respond(0.0);
}

void RebalanceSolver::respond(double step) noexcept {
  TradeSums sums;
  active_kernels().rebalance.respond[power_][has_leverage_](
      trade_columns(), {.step = step, .turnover = dual_[k_ + 1], .leverage = dual_[k_ + 2]}, sums);
  sums_ = {sums.total, sums.turnover, sums.leverage};
}

/// Gradient of the dual: how far the trades are from what the multipliers suppose, and from each row.
void RebalanceSolver::find_ascent() noexcept {
  active_kernels().rebalance.to_factors(tiles_.data(), k_, rows_, trade_.data(), lanes_.data(), factor_trade_.data());
  for (std::size_t j = 0; j < k_; ++j) ascent_[j] = (risk_before_[j] + factor_trade_[j]) - dual_[j];
  ascent_[k_] = sums_.total - budget_;
  ascent_[k_ + 1] = has_turnover_ ? sums_.turnover - turnover_ : 0.0;
  ascent_[k_ + 2] = has_leverage_ ? sums_.leverage - leverage_ : 0.0;
}

bool RebalanceSolver::converged(double tolerance) const noexcept {
  double largest = 1e-3 * factor_size_ * (sums_.turnover + 1e-3 * held_size_), off = 0.0;
  for (std::size_t j = 0; j < k_; ++j) {
    largest = std::max({largest, std::fabs(dual_[j]), std::fabs(risk_before_[j]), std::fabs(factor_trade_[j])});
    off = std::max(off, std::fabs(ascent_[j]));
  }
  if (off > tolerance * largest) return false;
  if (std::fabs(ascent_[k_]) > tolerance * (std::fabs(budget_) + sums_.turnover + 1e-3 * held_size_)) return false;
  const auto kept = [&](bool has, std::size_t row, double cap) {
    if (!has) return true;
    return dual_[row] > 0.0 ? std::fabs(ascent_[row]) <= tolerance * cap : ascent_[row] <= tolerance * cap;
  };
  return kept(has_turnover_, k_ + 1, turnover_) && kept(has_leverage_, k_ + 2, leverage_);
}

/// The Newton step of the multipliers. A cap with room, or whose multiplier would fall below 0, stays out of it.
void RebalanceSolver::find_step() noexcept {
  const RebalanceKernels& kernels = active_kernels().rebalance;
  std::size_t count = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    free_[count] = i;
    count += response_[i] != 0.0;
  }
  bool moves[2] = {has_turnover_ && (dual_[k_ + 1] > 0.0 || ascent_[k_ + 1] > 0.0),
                   has_leverage_ && (dual_[k_ + 2] > 0.0 || ascent_[k_ + 2] > 0.0)};
  for (;;) {
    const std::size_t size = moves[1] ? k_ + 3 : moves[0] ? k_ + 2 : k_ + 1;
    kernels.newton_matrix({.rows = asset_rows_.data(),
                           .free = free_.data(),
                           .count = count,
                           .n_factors = k_,
                           .size = size,
                           .width = width_,
                           .root_response = response_.data(),
                           .trade = trade_.data(),
                           .held = column(Column::weights).data(),
                           .packed = packed_.data(),
                           .matrix = matrix_.data()});
    std::fill(step_.begin(), step_.end(), 0.0);
    for (std::size_t j = 0; j < k_; ++j) {
      matrix_[j * width_ + j] += 1.0;
      pivot_[j] = 0.5;
      step_[j] = ascent_[j];
    }
    step_[k_] = ascent_[k_];
    for (std::size_t j = k_; j < size; ++j) {
      if (j > k_ && !moves[j - k_ - 1]) {
        for (std::size_t r = 0; r < j; ++r) matrix_[r * width_ + j] = 0.0;
        for (std::size_t c = j; c < size; ++c) matrix_[j * width_ + c] = c == j ? 1.0 : 0.0;
        pivot_[j] = 0.5;
        continue;
      }
      if (j > k_) step_[j] = ascent_[j];
      pivot_[j] = std::max(kLeastPivot * matrix_[j * width_ + j], (count == 0 ? 1e-2 : 1e-9) * all_response_);
    }
    kernels.newton_factor(matrix_.data(), size, width_, pivot_.data());
    kernels.newton_solve(matrix_.data(), size, width_, pivot_.data(), step_.data());
    bool again = false;
    for (std::size_t c = 0; c < 2; ++c) {
      if (moves[c] && dual_[k_ + 1 + c] == 0.0 && step_[k_ + 1 + c] < 0.0) {
        moves[c] = false;
        again = true;
      }
    }
    if (!again) break;
  }
  for (std::size_t c = 0; c < 2; ++c) {
    if (!moves[c]) step_[k_ + 1 + c] = 0.0;
  }
  kernels.to_assets(tiles_.data(), k_, rows_, step_.data(), step_[k_], move_.data());
  for (std::size_t i = n_; i < rows_; ++i) move_[i] = 0.0;
}

/// Derivative of the dual along the step.
double RebalanceSolver::slope_along(double step) noexcept {
  TradeSums sums;
  active_kernels().rebalance.along[power_][has_leverage_](trade_columns(),
                                                          {.step = step,
                                                           .turnover = dual_[k_ + 1] + step * step_[k_ + 1],
                                                           .leverage = dual_[k_ + 2] + step * step_[k_ + 2]},
                                                          sums);
  double slope = sums.along - step_[k_] * budget_;
  if (has_turnover_) slope += step_[k_ + 1] * (sums.turnover - turnover_);
  if (has_leverage_) slope += step_[k_ + 2] * (sums.leverage - leverage_);
  for (std::size_t j = 0; j < k_; ++j) slope += step_[j] * (risk_before_[j] - dual_[j] - step * step_[j]);
  return slope;
}

/// How far to go: where the slope, which only falls and is continuous, is nearly 0, or a cap's multiplier is.
double RebalanceSolver::line_search() noexcept {
  double furthest = kInfinity;
  for (std::size_t j = k_ + 1; j < k_ + 3; ++j) {
    if (step_[j] < 0.0) furthest = std::min(furthest, dual_[j] / -step_[j]);
  }
  double step = std::min(1.0, furthest), low = 0.0, high = kInfinity, at_low = uphill_, at_high = 0.0;
  int side = 0;
  for (int trial = 0; trial < 60; ++trial) {
    const double slope = slope_along(step);
    // Past the top a small slope can still mean a long way down, so there it must be much smaller.
    const double near = slope > 0.0 ? (trial == 0 ? 0.4 : 0.1) * uphill_ : kPastTheTop * uphill_;
    if (std::fabs(slope) <= near + noise_ || (slope > 0.0 && step >= furthest)) return step;
    if (slope > 0.0) {
      low = step;
      at_low = slope;
      if (side == 1) at_high *= 0.5;
      side = 1;
    } else {
      high = step;
      at_high = slope;
      if (side == -1) at_low *= 0.5;
      side = -1;
    }
    if (high == kInfinity) {
      step = std::min(4.0 * step, furthest);
      continue;
    }
    if (high - low <= 1e-15 * high) return low > 0.0 ? low : high;
    step = low + (high - low) * std::clamp(at_low / (at_low - at_high), 1e-12, 0.999);
  }
  return low > 0.0 ? low : step;
}

RebalanceSolver::Walk RebalanceSolver::walk() noexcept {
  set_out();
  int stalls = 0, polished = 0;
  for (;;) {
    find_ascent();
    if (converged(settings_.tolerance)) return Walk::reached;
    const bool nearly = converged(kNearly * settings_.tolerance);
    if (nearly && ++polished > kPolishing) return Walk::reached;
    if (stalls >= kStalls) return converged(kStalled * settings_.tolerance) ? Walk::reached : Walk::stalled;
    if (sizes_.iterations >= settings_.max_iterations) return Walk::out_of_steps;
    ++sizes_.iterations;
    find_step();
    uphill_ = 0.0;
    double size = 0.0;
    for (std::size_t j = 0; j < k_ + 3; ++j) {
      uphill_ += ascent_[j] * step_[j];
      size +=
          std::fabs(step_[j]) * (j < k_ ? std::fabs(dual_[j]) + std::fabs(risk_before_[j]) + std::fabs(factor_trade_[j])
                                        : sums_.turnover + std::fabs(ascent_[j]));
    }
    noise_ = 1e-15 * size;
    double longest = 0.0, largest = 0.0;
    for (std::size_t j = 0; j < k_ + 3; ++j) {
      longest = std::max(longest, std::fabs(step_[j]));
      largest = std::max(largest, std::fabs(dual_[j]));
    }
    if (!(uphill_ > noise_) || longest <= 1e-15 * largest) ++stalls;
    const double step = uphill_ > noise_ ? line_search() : 1.0;
    for (std::size_t j = 0; j < k_ + 3; ++j) {
      dual_[j] += step * step_[j];
      if (j > k_ && dual_[j] < 1e-14 * std::fabs(step * step_[j])) dual_[j] = 0.0;
    }
    respond(step);
  }
}

// --- the whole ---

double RebalanceSolver::base_curvature(std::size_t i) const noexcept {
  return number(Number::risk_aversion) * column(Column::specific_var)[i] + column(Column::impact_quadratic)[i];
}

/// Whether the proximal terms no longer matter: trades of this size cannot be better by more than `allowed`, or none
/// moves.
bool RebalanceSolver::settled(double allowed) const noexcept {
  double gap = 0.0, moved = 0.0;
  for (const std::size_t i : flat_) {
    const double by = std::fabs(trade_[i] - anchor_[i]);
    const double size = std::fabs(trade_[i]) + std::fabs(anchor_[i]) + typical_trade_;
    gap += (curvature_[i] - base_curvature(i)) * by * size;
    moved = std::max(moved, by / size);
  }
  return gap <= allowed || moved <= 1e-12;
}

void RebalanceSolver::account() noexcept {
  AccountSums sums{};
  active_kernels().rebalance.account({.trade = trade_.data(),
                                      .held = column(Column::weights).data(),
                                      .deviation = deviation_.data(),
                                      .buy = column(Column::cost_buy).data(),
                                      .sell = column(Column::cost_sell).data(),
                                      .power = column(Column::impact).data(),
                                      .quadratic = column(Column::impact_quadratic).data(),
                                      .specific = column(Column::specific_var).data(),
                                      .alpha = column(Column::alpha).data(),
                                      .rows = rows_},
                                     sums);
  const double g = number(Number::risk_aversion);
  double factors = 0.0;
  for (std::size_t j = 0; j < k_; ++j) {
    const double y = risk_before_[j] + factor_trade_[j];
    factors += y * y;
  }
  sizes_.cost = sums.linear + sums.impact;
  sizes_.objective = 0.5 * (factors + g * sums.specific) - sums.alpha + sizes_.cost;
  sizes_.turnover = sums_.turnover;
  sizes_.leverage = sums.leverage;
  if (g > 0.0) {
    sizes_.risk = factors / g + sums.specific;
    return;
  }
  // no risk in the objective, so none in A: from the loadings
  factors = 0.0;
  for (std::size_t c = 0; c < k_; ++c) {
    double y = 0.0;
    for (std::size_t i = 0; i < n_; ++i) {
      double a = 0.0;
      for (std::size_t j = c; j < k_; ++j) a += loadings_[i * k_ + j] * factor_[j * width_ + c];
      y += a * (deviation_[i] + trade_[i]);
    }
    factors += y * y;
  }
  sizes_.risk = factors + sums.specific;
}

const RebalanceSizes& RebalanceSolver::solve() {
  if (missing_ != 0) {
    std::string names;
    for (int c = 0; c < kRebalanceColumns + 2; ++c) {
      if ((missing_ >> c & 1U) == 0) continue;
      names += (names.empty() ? "" : ", ") + std::string(c < kRebalanceColumns    ? kRebalanceColumnNames[c]
                                                         : c == kRebalanceColumns ? "loadings"
                                                                                  : "factor_cov");
    }
    throw std::logic_error("solve() needs values that were never given; update first: " + names);
  }
  sizes_.iterations = 0;
  prepare();
  fit_limits();
  if (!warm_) {
    std::fill(trade_.begin(), trade_.end(), 0.0);
    std::copy_n(risk_before_.begin(), k_, dual_.begin());
    std::fill(dual_.begin() + static_cast<std::ptrdiff_t>(k_), dual_.end(), 0.0);
  }
  if (!has_turnover_) dual_[k_ + 1] = 0.0;
  if (!has_leverage_) dual_[k_ + 2] = 0.0;
  find_flat_assets();
  double share = kProximalShare, risk_at_start = 0.0;
  for (std::size_t j = 0; j < k_; ++j) risk_at_start += risk_before_[j] * risk_before_[j];
  Walk end = Walk::reached;
  for (int round = 0;; ++round) {
    for (const std::size_t i : flat_) curvature_[i] = base_curvature(i) + share * proximal_[i];
    if (round == 0) {
      for (std::size_t i = 0; i < n_; ++i) inverse_curvature_[i] = 1.0 / curvature_[i];
    }
    for (const std::size_t i : flat_) inverse_curvature_[i] = 1.0 / curvature_[i];
    end = walk();
    account();
    if (flat_.empty() || end != Walk::reached) break;
    const double terms = sizes_.cost + std::fabs(sizes_.objective) + 0.5 * number(Number::risk_aversion) * sizes_.risk;
    if (settled(1e-12 * terms + 1e-15 * risk_at_start)) break;
    if (round == kMaxProximal) {
      end = Walk::out_of_steps;
      break;
    }
    for (const std::size_t i : flat_) anchor_[i] = trade_[i];
    share = std::max(0.1 * share, round < kRestingRounds ? kRestingShare : kLeastProximalShare);
  }
  for (std::size_t i = 0; i < n_; ++i) trade_[i] += 0.0;  // no negative zeros
  const RebalanceRelaxation& r = sizes_.relaxation;
  const bool relaxed = r.budget != 0.0 || r.turnover != 0.0 || r.leverage != 0.0;
  sizes_.status = relaxed                ? SolveStatus::infeasible
                  : end != Walk::reached ? SolveStatus::iteration_limit
                                         : SolveStatus::solved;
  warm_ = end == Walk::reached;
  return sizes_;
}

std::string RebalanceSolver::message() const {
  const RebalanceRelaxation& r = sizes_.relaxation;
  std::string text;
  if (r.budget != 0.0) {
    text += "budget " + in_words(number(Number::budget)) + " and " + (r.budget > 0.0 ? "lower" : "upper") +
            " bounds cannot hold together: the trades sum to " + (r.budget > 0.0 ? "at least " : "at most ") +
            in_words(number(Number::budget) + r.budget) + "; a budget " + in_words(std::fabs(r.budget)) +
            (r.budget > 0.0 ? " higher" : " lower") + " would do";
  }
  if (r.turnover != 0.0) {
    text += std::string(text.empty() ? "" : ". ") + "turnover " + in_words(number(Number::turnover)) +
            ", budget and bounds cannot hold together: they need a turnover of " +
            in_words(number(Number::turnover) + r.turnover) + ", " + in_words(r.turnover) + " more";
  }
  if (r.leverage != 0.0) {
    const double alone = least_leverage(kInfinity);
    const bool by_turnover = has_turnover_ && alone <= number(Number::leverage) * (1.0 + 1e-12);
    text += std::string(text.empty() ? "" : ". ") + "leverage " + in_words(number(Number::leverage)) +
            (by_turnover ? ", turnover, budget" : ", budget") +
            " and bounds cannot hold together: they need a leverage of " +
            in_words(number(Number::leverage) + r.leverage) + ", " + in_words(r.leverage) + " more";
  }
  if (!warm_) {
    text += std::string(text.empty() ? "" : ". ") + "stopped after " + std::to_string(sizes_.iterations) +
            " steps, short of the tolerance";
  }
  return text;
}

}  // namespace rebalance
