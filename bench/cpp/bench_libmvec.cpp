/// Is the kernel faster than a plain loop that the compiler makes into vectors with glibc's libmvec?
///
/// Value and five Greeks of Black-76 on the same columns, in turns; medians, their ratio, and the largest difference
/// between the two in units of each column's largest entry.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "libmvec_loop.hpp"
#include "rebalance/kernels.hpp"

using namespace rebalance;

namespace {

constexpr std::size_t kRows = 10000 / kLanes * kLanes, kTurns = 501;

using Columns = std::vector<std::vector<double>>;

template <class Work>
double ns_per_row(Work work) {
  const auto start = std::chrono::steady_clock::now();
  for (int pass = 0; pass < 4; ++pass) work();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / 4.0 / static_cast<double>(kRows);
}

double median(std::vector<double>& times) {
  std::nth_element(times.begin(), times.begin() + kTurns / 2, times.end());
  return times[kTurns / 2];
}

double largest_difference(const Columns& a, const Columns& b) {
  double worst = 0.0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    double scale = 0.0, difference = 0.0;
    for (std::size_t i = 0; i < kRows; ++i) {
      scale = std::max(scale, std::abs(a[j][i]));
      difference = std::max(difference, std::abs(a[j][i] - b[j][i]));
    }
    worst = std::max(worst, difference / scale);
  }
  return worst;
}

}  // namespace

int main() {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> u(0.0, 1.0);
  Columns in(6, std::vector<double>(kRows)), ours(6, std::vector<double>(kRows)), theirs = ours;
  std::vector<std::uint8_t> status(kRows);
  for (std::size_t i = 0; i < kRows; ++i) {
    in[0][i] = 60000.0 * (1.0 + 0.1 * u(random));
    in[1][i] = in[0][i] * std::exp(0.8 * (u(random) - 0.5));
    in[2][i] = 0.3 + u(random);
    in[3][i] = 0.003 + u(random);
    in[4][i] = u(random) < 0.5 ? 1.0 : -1.0;
    in[5][i] = 0.05 * u(random);
  }
  PriceColumns columns{};
  const double* loop_in[6];
  double* loop_out[6];
  for (int j = 0; j < 6; ++j) {
    columns.in[j] = loop_in[j] = in[j].data();
    columns.out[j] = ours[j].data();
    loop_out[j] = theirs[j].data();
  }
  columns.status = status.data();
  columns.rows = kRows;
  const struct {
    simd::Isa isa;
    LibmvecLoop loop;
  } pairs[] = {{simd::Isa::avx512, libmvec_loop_avx512}, {simd::Isa::avx2, libmvec_loop_avx2}};
  std::printf("%-10s %10s %10s %8s %12s   value and five Greeks of Black-76, ns per option, n = %zu\n", "isa", "kernel",
              "libmvec", "ratio", "difference", kRows);
  const auto supported = simd::supported_isas();
  for (const auto& [isa, loop] : pairs) {
    if (std::find(supported.begin(), supported.end(), isa) == supported.end()) continue;
    use_isa(simd::to_string(isa));
    const PriceKernel kernel = active_kernels().black76[0];
    std::vector<double> kernel_ns, loop_ns;
    for (std::size_t turn = 0; turn < kTurns; ++turn) {
      kernel_ns.push_back(ns_per_row([&] { kernel(columns); }));
      loop_ns.push_back(ns_per_row([&, run = loop] { run(loop_in, loop_out, kRows); }));
    }
    const double a = median(kernel_ns), b = median(loop_ns);
    std::printf("%-10s %10.2f %10.2f %8.2f %12.1e\n", simd::to_string(isa).data(), a, b, b / a,
                largest_difference(ours, theirs));
  }
}
