#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "rebalance/sizing/hedge.hpp"

namespace rebalance::sizing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// A share of a lot that is rounding, and a share of the objective not worth another node.
constexpr double kLot = 1e-9, kWorth = 1e-9;

}  // namespace

/// Branch and bound over intervals of whole lots, one an instrument.
class LotSearch {
 public:
  LotSearch(HedgeSolver& solver, const LotTerms& terms)
      : solver_(solver),
        terms_(terms),
        n_(solver.instruments_),
        low_(n_),
        high_(n_),
        least_(n_),
        closing_(n_),
        lots_(n_),
        best_(n_),
        residual_(solver.greeks_) {
    for (std::size_t i = 0; i < n_; ++i) {
      const double lot = terms.lot_size[i];
      low_[i] = std::ceil(solver.data_.lower[i] / lot - kLot);
      high_[i] = std::floor(solver.data_.upper[i] / lot + kLot);
      least_[i] = std::fmax(std::ceil(terms.min_size[i] / lot - kLot), 1.0);
      const double held = std::floor(std::fabs(terms.position[i]) / lot + kLot);
      closing_[i] = terms.position[i] > 0.0 ? -held : held;
    }
    for (std::size_t q = 0; q < solver.rank_; ++q) {
      if (solver.moves_[q] != 0) continue;
      double z = 0.0;
      for (std::size_t j = 0; j < solver.greeks_; ++j) {
        z += solver.factor_[q * solver.greeks_ + j] * solver.data_.exposure[j];
      }
      fixed_risk_ += 0.5 * z * z;
    }
  }

  void run() {
    open_.push_back({0, 0.0, 0.0, -kInfinity, 0, true});
    while (!open_.empty() && nodes_ < terms_.max_nodes) {
      const Branch branch = open_.back();
      open_.pop_back();
      while (trail_.size() > branch.depth) {
        low_[trail_.back().i] = trail_.back().low;
        high_[trail_.back().i] = trail_.back().high;
        trail_.pop_back();
      }
      if (!worth(branch.bound)) continue;
      if (!branch.root) {
        trail_.push_back({branch.i, low_[branch.i], high_[branch.i], 0.0, 0, false});
        low_[branch.i] = branch.low;
        high_[branch.i] = branch.high;
      }
      visit(branch.bound);
    }
    bound_ = std::fmin(objective_, unproven_);
    for (const Branch& branch : open_) bound_ = std::fmin(bound_, branch.bound);
  }

  [[nodiscard]] bool found() const noexcept { return excess_ < kInfinity; }
  [[nodiscard]] const std::vector<double>& best() const noexcept { return best_; }
  [[nodiscard]] double excess() const noexcept { return excess_; }
  [[nodiscard]] double objective() const noexcept { return objective_; }
  [[nodiscard]] double bound() const noexcept { return bound_; }
  [[nodiscard]] int nodes() const noexcept { return nodes_; }

 private:
  /// One interval to try, and what is known of it; on the trail: the interval that was there before.
  struct Branch {
    std::size_t i;
    double low, high;
    double bound;
    std::size_t depth;
    bool root;
  };

  [[nodiscard]] bool worth(double bound) const noexcept {
    return !(excess_ == 0.0) || bound < objective_ - kWorth * std::fabs(objective_);
  }
  [[nodiscard]] double lot(std::size_t i) const noexcept { return terms_.lot_size[i]; }
  [[nodiscard]] bool must_trade(std::size_t i) const noexcept { return low_[i] > 0.0 || high_[i] < 0.0; }

  /// The nearest number of lots that may be traded, in [low, high].
  [[nodiscard]] double allowed(std::size_t i, double lots, double low, double high) const noexcept {
    double best = std::numeric_limits<double>::quiet_NaN();
    const auto offer = [&](double to) {
      if (to >= low && to <= high && !(std::fabs(to - lots) >= std::fabs(best - lots))) best = to;
    };
    if (low <= 0.0 && high >= 0.0) offer(0.0);
    if (closing_[i] != 0.0) offer(closing_[i]);
    if (high >= least_[i]) offer(std::fmin(std::fmax(std::nearbyint(lots), std::fmax(least_[i], low)), high));
    if (low <= -least_[i]) offer(std::fmax(std::fmin(std::nearbyint(lots), std::fmin(-least_[i], high)), low));
    return best;
  }

