/// A desk for tests: options on two coins over several expiries, perpetuals, futures and spot.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "rebalance/engine.hpp"

namespace desk {

using namespace rebalance;

inline constexpr Nanos kNow = 1'780'000'000'000'000'000, kDay = 86'400'000'000'000;

struct Desk {
  std::shared_ptr<const Instruments> instruments;
  std::shared_ptr<Market> market;
  std::shared_ptr<Book> book;
  std::unique_ptr<Engine> engine;
};

inline InstrumentColumns columns(std::size_t options, unsigned seed) {
  std::mt19937_64 random(seed);
  const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  InstrumentColumns c;
  c.underlyings = {"BTC", "ETH"};
  const auto add = [&](Kind kind, int u, Nanos expiry, double strike, double phi, double multiplier) {
    c.symbol.push_back(std::to_string(c.kind.size()));
    c.kind.push_back(kind);
    c.underlying.push_back(u);
    c.expiry_ns.push_back(expiry);
    c.strike.push_back(strike);
    c.phi.push_back(phi);
    c.multiplier.push_back(multiplier);
    c.lot_size.push_back(kind == Kind::spot ? 0.001 : 1.0);
    c.taker_fee_bps.push_back(5.0);
  };
  for (int u = 0; u < 2; ++u) {
    add(Kind::inverse_perpetual, u, 0, kNaN, kNaN, 10.0);
    add(Kind::linear_perpetual, u, 0, kNaN, kNaN, 0.01);
    add(Kind::spot, u, 0, kNaN, kNaN, 1.0);
    add(Kind::linear_future, u, kNow + 30 * kDay, kNaN, kNaN, 0.1);
    add(Kind::inverse_future, u, kNow + 30 * kDay, kNaN, kNaN, 10.0);
  }
  for (std::size_t i = 0; i < options; ++i) {
    const int u = static_cast<int>(i % 2);
    const double price = u == 0 ? 60000.0 : 3000.0;
    add(uniform() < 0.5 ? Kind::inverse_option : Kind::linear_option, u,
        kNow + kDay * (1 + 30 * static_cast<Nanos>(i % 5)), price * std::exp(1.2 * (uniform() - 0.5)),
        uniform() < 0.5 ? 1.0 : -1.0, 1.0);
  }
  return c;
}

inline Desk make(std::size_t options, unsigned seed = 5, Action action = Action::to_target) {
  std::mt19937_64 random(seed + 1);
  const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  Desk d;
  d.instruments = std::make_shared<const Instruments>(columns(options, seed));
  d.market = std::make_shared<Market>(d.instruments);
  std::vector<double> quantity, vol;
  for (std::size_t i = 0; i < d.instruments->size(); ++i) {
    quantity.push_back(std::floor(20.0 * uniform()) - 10.0);
    vol.push_back(0.2 + uniform());
  }
  d.market->set_vols(vol, kNow);
  for (std::size_t n = 0; n < d.instruments->n_nodes(); ++n) {
    d.market->set_price(n, (d.instruments->nodes()[n].underlying == 0 ? 60000.0 : 3000.0) * (1.0 + 0.01 * uniform()),
                        kNow);
    d.market->set_rate(n, 0.04 * uniform());
  }
  d.market->set_index(0, 60100.0, kNow);
  d.market->set_index(1, 3010.0, kNow);
  d.book = std::make_shared<Book>(d.instruments, quantity, Column{}, 1e6, std::vector<double>{5.0, 7.0});
  Targets targets;
  targets.delta = {0.0, 1.0};
  targets.vega = {0.0, kNaN};
  Trigger trigger(2);
  trigger.add(Threshold{Quantity::delta, {0.5, 5.0}, {0.0, 0.0}, 0.8});
  trigger.add(DeltaGamma{{1.0, 10.0}, {0.01, 0.01}, 1.0});
  trigger.add(Calendar{3'600'000'000'000});
  trigger.join(Trigger::Step::any, 3);
  EngineSettings settings;
  settings.hedge = {0, 6};
  settings.action = action;
  settings.cost_gate = {1e-3, 1e-3, {0.6, 0.8}};
  d.engine = std::make_unique<Engine>(d.book, d.market, targets, std::move(trigger), settings);
  return d;
}

}  // namespace desk
