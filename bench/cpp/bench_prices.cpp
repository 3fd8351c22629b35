/// How long does one option take, value and Greeks of each order, on each instruction set?
///
/// Nanoseconds per option, median of many runs over the same columns; the checksum keeps the work honest.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "rebalance/kernels.hpp"

using namespace rebalance;

namespace {

constexpr std::size_t kRows = 10000 / kLanes * kLanes;

double median_ns_per_row(PriceKernel kernel, const PriceColumns& columns) {
  std::vector<double> times;
  for (int run = 0; run < 301; ++run) {
    const auto start = std::chrono::steady_clock::now();
    kernel(columns);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    times.push_back(took.count() / static_cast<double>(columns.rows));
  }
  std::nth_element(times.begin(), times.begin() + 150, times.end());
  return times[150];
}

}  // namespace

int main() {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> u(0.0, 1.0);
  std::vector<std::vector<double>> in(7, std::vector<double>(kRows)), out(20, std::vector<double>(kRows));
  std::vector<std::uint8_t> status(kRows);
  for (std::size_t i = 0; i < kRows; ++i) {
    in[0][i] = 60000.0 * (1.0 + 0.1 * u(random));
    in[1][i] = in[0][i] * std::exp(0.8 * (u(random) - 0.5));
    in[2][i] = 0.3 + u(random);
    in[3][i] = 0.003 + u(random);
    in[4][i] = u(random) < 0.5 ? 1.0 : -1.0;
    in[5][i] = 0.05 * u(random);
    in[6][i] = 0.02 * u(random);
  }
  PriceColumns columns{};
  for (int j = 0; j < 7; ++j) columns.in[j] = in[j].data();
  for (int j = 0; j < 20; ++j) columns.out[j] = out[j].data();
  columns.status = status.data();
  columns.rows = kRows;
  const struct {
    const char* name;
    PriceKernels KernelTable::* kernels;
  } models[] = {{"black76, rate 0", &KernelTable::black76_undiscounted},
                {"black76", &KernelTable::black76},
                {"bsm", &KernelTable::bsm},
                {"bachelier", &KernelTable::bachelier},
                {"inverse", &KernelTable::inverse},
                {"digital, cash", &KernelTable::digital_cash},
                {"digital, asset", &KernelTable::digital_asset}};
  std::printf("%-10s %-16s %8s %8s %8s   ns per option, n = %zu\n", "isa", "model", "order 1", "order 2", "order 3",
              kRows);
  for (const simd::Isa isa : simd::supported_isas()) {
    use_isa(simd::to_string(isa));
    for (const auto& model : models) {
      std::printf("%-10s %-16s", simd::to_string(isa).data(), model.name);
      for (const PriceKernel kernel : active_kernels().*model.kernels) {
        std::printf(" %8.2f", median_ns_per_row(kernel, columns));
      }
      std::printf("   %.17g\n", out[0][5]);
    }
    active_kernels().black76[0](columns);
    PriceColumns quotes = columns;
    for (int j = 0; j < 6; ++j) quotes.in[j] = columns.in[j == 0 ? 0 : j < 3 ? j - 1 : j];
    quotes.in[0] = out[0].data();
    quotes.out[0] = out[1].data();
    const double ns = median_ns_per_row(active_kernels().implied_vol_black76, quotes);
    std::printf("%-10s %-16s %8.2f %29.17g\n", simd::to_string(isa).data(), "implied vol", ns, out[1][5]);
  }
}
