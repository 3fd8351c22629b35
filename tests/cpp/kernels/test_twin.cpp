/// The kernels against the same formulas with V = one double: a vector mistake shows as a different bit.
#include <cmath>
#include <random>
#include <vector>

#include "../check.hpp"
#include "../desk.hpp"
#include "rebalance/kernels.hpp"
#include "rebalance/pricing/implied_vol.hpp"
#include "rebalance/pricing/models.hpp"
#include "rebalance/triggers/band.hpp"

using namespace rebalance;
using S = simd::Vec<simd::Scalar>;

namespace {

constexpr std::size_t kRows = 4096;

bool fused(simd::Isa isa) { return isa != simd::Isa::baseline; }

template <class Work>
void on_every_isa(Work work) {
  const std::string before(simd::to_string(active_kernels().isa));
  for (const simd::Isa isa : simd::supported_isas()) {
    CHECK(use_isa(simd::to_string(isa)));
    work(isa);
  }
  use_isa(before);
}

std::vector<double> points(double low, double high, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<double> x(kRows);
  for (double& v : x) v = low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
  return x;
}

struct Batch {
  std::vector<std::vector<double>> in, out;
  std::vector<std::uint8_t> status;
  PriceColumns columns{};

  explicit Batch(unsigned seed)
      : in(7, std::vector<double>(kRows)), out(20, std::vector<double>(kRows)), status(kRows) {
    std::mt19937_64 random(seed);
    const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
    for (std::size_t i = 0; i < kRows; ++i) {
      const double stddev = std::exp(std::log(1e-4) + uniform() * std::log(1e5)),
                   years = std::exp(-8.0 + 10.0 * uniform());
      in[0][i] = std::exp(20.0 * (uniform() - 0.5));
      in[1][i] = in[0][i] * std::exp(stddev * 12.0 * (uniform() - 0.5));
      in[2][i] = stddev / std::sqrt(years);
      in[3][i] = years;
      in[4][i] = uniform() < 0.5 ? 1.0 : -1.0;
      in[5][i] = 0.2 * (uniform() - 0.5);
      in[6][i] = 0.2 * (uniform() - 0.5);
    }
    // Rows that leave the kernel: limits and refusals among ordinary ones.
    const double odd[] = {0.0, -1.0, NAN, INFINITY, 1e-200, 1e200, 5e-324};
    for (std::size_t i = 0; i < 200; ++i) in[i % 7][random() % kRows] = odd[i % 7 == 4 ? 0 : i % 7];
    for (int j = 0; j < 7; ++j) columns.in[j] = in[j].data();
    for (int j = 0; j < 20; ++j) columns.out[j] = out[j].data();
    columns.status = status.data();
    columns.rows = kRows;
  }
};

template <class Model, int kOrder>
void check_order(PriceKernel (*kernel)()) {
  using Traits = pricing::Traits<Model>;
  constexpr int kInputs = Traits::kInputs, kOutputs = Model::kCounts[kOrder - 1];
  Batch batch(17);
  on_every_isa([&](simd::Isa isa) {
    kernel()(batch.columns);
    if (!fused(isa)) return;
    for (std::size_t i = 0; i < kRows; ++i) {
      double row[kInputs], expected[kOutputs];
      S scalars[kInputs];
      for (int j = 0; j < kInputs; ++j) scalars[j] = row[j] = batch.in[static_cast<std::size_t>(j)][i];
      RowStatus status = RowStatus::ok;
      if (any(pricing::inside_domain<Model>(scalars))) {
        S code = 0.0;
        const auto g =
            Traits::template evaluate<3, pricing::Cancelling::yes>(scalars, code);  // a lower order has the same bits
        status = static_cast<RowStatus>(code.v);
        for (int j = 0; j < kOutputs; ++j) expected[j] = g.get(Model::kOutputs[j]).v;
      } else {
        status = pricing::finish_row<Model>(row, expected, kOutputs);
      }
      CHECK(batch.status[i] == static_cast<std::uint8_t>(status));
      for (int j = 0; j < kOutputs; ++j) CHECK_SAME(batch.out[static_cast<std::size_t>(j)][i], expected[j]);
    }
  });
}

template <class Model, PriceKernels KernelTable::* kKernels>
void check_model() {
  check_order<Model, 1>([] { return (active_kernels().*kKernels)[0]; });
  check_order<Model, 2>([] { return (active_kernels().*kKernels)[1]; });
  check_order<Model, 3>([] { return (active_kernels().*kKernels)[2]; });
}

template <pricing::Quote kQuote>
void check_implied_vol(PriceKernel KernelTable::* kernel) {
  using Solver = pricing::ImpliedVol<kQuote>;
  Batch batch(29);
  auto& price = batch.in[5];  // its own price, and some that no vol gives
  active_kernels().black76_undiscounted[0](batch.columns);
  for (std::size_t i = 0; i < kRows; ++i) {
    price[i] = kQuote == pricing::Quote::inverse ? batch.out[0][i] / batch.in[0][i] : batch.out[0][i];
    if (i % 16 == 3) price[i] *= 3.0;
    if (i % 16 == 5) price[i] *= 0.3;
    if (i % 16 == 7) price[i] = 1e-310;
  }
  batch.in[2].swap(price);  // price, forward, strike, years, phi, rate
  const double* in[] = {batch.in[2].data(), batch.in[0].data(), batch.in[1].data(),
                        batch.in[3].data(), batch.in[4].data(), batch.in[6].data()};
  std::copy(std::begin(in), std::end(in), batch.columns.in);
  on_every_isa([&](simd::Isa isa) {
    (active_kernels().*kernel)(batch.columns);
    if (!fused(isa)) return;
    for (std::size_t i = 0; i < kRows; ++i) {
      double row[Solver::kInputs], expected = 0.0;
      S scalars[Solver::kInputs];
      for (int j = 0; j < Solver::kInputs; ++j) scalars[j] = row[j] = in[j][i];
      const auto value = Solver::time_value(scalars);
      const auto target = Solver::target(scalars, value);
      RowStatus status = RowStatus::ok;
      if (any(Solver::inside(scalars, value, target))) {
        expected = Solver::evaluate(scalars, target).v;
      } else {
        status = pricing::finish_implied_vol<kQuote>(row, &expected);
      }
      CHECK(batch.status[i] == static_cast<std::uint8_t>(status));
      CHECK_SAME(batch.out[0][i], expected);
    }
  });
}

}  // namespace

