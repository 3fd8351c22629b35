/// The engine from C++: a coin-settled option book kept at zero delta in coin.
///
/// Built and run with the C++ tests; in a project of your own: target_link_libraries(... rebalance::rebalance).
#include <cstdio>
#include <memory>

#include "rebalance/engine.hpp"

using namespace rebalance;

int main() {
  constexpr Nanos kNow = 1'779'357'850'000'000'000, kExpiry = 1'782'460'800'000'000'000;  // 2026-05-21, 2026-06-26

  InstrumentColumns columns;
  columns.underlyings = {"BTC"};
  columns.symbol = {"BTC-PERP", "BTC-26JUN26-80000-C", "BTC-26JUN26-70000-P"};
  columns.kind = {Kind::inverse_perpetual, Kind::inverse_option, Kind::inverse_option};
  columns.underlying = {0, 0, 0};
  columns.expiry_ns = {0, kExpiry, kExpiry};
  columns.strike = {kNaN, 80'000.0, 70'000.0};
  columns.phi = {kNaN, 1.0, -1.0};
  columns.multiplier = {10.0, 1.0, 1.0};
  columns.taker_fee_bps = {5.0, 3.0, 3.0};
  const auto instruments = std::make_shared<const Instruments>(std::move(columns));

  const auto market = std::make_shared<Market>(instruments);
  market->set_index(0, 77'597.0, kNow);
  for (std::size_t n = 0; n < instruments->n_nodes(); ++n) market->set_price(n, 77'600.0, kNow);
  market->set_vol(1, 0.362, kNow);
  market->set_vol(2, 0.431, kNow);

  const double quantity[] = {0.0, -12.0, -8.0}, coins[] = {2.5};
  const auto book = std::make_shared<Book>(instruments, quantity, Column{}, 0.0, coins, Numeraire::coin);

  Targets targets;
  targets.delta = {0.0};
  Trigger trigger(1);
  trigger.add(Threshold{.quantity = Quantity::delta, .absolute = {0.25}, .relative = {0.0}});
  EngineSettings settings;
  settings.hedge = {0};
  Engine engine(book, market, targets, std::move(trigger), settings);

  for (const double price : {77'600.0, 77'100.0, 79'000.0}) {
    market->move(0, price, kNow);
    const Plan& plan = engine.tick(kNow);
    std::printf("at %.0f: delta %.4f BTC in coin, %zu trades\n", price, plan.underlyings[0].before.delta_pa,
                plan.trades.size());
    for (const Trade& trade : plan.trades) {
      std::printf("  %s %+.0f, leaves %.5f\n", instruments->columns().symbol[trade.instrument].c_str(), trade.size,
                  trade.drift_after);
      book->fill(static_cast<std::size_t>(trade.instrument), trade.size, trade.price, 0.0);
    }
  }
}