  /// The largest number of lots up to `lots` that may be traded, and the smallest from there on.
  [[nodiscard]] double allowed_below(std::size_t i, double lots) const noexcept {
    const double whole = std::floor(lots);
    double best = std::fmin(whole, -least_[i]);
    if (closing_[i] <= lots && closing_[i] != 0.0) best = std::fmax(best, closing_[i]);
    if (lots >= 0.0) best = std::fmax(best, 0.0);
    return whole >= least_[i] ? whole : best;
  }
  [[nodiscard]] double allowed_above(std::size_t i, double lots) const noexcept {
    const double whole = std::ceil(lots);
    double best = std::fmax(whole, least_[i]);
    if (closing_[i] >= lots && closing_[i] != 0.0) best = std::fmin(best, closing_[i]);
    if (lots <= 0.0) best = std::fmin(best, 0.0);
    return whole <= -least_[i] ? whole : best;
  }

  /// Solve the continuous problem of the node, whose parent has this bound; try whole lots near it; branch.
  void visit(double parent) {
    ++nodes_;
    std::size_t forced = 0;
    double tickets = 0.0;
    DualSolver& dual = solver_.dual_;
    for (std::size_t i = 0; i < n_; ++i) {
      double buy = solver_.data_.cost_buy[i], sell = solver_.data_.cost_sell[i];
      if (must_trade(i)) {
        ++forced;
        tickets += terms_.ticket[i];
      } else if (terms_.ticket[i] > 0.0) {
        // The straight line from no trade to the largest stays below the ticket.
        if (high_[i] > 0.0) buy += terms_.ticket[i] / (high_[i] * lot(i));
        if (low_[i] < 0.0) sell += terms_.ticket[i] / (-low_[i] * lot(i));
      }
      const auto place = [&](std::size_t c, double low, double high) {
        dual.low[c] = low * lot(i);
        dual.high[c] = high * lot(i);
        dual.cost_buy[c] = buy;
        dual.cost_sell[c] = sell;
      };
      if (solver_.split_) {
        place(i, std::fmax(low_[i], 0.0), std::fmax(high_[i], 0.0));
        place(n_ + i, std::fmin(low_[i], 0.0), std::fmin(high_[i], 0.0));
      } else {
        place(i, low_[i], high_[i]);
      }
    }
    if (terms_.max_trades > 0 && forced > terms_.max_trades) return;
    const SolveStatus status = dual.solve(true);
    if (status == SolveStatus::infeasible && excess_ < kInfinity) return;
    const double bound = status == SolveStatus::solved ? dual.dual_value() + fixed_risk_ + tickets : parent;
    if (!worth(bound)) return;

    // A trade for every instrument near the continuous one; and the instrument whose continuous trade is furthest from
    // any that may be made.
    std::size_t which = n_, traded = 0, smallest = n_;
    double furthest = kLot, value = 0.0, least = kInfinity;
    for (std::size_t i = 0; i < n_; ++i) {
      const double x = (dual.x()[i] + (solver_.split_ ? dual.x()[n_ + i] : 0.0)) / lot(i);
      lots_[i] = allowed(i, x, low_[i], high_[i]);
      if (std::isnan(lots_[i])) return;  // nothing in this interval may be traded
      const double off = std::fabs(x - lots_[i]) * std::fmin(1.0, 1.0 / least_[i]);
      if (off > furthest) {
        furthest = off;
        which = i;
        value = x;
      }
      if (std::fabs(x) > kLot) ++traded;
      if (std::fabs(x) > kLot && !must_trade(i) && std::fabs(x) * lot(i) < least) {
        least = std::fabs(x) * lot(i);
        smallest = i;
      }
    }
    if (terms_.max_trades > 0 && traded > terms_.max_trades && smallest < n_) {
      which = smallest;
      value = (dual.x()[which] + (solver_.split_ ? dual.x()[n_ + which] : 0.0)) / lot(which);
    }
    improve();
    if (which == n_) {
      if (status == SolveStatus::iteration_limit) unproven_ = std::fmin(unproven_, parent);
      return;
    }
    branch(which, value, bound);
  }

