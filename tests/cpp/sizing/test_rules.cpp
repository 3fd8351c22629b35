/// Sizing rules: many paths against one account at a time, on every instruction set; risk budgets by hand.
#include "rebalance/sizing/rules.hpp"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "../check.hpp"
#include "rebalance/kernels.hpp"
#include "rebalance/sizing/risk_budget.hpp"

using namespace rebalance;
using namespace rebalance::sizing;
using S = simd::Vec<simd::Scalar>;

namespace {

template <class Work>
void on_every_isa(Work work) {
  const std::string before(simd::to_string(active_kernels().isa));
  for (const simd::Isa isa : simd::supported_isas()) {
    CHECK(use_isa(simd::to_string(isa)));
    work();
  }
  use_isa(before);
}

std::vector<double> uniform(std::size_t n, double low, double high, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<double> x(n);
  for (double& v : x) v = low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
  return x;
}

template <class Rule>
void check_walk(const Rule& rule, const std::vector<double>& start, double low, double high) {
  constexpr std::size_t kSteps = 40;
  for (const std::size_t paths : {1, 7, 8, 300}) {
    const std::vector<double> input = uniform(kSteps * paths, low, high, 11);
    std::vector<StepReturns> shared(kSteps);
    for (std::size_t t = 0; t < kSteps; ++t) shared[t] = {1e-4 * static_cast<double>(t % 3), 2e-4, 1e-4};
    std::vector<std::vector<double>> out(Rule::kOutputs, std::vector<double>(kSteps * paths));
    PathColumns c{input.data(), shared.data(), 1, start.data(), {}, kSteps, paths};
    for (std::size_t k = 0; k < Rule::kOutputs; ++k) c.out[k] = out[k].data();
    on_every_isa([&] {
      CHECK(walk(rule, c));
      for (std::size_t j = 0; j < paths; ++j) {
        S state[Rule::kStates];
        for (std::size_t k = 0; k < Rule::kStates; ++k) state[k] = start[k];
        for (std::size_t t = 0; t < kSteps; ++t) {
          rule.step(state, S(input[t * paths + j]), shared[t]);
          for (std::size_t k = 0; k < Rule::kOutputs; ++k) CHECK_SAME(out[k][t * paths + j], state[k].v);
        }
      }
    });
  }
}

}  // namespace

TEST("paths of every rule are the single account's, bit by bit, on every instruction set") {
  check_walk(Cppi(4.0, 1.5, 0.7, 0.9, 1.1, 0.001), {100.0, 60.0, 80.0}, -0.3, 0.3);
  check_walk(FixedFraction(-0.7, 0.05, 0.002), {100.0, -50.0}, -0.3, 0.3);
  check_walk(VolatilityTarget(0.3, 2.0, 0.05, 0.4), {VolatilityTarget::kNone, VolatilityTarget::kNone}, 0.0, 1.0);
}

TEST("an unusable input is reported wherever it stands") {
  const Cppi rule(4.0, 1.5, 0.7, 0.9, 1.1, 0.001);
  const double start[] = {100.0, 60.0, 80.0};
  const StepReturns shared;
  for (const double bad : {double{NAN}, double{INFINITY}, -1.5}) {
    for (const std::size_t at : {0, 9, 25}) {  // in the first pack, in the rest, in the last step
      std::vector<double> input(27, 0.01), out[3] = {input, input, input};
      PathColumns c{input.data(), &shared, 0, start, {out[0].data(), out[1].data(), out[2].data()}, 3, 9};
      on_every_isa([&] {
        CHECK(walk(rule, c));
        input[at] = bad;
        CHECK(!walk(rule, c));
        input[at] = 0.01;
      });
    }
  }
}

TEST("settings out of their range are refused by name and value") {
  CHECK_HAS(check::complaint([] { Cppi(0.0, 1.0, 0.0, 1.0, 1.0, 0.0); }), "multiplier must be above 0");
  CHECK_HAS(check::complaint([] { Cppi(4.0, 1.0, 1.0, 1.0, 1.0, 0.0); }),
            "ratchet must be at least 0 and below 1, got 1");
  CHECK_HAS(check::complaint([] { Cppi(4.0, 1.0, 0.0, 1.0, 1.0, 0.3); }), "multiplier x cost_rate must be below 1");
  CHECK_HAS(check::complaint([] { FixedFraction(NAN, 0.0, 0.0); }), "fraction must be finite");
  CHECK_HAS(check::complaint([] { VolatilityTarget(0.1, 0.0, 0.0, 0.0); }), "cap must be above 0");
}

TEST("sums of products have one order on every instruction set") {
  for (const std::size_t n : {0, 1, 15, 16, 17, 1000}) {
    const std::vector<double> a = uniform(n, -1.0, 1.0, 3), b = uniform(n, -1.0, 1.0, 4);
    double lane[16] = {}, rest = 0.0;
    for (std::size_t i = 0; i < n; ++i) (i < n - n % 16 ? lane[i % 16] : rest) += a[i] * b[i];
    for (std::size_t half = 8; half > 0; half /= 2) {
      for (std::size_t j = 0; j < half; ++j) lane[j] += lane[j + half];
    }
    on_every_isa([&] { CHECK_SAME(active_kernels().dot(a.data(), b.data(), n), lane[0] + rest); });
  }
}

TEST("risk budgets of independent assets are inverse vols times roots of the budgets, by sweeps and by Newton") {
  const double covariance[] = {0.04, 0.0, 0.0, 0.16}, budgets[] = {0.2, 0.8};
  const double specific[] = {0.04, 0.16}, loadings[] = {0.0, 0.0}, factor[] = {1.0};
  const double expected = std::sqrt(0.2) / 0.2 / (std::sqrt(0.2) / 0.2 + std::sqrt(0.8) / 0.4);
  double weights[2], shares[2];
  RiskBudgetSolver dense(2, 0), factors(2, 1);
  const Covariance c{.dense = covariance, .n = 2}, f{nullptr, loadings, factor, specific, 2, 1};
  for (const auto& info : {dense.solve(c, budgets, nullptr, 1e-12, weights, shares),
                           factors.solve(f, budgets, nullptr, 1e-12, weights, shares)}) {
    CHECK(info.status == RiskBudgetStatus::solved);
    CHECK(std::fabs(weights[0] - expected) < 1e-15);
    CHECK(std::fabs(shares[1] - 0.8) < 1e-15);
  }
}
