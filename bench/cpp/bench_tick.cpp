/// How long does a strategy wait for its plan?
///
/// A book of options on one underlying (twelve expiries, half inverse), delta-hedged with a perpetual inside a band.
/// Each tick moves the underlying, then asks. Percentiles over many ticks, timed one by one in here.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "rebalance/engine.hpp"
#include "rebalance/kernels.hpp"

using namespace rebalance;

namespace {

constexpr Nanos kNow = 1'780'000'000'000'000'000, kDay = 86'400'000'000'000;

struct Desk {
  std::shared_ptr<const Instruments> instruments;
  std::shared_ptr<Market> market;
  std::shared_ptr<Book> book;
  std::unique_ptr<Engine> engine;
};

Desk make_desk(std::size_t options) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> u(0.0, 1.0);
  InstrumentColumns c;
  c.underlyings = {"BTC"};
  for (std::size_t i = 0; i <= options; ++i) {
    const bool perpetual = i == options;
    c.symbol.push_back(std::to_string(i));
    c.kind.push_back(perpetual ? Kind::inverse_perpetual : i % 2 != 0 ? Kind::inverse_option : Kind::inverse_option);
    c.underlying.push_back(0);
    c.expiry_ns.push_back(kNow + kDay * static_cast<Nanos>(3 + 30 * (i % 12)));
    c.strike.push_back(60000.0 * std::exp(0.8 * (u(random) - 0.5)));
    c.phi.push_back(u(random) < 0.5 ? 1.0 : -1.0);
    c.multiplier.push_back(perpetual ? 10.0 : 1.0);
    c.lot_size.push_back(1.0);
    c.taker_fee_bps.push_back(5.0);
  }
  Desk d;
  d.instruments = std::make_shared<Instruments>(std::move(c));
  d.market = std::make_shared<Market>(d.instruments);
  std::vector<double> quantity, vol;
  for (std::size_t i = 0; i <= options; ++i) {
    quantity.push_back(i == options ? 0.0 : std::nearbyint(20.0 * (u(random) - 0.5)) / 10.0);
    vol.push_back(0.4 + 0.4 * u(random));
  }
  d.market->set_vols(vol, kNow);
  for (std::size_t n = 0; n < d.instruments->n_nodes(); ++n) d.market->set_price(n, 60000.0, kNow);
  d.market->set_index(0, 60000.0, kNow);
  d.book = std::make_shared<Book>(d.instruments, quantity, Column{}, 0.0, std::vector<double>{100.0}, Numeraire::coin);
  Targets targets;
  targets.delta = {0.0};
  Trigger trigger(1);
  trigger.add(Threshold{Quantity::delta, {0.5}, {0.0}});
  EngineSettings settings;
  settings.hedge = {static_cast<std::int32_t>(options)};
  d.engine = std::make_unique<Engine>(d.book, d.market, targets, std::move(trigger), settings);
  return d;
}

void report(const char* what, std::size_t options, std::vector<double>& ns) {
  std::sort(ns.begin(), ns.end());
  const auto at = [&](double q) { return ns[static_cast<std::size_t>(q * static_cast<double>(ns.size() - 1))]; };
  std::printf("%-10s %-28s %8zu %10.0f %10.0f %10.0f %12.0f\n", simd::to_string(active_kernels().isa).data(), what,
              options, at(0.5), at(0.99), at(0.999), ns.back());
}

template <class Prepare>
std::vector<double> time_ticks(Desk& d, std::size_t ticks, Prepare prepare) {
  std::vector<double> ns;
  ns.reserve(ticks);
  Nanos now = kNow;
  for (std::size_t i = 0; i < ticks; ++i) {
    prepare(i);
    now += 1000;
    const auto start = std::chrono::steady_clock::now();
    d.engine->tick(now);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    if (i >= 100) ns.push_back(took.count());
  }
  return ns;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t ticks = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 20000;
  std::printf("%-10s %-28s %8s %10s %10s %10s %12s   nanoseconds per tick\n", "isa", "tick", "options", "p50", "p99",
              "p99.9", "max");
  for (const simd::Isa isa : simd::supported_isas()) {
    use_isa(simd::to_string(isa));
    for (const std::size_t options : {std::size_t{64}, std::size_t{1000}, std::size_t{10000}}) {
      Desk d = make_desk(options);
      auto moved = time_ticks(d, ticks, [&](std::size_t i) {
        d.market->move(0, 60000.0 * (1.0 + 1e-4 * std::sin(static_cast<double>(i))), kNow);
      });
      report("underlying moved", options, moved);
      auto vol = time_ticks(d, ticks, [&](std::size_t i) { d.market->set_vol(i % options, 0.5, kNow); });
      report("one vol moved", options, vol);
      auto still = time_ticks(d, ticks, [](std::size_t) {});
      report("nothing moved", options, still);
    }
  }
}
