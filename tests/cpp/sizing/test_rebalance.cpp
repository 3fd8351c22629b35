/// The rebalance from C++: it takes no memory once made, and says what is wrong.
#include "rebalance/sizing/rebalance.hpp"

#include <cmath>
#include <limits>

#include "../check.hpp"
#include "../counter.hpp"

using namespace rebalance;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Numbers between 0 and 1 that look drawn: the golden ratio's multiples.
double scattered(std::size_t i) {
  const double x = 0.6180339887498949 * static_cast<double>(i + 1);
  return x - std::floor(x);
}

struct Desk {
  std::size_t n, k;
  std::vector<double> weights, target, loadings, factor_cov, specific, cost, impact;

  Desk(std::size_t assets, std::size_t factors)
      : n(assets), k(factors), factor_cov(factors, 0.04), specific(assets, 0.03) {
    for (std::size_t i = 0; i < n; ++i) {
      weights.push_back(1.0 / static_cast<double>(n));
      target.push_back(weights[i] * (0.5 + scattered(i)));
      cost.push_back(1e-4 * (1.0 + scattered(7 * i)));
      impact.push_back(1e-3 * scattered(3 * i));
      for (std::size_t j = 0; j < k; ++j) loadings.push_back(scattered(i * k + j) - (j == 0 ? 0.0 : 0.5));
    }
  }
  [[nodiscard]] RebalanceUpdate update() const {
    static const double kZero = 0.0, kOne = 1.0;
    RebalanceUpdate u;
    u[RebalanceColumn::weights] = weights;
    u[RebalanceColumn::target] = target;
    u[RebalanceColumn::specific_var] = specific;
    u[RebalanceColumn::cost_buy] = u[RebalanceColumn::cost_sell] = cost;
    u[RebalanceColumn::impact] = impact;
    u[RebalanceColumn::lower] = {&kZero, 1};
    u[RebalanceColumn::upper] = {&kOne, 1};
    u[RebalanceNumber::risk_aversion] = 10.0;
    u.loadings = loadings;
    u.factor_cov = factor_cov;
    return u;
  }
};

}  // namespace

TEST("a rebalance updates and solves without taking memory") {
  Desk desk(300, 12);
  RebalanceSolver solver(desk.n, desk.k);
  int solved = 0;
  RebalanceUpdate update = desk.update();
  const counter::Count count;
  for (int round = 0; round < 40; ++round) {
    for (std::size_t i = 0; i < desk.n; ++i) desk.weights[i] *= 1.0 + 1e-3 * std::sin(static_cast<double>(i) + round);
    if (round == 20) std::fill(desk.specific.begin(), desk.specific.end(), 0.0);
    update[RebalanceNumber::turnover] = round % 3 == 0 ? kInfinity : 0.05;
    update[RebalanceNumber::leverage] = round % 5 == 0 ? 2.0 : kInfinity;
    if (round % 7 == 0) solver.start_cold();
    solver.update(update);
    solved += solver.solve().status == SolveStatus::solved;
  }
  CHECK(count.since() == 0);
  CHECK(solved == 40);
}

TEST("rows that cannot hold together are relaxed by the least") {
  const Desk desk(50, 3);
  RebalanceSolver solver(desk.n, desk.k);
  RebalanceUpdate update = desk.update();
  update[RebalanceNumber::budget] = 0.3;
  update[RebalanceNumber::turnover] = 0.1;
  solver.update(update);
  const RebalanceSizes& sizes = solver.solve();
  CHECK(sizes.status == SolveStatus::infeasible);
  CHECK(std::fabs(sizes.relaxation.turnover - 0.2) < 1e-15);
  CHECK(std::fabs(sizes.turnover - 0.3) < 1e-13);
  CHECK_HAS(solver.message(), "turnover 0.1, budget and bounds cannot hold together");
}

TEST("a rebalance refuses what makes no sense and stays as it was") {
  const Desk desk(10, 2);
  RebalanceSolver solver(desk.n, desk.k);
  CHECK_HAS(check::complaint([&] { solver.solve(); }), "never given");
  solver.update(desk.update());
  const double before = solver.solve().objective;
  std::vector<double> bad(desk.n, 0.1);
  bad[7] = NAN;
  RebalanceUpdate update = desk.update();
  update[RebalanceNumber::risk_aversion] = 3.0;
  update[RebalanceColumn::target] = bad;
  CHECK_HAS(check::complaint([&] { solver.update(update); }), "target[7] must be a number, got nan");
  update = desk.update();
  update[RebalanceColumn::cost_sell] = std::span<const double>(bad).first(3);
  CHECK_HAS(check::complaint([&] { solver.update(update); }), "cost_sell has 3 rows, but there are 10 assets");
  solver.start_cold();
  CHECK_SAME(solver.solve().objective, before);
}