TEST("exp, log, density and distribution give the scalar formula's bits on every fused instruction set") {
  struct Function {
    void (*KernelTable::*apply)(const double*, double*, std::size_t) noexcept;
    S (*reference)(S);
    double low, high;
  };
  const Function functions[] = {
      {&KernelTable::exp, [](S x) { return math::exp(x); }, -750.0, 715.0},
      {&KernelTable::log, [](S x) { return math::log(x); }, 0.0, 4.0},
      {&KernelTable::normal_density, [](S x) { return math::normal_density(x); }, -40.0, 40.0},
      {&KernelTable::normal_cdf, [](S x) { return math::normal_cdf(x); }, -40.0, 40.0}};
  for (const Function& f : functions) {
    std::vector<double> x = points(f.low, f.high, 3), y(kRows);
    const double odd[] = {0.0, -0.0, NAN, INFINITY, -INFINITY, 5e-324, 1e-310, -1.0};
    std::copy(std::begin(odd), std::end(odd), x.begin());
    on_every_isa([&](simd::Isa isa) {
      (active_kernels().*f.apply)(x.data(), y.data(), kRows);
      for (std::size_t i = 0; fused(isa) && i < kRows; ++i) CHECK_SAME(y[i], f.reference(x[i]).v);
    });
  }
}

TEST("every pricing kernel gives the scalar formula's bits, limits and refusals included") {
  check_model<pricing::Black76Model<true>, &KernelTable::black76>();
  check_model<pricing::Black76Model<false>, &KernelTable::black76_undiscounted>();
  check_model<pricing::Bsm, &KernelTable::bsm>();
  check_model<pricing::Bachelier, &KernelTable::bachelier>();
  check_model<pricing::Inverse, &KernelTable::inverse>();
  check_model<pricing::Digital<pricing::Payoff::cash>, &KernelTable::digital_cash>();
  check_model<pricing::Digital<pricing::Payoff::asset>, &KernelTable::digital_asset>();
  check_order<pricing::American<pricing::AmericanFast>, 1>([] { return active_kernels().american_fast; });
}