  /// Split the interval of instrument i around a number of lots that may not be traded. The likelier part goes last: it
  /// is taken first.
  void branch(std::size_t i, double value, double bound) {
    Branch parts[3];
    std::size_t count = 0;
    const auto add = [&](double low, double high) {
      if (low <= high) parts[count++] = {i, low, high, bound, trail_.size(), false};
    };
    const bool crosses = low_[i] <= 0.0 && high_[i] >= 0.0;
    const bool small = std::fabs(value) < least_[i] || terms_.ticket[i] > 0.0 || terms_.max_trades > 0;
    if (crosses && small && low_[i] < high_[i]) {
      add(allowed_above(i, 0.5), high_[i]);
      add(low_[i], allowed_below(i, -0.5));
      add(0.0, 0.0);
    } else {
      add(low_[i], allowed_below(i, value));
      add(allowed_above(i, value), high_[i]);
    }
    const auto distance = [value](const Branch& b) { return std::fmax(std::fmax(b.low - value, value - b.high), 0.0); };
    for (std::size_t sorted = 1; sorted < count; ++sorted) {
      for (std::size_t k = sorted; k > 0 && distance(parts[k]) > distance(parts[k - 1]); --k) {
        std::swap(parts[k], parts[k - 1]);
      }
    }
    open_.insert(open_.end(), parts, parts + count);
  }

  /// What lots_ would cost, and by how much it would exceed limits, in shares of them.
  [[nodiscard]] std::pair<double, double> weigh() {
    const auto& d = solver_.data_;
    double cost = 0.0, excess = 0.0;
    std::copy(d.exposure.begin(), d.exposure.end(), residual_.begin());
    for (std::size_t i = 0; i < n_; ++i) {
      if (lots_[i] == 0.0) continue;
      const double x = lots_[i] * lot(i);
      cost += std::fmax(x, 0.0) * d.cost_buy[i] - std::fmin(x, 0.0) * d.cost_sell[i] + 0.5 * d.impact[i] * x * x +
              terms_.ticket[i];
      for (std::size_t j = 0; j < residual_.size(); ++j) residual_[j] += d.greeks[j * n_ + i] * x;
    }
    const auto add = [&excess](double over, double unit) {
      if (over > 1e-9 * unit) excess += over / unit;
    };
    for (std::size_t j = 0; j < residual_.size(); ++j) {
      if (d.limit[j] < kInfinity) {
        add(std::fabs(residual_[j]) - d.limit[j], std::fmax(d.limit[j], std::fabs(d.exposure[j])) + 1e-300);
      }
    }
    for (std::size_t r = 0; r < solver_.rows_; ++r) {
      double use = 0.0, terms = 1e-300;
      for (std::size_t i = 0; i < n_; ++i) {
        const double term = (lots_[i] > 0.0 ? d.use_buy : d.use_sell)[r * n_ + i] * lots_[i] * lot(i);
        use += term;
        terms += std::fabs(term);
      }
      add(use - d.row_upper[r], terms);
      add(d.row_lower[r] - use, terms);
    }
    double risk = 0.0;
    for (std::size_t q = 0; q < solver_.rank_; ++q) {
      double z = 0.0;
      for (std::size_t j = 0; j < residual_.size(); ++j) z += solver_.factor_[q * residual_.size() + j] * residual_[j];
      risk += 0.5 * z * z;
    }
    return {excess, risk + cost};
  }

  [[nodiscard]] static bool better(std::pair<double, double> a, std::pair<double, double> b) noexcept {
    return a.first < b.first || (a.first == b.first && a.second < b.second);
  }

  /// From lots_, one instrument at a time to a neighbouring number of lots or to none, as long as that helps; kept if
  /// it beats what was found so far.
  void improve() {
    std::size_t traded = 0;
    for (std::size_t i = 0; i < n_; ++i) traded += lots_[i] != 0.0;
    const std::size_t most = terms_.max_trades > 0 ? terms_.max_trades : n_;
    while (traded > most) {
      if (!drop_one(traded)) return;
    }
    auto now = weigh();
    for (int sweep = 0; sweep < 8; ++sweep) {
      bool moved = false;
      for (std::size_t i = 0; i < n_; ++i) {
        const double was = lots_[i], low = std::ceil(solver_.data_.lower[i] / lot(i) - kLot),
                     high = std::floor(solver_.data_.upper[i] / lot(i) + kLot);
        for (const double to : {was - 1.0, was + 1.0, 0.0, was > 0.0 ? was - least_[i] : was + least_[i]}) {
          const double tried = allowed(i, to, low, high);
          if (std::isnan(tried) || tried == lots_[i]) continue;
          if (lots_[i] == 0.0 && traded >= most) continue;
          const double before = lots_[i];
          lots_[i] = tried;
          const auto then = weigh();
          if (better(then, now)) {
            now = then;
            moved = true;
            traded += before == 0.0 ? 1 : 0;
            traded -= tried == 0.0 ? 1 : 0;
          } else {
            lots_[i] = before;
          }
        }
      }
      if (!moved) break;
    }
    if (better(now, {excess_, objective_})) {
      excess_ = now.first;
      objective_ = now.second;
      best_ = lots_;
    }
  }

