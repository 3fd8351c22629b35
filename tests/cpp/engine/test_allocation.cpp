/// The hot path takes no memory: every way to ask for some is counted while ticks run.
#include <cstdlib>
#include <new>

#include "../check.hpp"
#include "../counter.hpp"
#include "../desk.hpp"
#include "rebalance/sizing/risk_budget.hpp"
#include "rebalance/sizing/rules.hpp"

using namespace rebalance;

using counter::counted;
using counter::counting;

namespace {

void* counted_malloc(std::size_t bytes) {
  if (counting) ++counted;
  void* p = std::malloc(bytes == 0 ? 1 : bytes);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
}  // namespace

void* operator new(std::size_t bytes) { return counted_malloc(bytes); }
void* operator new[](std::size_t bytes) { return counted_malloc(bytes); }
void* operator new(std::size_t bytes, std::align_val_t) { return counted_malloc(bytes); }
void* operator new[](std::size_t bytes, std::align_val_t) { return counted_malloc(bytes); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

TEST("the counter counts") {
  counting = true;
  counted = 0;
  std::vector<double> some(10);
  counting = false;
  CHECK(counted == 1);
  CHECK(some.size() == 10);
}

TEST("ticks, market updates and fills take no memory") {
  for (const Action action : {Action::to_target, Action::to_edge, Action::fraction}) {
    desk::Desk d = desk::make(900, 9, action);
    std::size_t trades = 0;
    counting = true;
    counted = 0;
    for (int i = 0; i < 2000; ++i) {
      const Nanos now = desk::kNow + i * Nanos{1'700'000'000};
      d.market->move(0, 60000.0 * (1.0 + 0.02 * std::sin(i)), now);
      d.market->set_vol(static_cast<std::size_t>(10 + i / 2 % 900), i % 50 == 0 ? NAN : 0.5, now);  // bad for one tick
      if (i % 100 == 0) d.market->set_index(1, i % 200 == 0 ? NAN : 3000.0, now);
      const Plan& plan = d.engine->tick(now);
      trades += plan.trades.size();
      if (!plan.trades.empty()) {
        const Trade& t = plan.trades.front();
        d.book->fill(static_cast<std::size_t>(t.instrument), t.size, t.price, 0.0);
      }
    }
    counting = false;
    CHECK(counted == 0);
    CHECK(trades > 100);
  }
}

TEST("nor do forwards that move the vols of a surface") {
  desk::Desk d = desk::make(900, 9);
  const std::vector<Smile> smiles{{0.05, SviParameters{0.01, 0.1, -0.4, 0.02, 0.1}},
                                  {0.5, SviParameters{0.1, 0.2, -0.3, 0.05, 0.3}}};
  d.market->set_surface(0, std::make_shared<const Surface>(smiles), 1.0, desk::kNow);
  std::size_t smiling = 0;
  counting = true;
  counted = 0;
  for (int i = 0; i < 500; ++i) {
    const Nanos now = desk::kNow + i * Nanos{100'000'000};
    d.market->move(0, 60000.0 * (1.0 + 0.02 * std::sin(i)), now);
    smiling += d.engine->tick(now).underlyings[0].before.delta_smile != 0.0;
  }
  counting = false;
  CHECK(counted == 0);
  CHECK(smiling == 500);
}

TEST("nor do bands that are made anew from the gamma of every tick") {
  desk::Desk d = desk::make(300, 9);
  Trigger trigger(2);
  trigger.add(HedgeBand{{1e-4, 1e-3}, {5e-4, 5e-4}, {2.0, 0.0}, {0.6, 0.8}, {0.0, 0.1}});
  trigger.add(LocalBand{Quantity::vega, {100.0, HUGE_VAL}, {50.0, 0.0}});
  trigger.join(Trigger::Step::any, 2);
  Targets targets;
  targets.delta = {0.0, 1.0};
  targets.vega = {0.0, kNaN};
  EngineSettings settings;
  settings.hedge = {0, 6};
  settings.action = Action::to_band;
  Engine engine(d.book, d.market, targets, std::move(trigger), settings);
  std::size_t trades = 0, held = 0;
  counting = true;
  counted = 0;
  for (int i = 0; i < 500; ++i) {
    const Nanos now = desk::kNow + i * Nanos{100'000'000};
    d.market->move(0, 60000.0 * (1.0 + 0.002 * std::sin(i)), now);
    const Plan& plan = engine.tick(now);
    trades += plan.trades.size();
    held += plan.trades.empty();
    for (const Trade& t : plan.trades) d.book->fill(static_cast<std::size_t>(t.instrument), t.size, t.price, 0.0);
  }
  counting = false;
  CHECK(counted == 0);
  CHECK(trades > 100);
  CHECK(held > 0);
}

TEST("nor do hedges of delta, gamma and vega over several instruments") {
  desk::Desk d = desk::make(300, 9);
  EngineSettings settings;
  settings.greek_hedges.resize(2);
  for (std::size_t row = 0; row < d.instruments->size(); ++row) {
    const auto u = static_cast<std::size_t>(d.instruments->columns().underlying[row]);
    std::vector<std::int32_t>& rows = settings.greek_hedges[u].instruments;
    if (rows.size() < 20 && d.instruments->kind(row) != Kind::spot) rows.push_back(static_cast<std::int32_t>(row));
  }
  settings.greek_hedges[0].penalty = {1e4, 1e12, 1e-4};
  settings.greek_hedges[0].limit = {HUGE_VAL, HUGE_VAL, 1e4};
  settings.greek_hedges[1].penalty = {1e2, 0.0, 0.0, 0.0, 1e8, 1.0, 0.0, 1.0, 1e-3};
  Targets targets;
  targets.delta = {0.0, 1.0};
  targets.vega = {0.0, kNaN};
  Trigger trigger(2);
  trigger.add(Threshold{Quantity::delta, {0.5, 5.0}, {0.0, 0.0}});
  Engine engine(d.book, d.market, targets, std::move(trigger), settings);
  std::size_t trades = 0, options = 0;
  counting = true;
  counted = 0;
  for (int i = 0; i < 300; ++i) {
    const Nanos now = desk::kNow + i * Nanos{100'000'000};
    d.market->move(0, 60000.0 * (1.0 + 0.01 * std::sin(i)), now);
    d.market->move(1, 3000.0 * (1.0 + 0.01 * std::cos(i)), now);
    d.book->fill(static_cast<std::size_t>(10 + i), i % 2 == 0 ? 10.0 : -10.0, 0.1, 0.0);  // somebody else's trade
    const Plan& plan = engine.tick(now);
    trades += plan.trades.size();
    for (const Trade& t : plan.trades) {
      options += is_option(d.instruments->kind(static_cast<std::size_t>(t.instrument)));
      d.book->fill(static_cast<std::size_t>(t.instrument), t.size, t.price, 0.0);
    }
  }
  counting = false;
  CHECK(counted == 0);
  CHECK(trades > 300);
  CHECK(options > 0);
}

TEST("sizing rules and risk budgets take no memory") {
  const sizing::Cppi rule(4.0, 1.5, 0.7, 0.9, 1.1, 0.001);
  const double start[] = {100.0, 60.0, 80.0}, budgets[] = {0.25, 0.25, 0.25, 0.25};
  const double matrix[] = {1.0, -0.9, 0.1, 0.0, -0.9, 1.0, 0.2, 0.0, 0.1, 0.2, 1.0, 0.5, 0.0, 0.0, 0.5, 1.0};
  const std::vector<double> returns(900, 0.01);
  std::vector<double> out[3] = {returns, returns, returns};
  const sizing::StepReturns shared;
  const sizing::PathColumns paths{
      returns.data(), &shared, 0, start, {out[0].data(), out[1].data(), out[2].data()}, 9, 100};
  sizing::RiskBudgetSolver solver(4, 0);
  double weights[4], shares[4];
  counting = true;
  counted = 0;
  const bool usable = walk(rule, paths);
  const auto info = solver.solve({.dense = matrix, .n = 4}, budgets, nullptr, 1e-12, weights, shares);
  counting = false;
  CHECK(usable);
  CHECK(info.status == sizing::RiskBudgetStatus::solved);
  CHECK(counted == 0);
}
