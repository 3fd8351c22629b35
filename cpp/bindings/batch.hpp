/// Whole batches through a kernel: arguments of any strides in, plain columns out, on one thread or several.
#pragma once

#include <array>
#include <span>

#include "broadcast.hpp"
#include "rebalance/kernels.hpp"

namespace rebalance::bindings {

inline constexpr std::size_t kMaxInputs = 8, kMaxOutputs = 20;

/// Where results go, column by column.
struct Destination {
  std::array<double*, kMaxOutputs> column{};
  std::size_t columns = 0;
  std::uint8_t* status = nullptr;
  npy_intp rows = 0;
};

/// Every row, without the interpreter's lock where the work outweighs it. No row's result depends on `threads`.
void price_all(std::span<const Argument> in, PriceKernel kernel, const Destination& out, long threads);

/// One row of numbers; results to `out` in the order of the kernel's outputs.
std::uint8_t price_one(std::span<const Argument> in, PriceKernel kernel, std::size_t outputs, double* out) noexcept;

}  // namespace rebalance::bindings
