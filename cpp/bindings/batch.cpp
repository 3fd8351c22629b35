#include "batch.hpp"

#include <algorithm>
#include <thread>
#include <vector>

namespace rebalance::bindings {
namespace {

/// Fewer than kLanes rows: the lanes left over repeat the first row, and their results are dropped.
void price_tail(std::span<const Argument> in, PriceKernel kernel, const Destination& out, npy_intp first,
                npy_intp count) noexcept {
  alignas(64) double rows[kMaxInputs][kLanes], results[kMaxOutputs][kLanes];
  std::uint8_t status[kLanes];
  PriceColumns c{};
  c.rows = kLanes;
  c.status = status;
  for (std::size_t j = 0; j < in.size(); ++j) {
    double gathered[kLanes];
    const double* read = in[j].is_number() ? nullptr : in[j].rows(first, count, gathered);
    const double repeated = read == nullptr ? in[j].number() : read[0];
    for (double& row : rows[j]) row = repeated;
    if (read != nullptr) {
      for (npy_intp i = 1; i < count; ++i) rows[j][i] = read[i];
    }
    c.in[j] = rows[j];
  }
  for (std::size_t j = 0; j < out.columns; ++j) c.out[j] = results[j];
  kernel(c);
  for (std::size_t j = 0; j < out.columns; ++j) {
    double* column = out.column[j] + first;
    for (npy_intp i = 0; i < count; ++i) column[i] = results[j][i];
  }
  for (npy_intp i = 0; i < count; ++i) out.status[first + i] = status[i];
}

/// Rows [first, last), a block at a time.
void price_range(std::span<const Argument> in, PriceKernel kernel, const Destination& out, npy_intp first,
                 npy_intp last) noexcept {
  constexpr npy_intp kBlock = Argument::kBlock;
  const npy_intp tail = (last - first) % static_cast<npy_intp>(kLanes), whole = last - tail;
  if (first < whole) {
    alignas(64) double buffers[kMaxInputs][kBlock];
    for (std::size_t j = 0; j < in.size(); ++j) in[j].fill_number(buffers[j], std::min(kBlock, whole - first));
    const bool direct = std::all_of(in.begin(), in.end(), [](const Argument& a) { return a.is_direct(); });
    const npy_intp step = direct ? whole - first : kBlock;
    for (npy_intp row = first; row < whole; row += step) {
      const npy_intp count = std::min(step, whole - row);
      PriceColumns c{};
      c.rows = static_cast<std::size_t>(count);
      c.status = out.status + row;
      for (std::size_t j = 0; j < in.size(); ++j) c.in[j] = in[j].rows(row, count, buffers[j]);
      for (std::size_t j = 0; j < out.columns; ++j) c.out[j] = out.column[j] + row;
      kernel(c);
    }
  }
  if (tail > 0) price_tail(in, kernel, out, whole, tail);
}

/// Threads that are waited for, whatever happens in between.
struct Workers {
  std::vector<std::thread> threads;
  template <class Work>
  void start(Work work) {
    threads.emplace_back(std::move(work));
  }
  ~Workers() {
    for (std::thread& thread : threads) thread.join();
  }
};

}  // namespace

std::uint8_t price_one(std::span<const Argument> in, PriceKernel kernel, std::size_t outputs, double* out) noexcept {
  alignas(64) double rows[kMaxInputs][kLanes], results[kMaxOutputs][kLanes];
  std::uint8_t status[kLanes];
  PriceColumns c{};
  c.rows = kLanes;
  c.status = status;
  for (std::size_t j = 0; j < in.size(); ++j) {
    in[j].fill_number(rows[j], kLanes);
    c.in[j] = rows[j];
  }
  for (std::size_t j = 0; j < outputs; ++j) c.out[j] = results[j];
  kernel(c);
  for (std::size_t j = 0; j < outputs; ++j) out[j] = results[j][0];
  return status[0];
}

/// The same on several threads, each a run of whole blocks: no row's result depends on where the runs are cut.
void price_all(std::span<const Argument> in, PriceKernel kernel, const Destination& out, long threads) {
  constexpr npy_intp kRowsWorthAThread = 4096, kRowsWorthTheLock = 512;
  const npy_intp most = std::max<npy_intp>(out.rows / kRowsWorthAThread, 1);
  const npy_intp n = std::min<npy_intp>(threads, most);
  if (out.rows < kRowsWorthTheLock) {
    price_range(in, kernel, out, 0, out.rows);
    return;
  }
  const py::gil_scoped_release release;
  const npy_intp run = (out.rows / n + Argument::kBlock) / Argument::kBlock * Argument::kBlock;
  Workers workers;
  for (npy_intp first = run; first < out.rows; first += run) {
    workers.start([&, first] { price_range(in, kernel, out, first, std::min(first + run, out.rows)); });
  }
  price_range(in, kernel, out, 0, std::min(run, out.rows));
}

}  // namespace rebalance::bindings
