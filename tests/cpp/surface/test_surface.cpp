/// The surface kernels against the same formulas with V = one double, and a market that takes its vols from a surface.
#include "rebalance/surface/surface.hpp"

#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "../check.hpp"
#include "../desk.hpp"
#include "rebalance/math/exp_log.hpp"

using namespace rebalance;
using S = simd::Vec<simd::Scalar>;

namespace {

constexpr std::size_t kRows = 4096;

std::vector<Smile> smiles() {
  std::vector<double> pieces;
  for (int i = 0; i < 20; ++i) pieces.insert(pieces.end(), {0.1 + 0.01 * i, 0.01, 0.0, 0.0});
  return {{0.05, SviParameters{0.01, 0.1, -0.4, 0.02, 0.1}},
          {0.2, SplineParameters{-0.8, 0.9, pieces, -0.2, 0.17}},
          {0.5, SviParameters{0.1, 0.2, -0.3, 0.05, 0.3}},
          {1.0, SviParameters{0.25, 0.25, -0.2, 0.05, 0.4}}};
}

struct Options {
  std::vector<double> forward, strike, years, out[4];
  std::vector<std::uint8_t> status;
  SurfaceColumns columns{};

  explicit Options(const Surface& surface) : forward(kRows), strike(kRows), years(kRows), status(kRows) {
    std::mt19937_64 random(11);
    const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
    const double listed[] = {0.01, 0.05, 0.2, 0.3, 0.5, 1.0, 2.0};
    for (std::size_t i = 0; i < kRows; ++i) {
      forward[i] = 100.0 * std::exp(uniform());
      strike[i] = forward[i] * std::exp(3.0 * (uniform() - 0.5));
      years[i] = i < kRows / 2 ? listed[i * 7 / (kRows / 2)] : listed[random() % 7];  // in runs, then mixed
    }
    const double odd[] = {0.0, -1.0, NAN, INFINITY, 1e-200, 1e200, 5e-324};
    for (std::size_t i = 0; i < 140; ++i) {
      (i % 3 == 0 ? forward : i % 3 == 1 ? strike : years)[random() % kRows] = odd[i % 7];
    }
    for (auto& column : out) column.resize(kRows);
    columns = {.forward = forward.data(),
               .strike = strike.data(),
               .years = years.data(),
               .vol = out[0].data(),
               .dvol_dstrike = out[1].data(),
               .dvol_dforward = out[2].data(),
               .d2vol_dstrike2 = out[3].data(),
               .status = status.data(),
               .rows = kRows,
               .slices = surface.slices(),
               .moneyness_share = 0.7};
  }
};

template <class Work>
void on_every_isa(Work work) {
  const std::string before(simd::to_string(active_kernels().isa));
  for (const simd::Isa isa : simd::supported_isas()) {
    CHECK(use_isa(simd::to_string(isa)));
    work(isa);
  }
  use_isa(before);
}

}  // namespace

TEST("the surface kernel gives the scalar formula's bits, limits and refusals included") {
  const Surface surface(smiles());
  Options o(surface);
  on_every_isa([&](simd::Isa isa) {
    active_kernels().surface(o.columns);
    if (isa == simd::Isa::baseline) return;
    for (std::size_t i = 0; i < kRows; ++i) {
      const double in[3] = {o.forward[i], o.strike[i], o.years[i]};
      double expected[4];
      RowStatus status = finish_surface_row(o.columns, in, expected);
      const bool inside = in[0] > 1e-100 && in[1] > 1e-100 && in[0] + in[1] + in[2] < 1e100 && in[2] > 0.0;
      if (inside && status == RowStatus::ok) {
        const auto slices = surface.slices();
        const S time = std::fmax(in[2], slices.least_years);
        surface::RowSlices<S> near;
        surface::find_slices(slices, time, near);
        const auto v = surface::at_strike(
            surface::vol_slopes(surface::between(near, time, math::log_ratio(S(in[1]), S(in[0])).high), time), S(in[0]),
            S(in[1]), S(0.7));
        expected[0] = v.vol.v;
        expected[1] = v.dvol_dstrike.v;
        expected[2] = v.dvol_dforward.v;
        expected[3] = v.d2vol_dstrike2.v;
      }
      CHECK(o.status[i] == static_cast<std::uint8_t>(status));
      for (int j = 0; j < 4; ++j) CHECK_SAME(o.out[j][i], expected[j]);
    }
  });
}

TEST("a market on a surface gives the same exposures on every fused instruction set") {
  std::vector<double> first;
  on_every_isa([&](simd::Isa isa) {
    if (isa == simd::Isa::baseline) return;
    desk::Desk d = desk::make(700);
    d.market->set_surface(0, std::make_shared<const Surface>(smiles()), 1.0, desk::kNow);
    d.market->move(0, 61'000.0, desk::kNow);
    const Exposure& e = d.engine->tick(desk::kNow).underlyings[0].before;
    CHECK(e.delta_smile != 0.0);
    if (first.empty()) first = {e.delta, e.delta_pa, e.vega, e.delta_smile};
    CHECK_SAME(e.delta, first[0]);
    CHECK_SAME(e.delta_pa, first[1]);
    CHECK_SAME(e.vega, first[2]);
    CHECK_SAME(e.delta_smile, first[3]);
  });
}

TEST("a surface refuses what it cannot hold") {
  const auto refuses = [](const std::vector<Smile>& bad) {
    try {
      const Surface surface(bad);
      return false;
    } catch (const std::invalid_argument&) {
      return true;
    }
  };
  CHECK(refuses({}));
  CHECK(refuses({{0.0, SviParameters{0.01, 0.1, -0.4, 0.02, 0.1}}}));
  CHECK(refuses({{0.1, SviParameters{0.01, 0.1, -1.0, 0.02, 0.1}}}));
  CHECK(refuses({{0.1, SviParameters{0.01, 0.1, 0.0, 0.02, 0.0}}}));
  CHECK(refuses({{0.1, SplineParameters{1.0, -1.0, {0.1, 0.0, 0.0, 0.0}, 0.0, 0.0}}}));
  CHECK(refuses({{0.1, SplineParameters{-1.0, 1.0, {0.1, 0.0, 0.0}, 0.0, 0.0}}}));
}
