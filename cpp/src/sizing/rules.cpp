#include "rebalance/sizing/rules.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

#include "rebalance/kernels.hpp"

namespace rebalance::sizing {
namespace {

using S = simd::Vec<simd::Scalar>;

void check(bool holds, const char* name, const char* must, double value) {
  if (holds) return;
  throw std::invalid_argument(std::string(name) + " must be " + must + ", got " + std::to_string(value));
}

bool within(double x, double low, double high) { return x >= low && x <= high && std::isfinite(x); }

/// The paths that the kernel left: fewer than kLanes.
template <class Rule>
bool walk_rest(const Rule& rule, const PathColumns& c) noexcept {
  const std::size_t first = c.paths - c.paths % kLanes, count = c.paths - first;
  S state[kLanes][Rule::kStates];
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t k = 0; k < Rule::kStates; ++k) state[j][k] = c.start[k];
  }
  bool usable = true;
  for (std::size_t t = 0; t < c.steps; ++t) {
    const StepReturns shared = c.shared[t * c.shared_step];
    const std::size_t row = t * c.paths + first;
    for (std::size_t j = 0; j < count; ++j) {
      const S input = c.input[row + j];
      usable = usable && Rule::usable(input).m;
      rule.step(state[j], input, shared);
      for (std::size_t k = 0; k < Rule::kOutputs; ++k) c.out[k][row + j] = state[j][k].v;
    }
  }
  return usable;
}

}  // namespace

Cppi::Cppi(double multiplier_, double max_leverage_, double ratchet_, double lower_, double upper_, double cost_)
    : multiplier(multiplier_),
      max_leverage(max_leverage_),
      ratchet(ratchet_),
      lower(lower_),
      upper(upper_),
      cost(cost_) {
  check(multiplier > 0.0 && std::isfinite(multiplier), "multiplier", "above 0 and finite", multiplier);
  check(max_leverage > 0.0 && std::isfinite(max_leverage), "max_leverage", "above 0 and finite", max_leverage);
  check(ratchet >= 0.0 && ratchet < 1.0, "ratchet", "at least 0 and below 1", ratchet);
  check(within(lower, 0.0, 1.0), "band: the lower multiplier over the multiplier", "between 0 and 1", lower);
  check(within(upper, 1.0, kHuge), "band: the upper multiplier over the multiplier", "at least 1 and finite", upper);
  check(within(cost, 0.0, 1.0), "cost_rate", "between 0 and 1", cost);
  check(multiplier * cost < 1.0, "multiplier x cost_rate", "below 1", multiplier * cost);
  check(max_leverage * cost < 1.0, "max_leverage x cost_rate", "below 1", max_leverage * cost);
  multiplied = AfterCosts(multiplier, cost);
  levered = AfterCosts(max_leverage, cost);
}

FixedFraction::FixedFraction(double fraction_, double band_, double cost_)
    : fraction(fraction_), band(band_), cost(cost_) {
  check(std::isfinite(fraction), "fraction", "finite", fraction);
  check(band >= 0.0 && std::isfinite(band), "band", "at least 0 and finite", band);
  check(within(cost, 0.0, 1.0), "cost_rate", "between 0 and 1", cost);
  check(std::fabs(fraction) * cost < 1.0, "|fraction| x cost_rate", "below 1", std::fabs(fraction) * cost);
  scaled = AfterCosts(fraction, cost);
}

VolatilityTarget::VolatilityTarget(double target_, double cap_, double band_, double smoothing_)
    : target(target_), cap(cap_), band(band_), smoothing(smoothing_) {
  check(target > 0.0 && std::isfinite(target), "target", "above 0 and finite", target);
  check(cap > 0.0 && std::isfinite(cap), "cap", "above 0 and finite", cap);
  check(band >= 0.0 && std::isfinite(band), "band", "at least 0 and finite", band);
  check(smoothing >= 0.0 && smoothing < 1.0, "smoothing", "at least 0 and below 1", smoothing);
}

bool walk(const Cppi& rule, const PathColumns& c) noexcept {
  const bool usable = active_kernels().cppi(rule, c);
  return walk_rest(rule, c) && usable;
}

bool walk(const FixedFraction& rule, const PathColumns& c) noexcept {
  const bool usable = active_kernels().fixed_fraction(rule, c);
  return walk_rest(rule, c) && usable;
}

bool walk(const VolatilityTarget& rule, const PathColumns& c) noexcept {
  const bool usable = active_kernels().volatility_target(rule, c);
  return walk_rest(rule, c) && usable;
}

}  // namespace rebalance::sizing