  /// Leave out the trade that is missed least. False if the bounds demand them all.
  bool drop_one(std::size_t& traded) {
    std::size_t which = n_;
    std::pair<double, double> least{kInfinity, kInfinity};
    for (std::size_t i = 0; i < n_; ++i) {
      if (lots_[i] == 0.0 || solver_.data_.lower[i] > 0.0 || solver_.data_.upper[i] < 0.0) continue;
      const double was = std::exchange(lots_[i], 0.0);
      const auto then = weigh();
      lots_[i] = was;
      if (which == n_ || better(then, least)) {
        least = then;
        which = i;
      }
    }
    if (which == n_) return false;
    lots_[which] = 0.0;
    --traded;
    return true;
  }

  HedgeSolver& solver_;
  const LotTerms& terms_;
  std::size_t n_;
  std::vector<double> low_, high_;   ///< of the node, lots
  std::vector<double> least_;        ///< lots of the smallest trade
  std::vector<double> closing_;      ///< lots that close the position
  std::vector<double> lots_, best_;  ///< a trial, and the best so far
  std::vector<double> residual_;
  std::vector<Branch> open_, trail_;
  double fixed_risk_ = 0.0;
  double excess_ = kInfinity, objective_ = kInfinity, bound_ = -kInfinity;
  double unproven_ = kInfinity;  ///< the least bound of the nodes whose continuous problem was not solved
  int nodes_ = 0;
};

const HedgeSolution& HedgeSolver::solve_lots(const LotTerms& terms) {
  const auto check_terms = [this](Column column, const char* name, bool above_zero) {
    if (column.size() != instruments_) {
      throw std::invalid_argument(std::string(name) + " has " + std::to_string(column.size()) +
                                  " numbers, but there are " + std::to_string(instruments_) + " instruments");
    }
    for (std::size_t i = 0; i < column.size(); ++i) {
      if (!std::isfinite(column[i]) || column[i] < 0.0 || (above_zero && column[i] == 0.0)) {
        throw std::invalid_argument(std::string(name) + "[" + std::to_string(i) + "] must be finite and " +
                                    (above_zero ? "above 0" : "at least 0") + ", got " + std::to_string(column[i]));
      }
    }
  };
  check_terms(terms.lot_size, "lot_size", true);
  check_terms(terms.min_size, "min_size", false);
  check_terms(terms.ticket, "ticket", false);
  if (terms.position.size() != instruments_) {
    throw std::invalid_argument("position has " + std::to_string(terms.position.size()) + " numbers, but there are " +
                                std::to_string(instruments_) + " instruments");
  }
  if (terms.max_nodes < 1) {
    throw std::invalid_argument("max_nodes must be at least 1, got " + std::to_string(terms.max_nodes));
  }
  solve(false);
  const bool possible = solution_.status != SolveStatus::infeasible;
  if (possible) {
    fill(false);
  } else {
    fill_relaxed(1e-12, false);
  }
  dual_.forget();
  LotSearch search(*this, terms);
  search.run();
  if (!search.found()) {
    std::size_t demanded = 0;
    for (std::size_t i = 0; i < instruments_; ++i) demanded += data_.lower[i] > 0.0 || data_.upper[i] < 0.0;
    if (terms.max_trades > 0 && demanded > terms.max_trades) {
      throw std::invalid_argument("max_trades is " + std::to_string(terms.max_trades) +
                                  ", but lower and upper demand "
                                  "trades in " +
                                  std::to_string(demanded) + " instruments");
    }
    throw std::invalid_argument("lower and upper leave no whole number of lots for an instrument");
  }
  read_solution();
  double tickets = 0.0;
  for (std::size_t i = 0; i < instruments_; ++i) {
    solution_.trades[i] = search.best()[i] * terms.lot_size[i];
    if (search.best()[i] != 0.0) tickets += terms.ticket[i];
  }
  measure();
  solution_.cost += tickets;
  solution_.objective += tickets;
  solution_.iterations = search.nodes();
  solution_.status = search.excess() > 0.0 || !possible ? SolveStatus::infeasible : SolveStatus::solved;
  solution_.gap = solution_.status == SolveStatus::solved ? std::fmax(search.objective() - search.bound(), 0.0) : kNaN;
  dual_.forget();
  return solution_;
}

}  // namespace rebalance::sizing
