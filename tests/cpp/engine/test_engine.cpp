/// What the engine recomputes and what it leaves alone.
#include "../check.hpp"
#include "../desk.hpp"

using namespace rebalance;
using namespace desk;

namespace {

void check_same_exposures(const Plan& a, const Plan& b) {
  for (std::size_t n = 0; n < a.nodes.size(); ++n) {
    const auto* x = reinterpret_cast<const double*>(&a.nodes[n]);
    const auto* y = reinterpret_cast<const double*>(&b.nodes[n]);
    for (int i = 0; i < kExposureFields; ++i) CHECK_SAME(x[i], y[i]);
  }
  for (std::size_t u = 0; u < a.underlyings.size(); ++u) {
    const auto* x = reinterpret_cast<const double*>(&a.underlyings[u].before);
    const auto* y = reinterpret_cast<const double*>(&b.underlyings[u].before);
    for (int i = 0; i < kExposureFields; ++i) CHECK_SAME(x[i], y[i]);
  }
}

}  // namespace

TEST("after any updates the engine holds what a new engine computes from the same state") {
  Desk d = make(500);
  d.engine->tick(kNow);
  for (int i = 0; i < 60; ++i) {
    const auto row = static_cast<std::size_t>(10 + (i * 37) % 500);
    if (i % 3 == 0) d.market->set_vol(row, 0.3 + 0.01 * i, kNow);
    if (i % 5 == 0) d.market->move(static_cast<std::size_t>(i % 2), (i % 2 == 0 ? 60000.0 : 3000.0) + i, kNow);
    if (i % 7 == 0) d.market->set_rate(static_cast<std::size_t>(i) % d.instruments->n_nodes(), 0.001 * i);
    if (i % 4 == 0) d.book->fill(row, 2.0, 0.01, 0.0);
    if (i % 11 == 0) d.book->set_coin_cash(1, 3.0 + i);
    const Plan& plan = d.engine->tick(kNow + i * Nanos{10'000'000});
    Trigger trigger(2);
    trigger.add(Calendar{1'000'000'000});
    Engine fresh(d.book, d.market, {}, std::move(trigger), {});
    check_same_exposures(plan, fresh.tick(kNow + i * Nanos{10'000'000}));
  }
}

TEST("a tick in which nothing moved returns the plan it had") {
  Desk d = make(200);
  const Plan first = d.engine->tick(kNow);
  const Plan& again = d.engine->tick(kNow + 1000);
  CHECK(again.now_ns == kNow + 1000);
  CHECK(first.trades.size() == again.trades.size());
  check_same_exposures(first, again);
}

TEST("parts that do not fit are refused with a message that names them") {
  Desk d = make(10);
  const auto trigger = [] {
    Trigger t(2);
    t.add(Calendar{1});
    return t;
  };
  Targets both;
  both.weight = {0.5, kNaN};
  both.delta = {0.0, kNaN};
  CHECK_HAS(check::complaint([&] { Engine(d.book, d.market, both, trigger(), {}); }), "both");
  EngineSettings option_hedge;
  option_hedge.hedge = {10, -1};
  CHECK_HAS(check::complaint([&] { Engine(d.book, d.market, {}, trigger(), option_hedge); }), "an option");
  EngineSettings wrong_coin;
  wrong_coin.hedge = {6, -1};
  CHECK_HAS(check::complaint([&] { Engine(d.book, d.market, {}, trigger(), wrong_coin); }), "which is on ETH");
  Trigger three(3);
  three.add(Calendar{1});
  CHECK_HAS(check::complaint([&] { Engine(d.book, d.market, {}, std::move(three), {}); }), "3 underlyings");
  const auto other = std::make_shared<Market>(std::make_shared<const Instruments>(columns(10, 1)));
  CHECK_HAS(check::complaint([&] { Engine(d.book, other, {}, trigger(), {}); }), "different Instruments");
}
