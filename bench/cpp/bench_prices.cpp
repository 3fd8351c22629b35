/// How long does one option take, value and Greeks, on each instruction set?
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

double median_ns_per_row(void (*kernel)(const PriceColumns&) noexcept, const PriceColumns& columns) {
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
  std::vector<std::vector<double>> in(7, std::vector<double>(kRows)), out(8, std::vector<double>(kRows));
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
  for (int j = 0; j < 8; ++j) columns.out[j] = out[j].data();
  columns.status = status.data();
  columns.rows = kRows;
  std::printf("%-10s %22s %12s %12s %12s   ns per option, n = %zu\n", "isa", "black76 (rate 0)", "black76", "bsm",
              "inverse", kRows);
  for (const simd::Isa isa : simd::supported_isas()) {
    use_isa(simd::to_string(isa));
    const KernelTable& k = active_kernels();
    std::printf("%-10s %22.2f %12.2f %12.2f %12.2f   %.17g\n", simd::to_string(isa).data(),
                median_ns_per_row(k.black76_undiscounted, columns), median_ns_per_row(k.black76, columns),
                median_ns_per_row(k.bsm, columns), median_ns_per_row(k.inverse, columns), out[0][5]);
  }
}