TEST("implied vol gives the scalar formula's bits, refusals included") {
  check_implied_vol<pricing::Quote::black76>(&KernelTable::implied_vol_black76);
  check_implied_vol<pricing::Quote::bachelier>(&KernelTable::implied_vol_bachelier);
  check_implied_vol<pricing::Quote::inverse>(&KernelTable::implied_vol_inverse);
}

TEST("bands give the scalar formula's bits, refusals and numbers of any size included") {
  using namespace triggers;
  Batch batch(31);
  std::mt19937_64 random(32);
  for (std::size_t j = 0; j < kBandInputs; ++j) {
    for (std::size_t i = 0; i < kRows; ++i) {
      const double decades = i % 16 == 3 ? 300.0 : 30.0;
      batch.in[j][i] = std::pow(10.0, decades * (static_cast<double>(random() >> 11) * 0x1p-52 - 1.0));
    }
  }
  for (std::size_t i = 0; i < kRows; i += 5) batch.in[2 + i % 2][i] = 0.0;
  const double odd[] = {0.0, -1.0, NAN, INFINITY, 5e-324};
  for (std::size_t i = 0; i < 200; ++i) batch.in[i % 4][random() % kRows] = odd[i % 5];
  on_every_isa([&](simd::Isa isa) {
    active_kernels().local_band(batch.columns);
    if (!fused(isa)) return;
    for (std::size_t i = 0; i < kRows; ++i) {
      const double row[kBandInputs] = {batch.in[0][i], batch.in[1][i], batch.in[2][i], batch.in[3][i]};
      const BandProblem<S> problem{row[0], row[1], row[2], row[3]};
      double expected[kBandOutputs];
      RowStatus status = RowStatus::ok;
      if (any(inside_band_domain(problem))) {
        const Band<S> band = local_band(problem);
        const S fields[kBandOutputs] = {band.trigger,  band.destination,     band.mean_square,
                                        band.turnover, band.trades_per_year, band.cost_rate};
        for (int j = 0; j < kBandOutputs; ++j) expected[j] = fields[j].v;
      } else {
        status = finish_band(row, expected);
      }
      CHECK(batch.status[i] == static_cast<std::uint8_t>(status));
      for (int j = 0; j < kBandOutputs; ++j) CHECK_SAME(batch.out[static_cast<std::size_t>(j)][i], expected[j]);
    }
  });
}

TEST("a rate of 0 gives the same bits with and without the discount factor") {
  Batch with(23), without(23);
  for (double& rate : with.in[5]) rate = 0.0;
  for (double& rate : without.in[5]) rate = 0.0;
  on_every_isa([&](simd::Isa) {
    active_kernels().black76[2](with.columns);
    active_kernels().black76_undiscounted[2](without.columns);
    for (std::size_t j = 0; j < 16; ++j) {
      for (std::size_t i = 0; i < kRows; ++i) CHECK(with.out[j][i] == without.out[j][i] || std::isnan(with.out[j][i]));
    }
  });
}

TEST("a whole tick gives the same bits on every fused instruction set") {
  std::vector<double> first;
  on_every_isa([&](simd::Isa isa) {
    if (!fused(isa)) return;
    desk::Desk d = desk::make(700);
    const Plan& plan = d.engine->tick(desk::kNow);
    std::vector<double> bits = {plan.equity, plan.cost};
    for (const UnderlyingPlan& u : plan.underlyings) {
      const auto* fields = reinterpret_cast<const double*>(&u.before);
      bits.insert(bits.end(), fields, fields + kExposureFields);
    }
    for (const Trade& t : plan.trades) bits.push_back(t.size);
    if (first.empty()) first = bits;
    CHECK(bits.size() == first.size());
    for (std::size_t i = 0; i < bits.size() && i < first.size(); ++i) CHECK_SAME(bits[i], first[i]);
  });
}
