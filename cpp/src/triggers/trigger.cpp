#include "rebalance/triggers/trigger.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace rebalance {
namespace {

void check_column(const char* name, const std::vector<double>& column, std::size_t n) {
  if (column.size() != n) {
    throw std::invalid_argument(std::string(name) + " has " + std::to_string(column.size()) +
                                " entries, but there are " + std::to_string(n) + " underlyings");
  }
  for (std::size_t u = 0; u < n; ++u) {
    if (std::isnan(column[u]) || column[u] < 0.0) {
      throw std::invalid_argument(std::string(name) + "[" + std::to_string(u) + "] must be at least 0, got " +
                                  std::to_string(column[u]));
    }
  }
}

void check_release(double release) {
  if (release > 0.0 && release <= 1.0) return;
  throw std::invalid_argument("release must be above 0 and at most 1, got " + std::to_string(release));
}

/// Where a condition that is on goes off: just above the released level, which is where trades to the edge end, so that
/// a lot's rounding or a moving edge does not keep it on.
[[nodiscard]] double off_level(double width, double released) noexcept { return released + 0.05 * (width - released); }

}  // namespace

Nanos Calendar::slot(Nanos now_ns) const noexcept {
  const Nanos since = now_ns - anchor_ns;
  return since >= 0 ? since / period_ns : -((period_ns - 1 - since) / period_ns);
}

double Threshold::half_width(std::size_t u, double target) const noexcept {
  return std::fmax(absolute[u], relative[u] * std::fabs(target));
}

void Trigger::push(Step step) {
  steps_.push_back(step);
  ++depth_;
}

void Trigger::add(Calendar leaf) {
  if (leaf.period_ns <= 0) {
    throw std::invalid_argument("calendar period must be above 0 ns, got " + std::to_string(leaf.period_ns));
  }
  push({Step::calendar, static_cast<std::uint32_t>(calendars_.size())});
  calendars_.push_back(leaf);
}

void Trigger::add(Threshold leaf) {
  check_column("threshold", leaf.absolute, n_underlyings_);
  check_column("relative threshold", leaf.relative, n_underlyings_);
  check_release(leaf.release);
  push({Step::threshold, static_cast<std::uint32_t>(thresholds_.size())});
  thresholds_.push_back(std::move(leaf));
}

void Trigger::add(DeltaGamma leaf) {
  check_column("delta-gamma band", leaf.band, n_underlyings_);
  check_column("delta-gamma move", leaf.move, n_underlyings_);
  check_release(leaf.release);
  push({Step::delta_gamma, static_cast<std::uint32_t>(delta_gammas_.size())});
  delta_gammas_.push_back(std::move(leaf));
}

void Trigger::join(Step::Op op, std::uint32_t count) {
  if ((op != Step::any && op != Step::all) || count == 0 || count > depth_) {
    throw std::invalid_argument("a join of " + std::to_string(count) + " triggers needs as many before it; there are " +
                                std::to_string(depth_));
  }
  depth_ -= count;
  push({op, count});
}

void Trigger::check() const {
  if (depth_ != 1) throw std::invalid_argument("a trigger must come to one answer, got " + std::to_string(depth_));
  if (leaves() > kMaxLeaves) {
    throw std::invalid_argument("a trigger holds at most " + std::to_string(kMaxLeaves) + " conditions, got " +
                                std::to_string(leaves()));
  }
}

TriggerState::TriggerState(const Trigger& trigger)
    : active_(trigger.leaves() * trigger.n_underlyings(), 0),
      results_(trigger.leaves() * trigger.n_underlyings(), 0),
      fired_(trigger.n_underlyings(), 0),
      reasons_(trigger.n_underlyings(), 0),
      edge_(trigger.n_underlyings() * kQuantityCount, 0.0),
      last_slot_(trigger.calendars().size(), 0) {}

void TriggerState::note(std::size_t u, std::size_t leaf, Quantity q, double edge) noexcept {
  double& narrowest = edge_[u * kQuantityCount + static_cast<int>(q)];
  narrowest = narrowest < 0.0 ? edge : std::fmin(narrowest, edge);
  reasons_[u] |= std::uint64_t{1} << leaf;
}

bool TriggerState::calendar_due(const Trigger& trigger, Nanos now_ns) const noexcept {
  if (!started_) return !last_slot_.empty();
  for (std::size_t i = 0; i < last_slot_.size(); ++i) {
    if (trigger.calendars()[i].slot(now_ns) > last_slot_[i]) return true;
  }
  return false;
}

void TriggerState::evaluate(const Trigger& trigger, const std::vector<Row>& rows, Nanos now_ns) noexcept {
  const std::size_t n = rows.size();
  std::fill(reasons_.begin(), reasons_.end(), 0);
  std::fill(edge_.begin(), edge_.end(), -1.0);  // no band has fired yet
  std::size_t leaf = 0, depth = 0;
  const auto result = [&](std::size_t level) { return results_.data() + level * n; };

  for (const Trigger::Step step : trigger.steps()) {
    std::uint8_t* out = result(depth);
    std::uint8_t* active = active_.data() + leaf * n;
    switch (step.op) {
      case Trigger::Step::calendar: {
        const Nanos slot = trigger.calendars()[step.argument].slot(now_ns);
        Nanos& last = last_slot_[step.argument];
        const bool due = started_ && slot > last;
        last = started_ ? std::max(last, slot) : slot;
        std::fill(out, out + n, static_cast<std::uint8_t>(due));
        for (std::size_t u = 0; due && u < n; ++u) reasons_[u] |= std::uint64_t{1} << leaf;
        break;
      }
      case Trigger::Step::threshold: {
        const Threshold& t = trigger.thresholds()[step.argument];
        for (std::size_t u = 0; u < n; ++u) {
          const double width = t.half_width(u, rows[u].target[t.quantity]), released = t.release * width;
          out[u] = active[u] = std::fabs(rows[u].drift[t.quantity]) > (active[u] ? off_level(width, released) : width);
          if (out[u]) note(u, leaf, t.quantity, released);
        }
        break;
      }
      case Trigger::Step::delta_gamma: {
        const DeltaGamma& t = trigger.delta_gammas()[step.argument];
        for (std::size_t u = 0; u < n; ++u) {
          const double left = std::fmax(t.band[u] - std::fabs(rows[u].slope) * t.move[u] * rows[u].forward, 0.0);
          const double released = t.release * left;
          out[u] = active[u] =
              std::fabs(rows[u].drift[Quantity::delta]) > (active[u] ? off_level(left, released) : left);
          if (out[u]) note(u, leaf, Quantity::delta, released);
        }
        break;
      }
      case Trigger::Step::any:
      case Trigger::Step::all: {
        depth -= step.argument;
        std::uint8_t* first = result(depth);
        for (std::uint32_t k = 1; k < step.argument; ++k) {
          const std::uint8_t* other = result(depth + k);
          for (std::size_t u = 0; u < n; ++u) {
            first[u] = step.op == Trigger::Step::any ? first[u] | other[u] : first[u] & other[u];
          }
        }
        break;
      }
    }
    leaf += step.op <= Trigger::Step::delta_gamma;
    ++depth;
  }
  started_ = true;
  std::copy(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(n), fired_.begin());
  for (double& edge : edge_) edge = std::fmax(edge, 0.0);
}

}  // namespace rebalance
