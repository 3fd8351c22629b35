#include "rebalance/triggers/trigger.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "rebalance/kernels.hpp"
#include "rebalance/triggers/band.hpp"

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

void check_positive(const char* name, const std::vector<double>& column) {
  for (std::size_t u = 0; u < column.size(); ++u) {
    if (column[u] > 0.0 && std::isfinite(column[u])) continue;
    throw std::invalid_argument(std::string(name) + "[" + std::to_string(u) + "] must be above 0 and finite, got " +
                                std::to_string(column[u]));
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

void Trigger::add(LocalBand leaf) {
  check_column("local band trigger", leaf.trigger, n_underlyings_);
  check_column("local band destination", leaf.destination, n_underlyings_);
  for (std::size_t u = 0; u < n_underlyings_; ++u) {
    if (leaf.destination[u] <= leaf.trigger[u]) continue;
    throw std::invalid_argument("local band destination[" + std::to_string(u) + "] is " +
                                std::to_string(leaf.destination[u]) + ", beyond its trigger " +
                                std::to_string(leaf.trigger[u]));
  }
  push({Step::local_band, static_cast<std::uint32_t>(local_bands_.size())});
  local_bands_.push_back(std::move(leaf));
}

void Trigger::add(HedgeBand leaf) {
  check_column("hedge band risk_aversion", leaf.risk_aversion, n_underlyings_);
  check_positive("hedge band risk_aversion", leaf.risk_aversion);
  check_column("hedge band cost", leaf.cost, n_underlyings_);
  check_column("hedge band fixed_cost", leaf.fixed_cost, n_underlyings_);
  check_column("hedge band vol", leaf.vol, n_underlyings_);
  check_positive("hedge band vol", leaf.vol);
  check_column("hedge band least", leaf.least, n_underlyings_);
  push({Step::hedge_band, static_cast<std::uint32_t>(hedge_bands_.size())});
  hedge_bands_.push_back(std::move(leaf));
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

namespace {

[[nodiscard]] std::size_t whole_lanes(std::size_t rows) noexcept { return (rows + kLanes - 1) / kLanes * kLanes; }

[[nodiscard]] std::size_t band_rows(const Trigger& trigger) noexcept {
  return trigger.hedge_bands().empty() ? 0 : whole_lanes(trigger.n_underlyings());
}

}  // namespace

TriggerState::TriggerState(const Trigger& trigger)
    : active_(trigger.leaves() * trigger.n_underlyings(), 0),
      results_(trigger.leaves() * trigger.n_underlyings(), 0),
      fired_(trigger.n_underlyings(), 0),
      reasons_(trigger.n_underlyings(), 0),
      edge_(trigger.n_underlyings() * kQuantityCount, 0.0),
      destination_(trigger.n_underlyings() * kQuantityCount, 0.0),
      last_slot_(trigger.calendars().size(), 0),
      band_in_(triggers::kBandInputs * band_rows(trigger), 1.0),
      band_out_(triggers::kBandOutputs * band_rows(trigger), 0.0),
      band_status_(band_rows(trigger), 0) {}

void TriggerState::note(std::size_t u, std::size_t leaf, Quantity q, double edge, double destination) noexcept {
  const std::size_t i = u * kQuantityCount + static_cast<std::size_t>(q);
  if (edge_[i] < 0.0 || edge < edge_[i]) {
    edge_[i] = edge;
    destination_[i] = destination;
  }
  reasons_[u] |= std::uint64_t{1} << leaf;
}

/// Triggers and destinations of every underlying, to the first two columns of band_out_; NaN where there is no band.
void TriggerState::evaluate(const HedgeBand& band, const std::vector<Row>& rows) noexcept {
  const std::size_t lanes = band_status_.size();
  PriceColumns c{};
  for (std::size_t j = 0; j < triggers::kBandInputs; ++j) c.in[j] = band_in_.data() + j * lanes;
  for (std::size_t j = 0; j < triggers::kBandOutputs; ++j) c.out[j] = band_out_.data() + j * lanes;
  c.status = band_status_.data();
  c.rows = lanes;
  double *variance_rate = band_in_.data(), *penalty = variance_rate + lanes, *linear_cost = penalty + lanes,
         *fixed_cost = linear_cost + lanes;
  for (std::size_t u = 0; u < rows.size(); ++u) {
    const double deviation = band.vol[u] * rows[u].forward, swing = rows[u].slope * deviation;
    variance_rate[u] = swing * swing;
    penalty[u] = band.risk_aversion[u] * deviation * deviation;
    linear_cost[u] = band.cost[u] * rows[u].forward;
    fixed_cost[u] = band.fixed_cost[u];
  }
  active_kernels().local_band(c);
  double* width = c.out[0];
  for (std::size_t u = 0; u < rows.size(); ++u) width[u] = width[u] < band.least[u] ? band.least[u] : width[u];
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
  std::fill(destination_.begin(), destination_.end(), 0.0);
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
          if (out[u]) note(u, leaf, t.quantity, released, released);
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
          if (out[u]) note(u, leaf, Quantity::delta, released, released);
        }
        break;
      }
      case Trigger::Step::local_band: {
        const LocalBand& t = trigger.local_bands()[step.argument];
        for (std::size_t u = 0; u < n; ++u) {
          out[u] = std::fabs(rows[u].drift[t.quantity]) > t.trigger[u];
          if (out[u]) note(u, leaf, t.quantity, t.trigger[u], t.destination[u]);
        }
        break;
      }
      case Trigger::Step::hedge_band: {
        evaluate(trigger.hedge_bands()[step.argument], rows);
        const double *width = band_out_.data(), *inner = width + band_status_.size();
        for (std::size_t u = 0; u < n; ++u) {
          out[u] = std::fabs(rows[u].drift[Quantity::delta]) > width[u];
          if (out[u]) note(u, leaf, Quantity::delta, width[u], inner[u]);
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
    leaf += step.op < Trigger::Step::any;
    ++depth;
  }
  started_ = true;
  std::copy(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(n), fired_.begin());
  for (double& edge : edge_) edge = std::fmax(edge, 0.0);
}

}  // namespace rebalance
