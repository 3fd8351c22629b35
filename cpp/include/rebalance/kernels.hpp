/// The kernel table: one row of function pointers for each instruction set, chosen once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rebalance/simd/isa.hpp"

namespace rebalance {

/// Columns handed to a kernel are whole multiples of this long.
inline constexpr std::size_t kLanes = 8;

/// One batch of contracts, column by column. `rows` is a multiple of kLanes.
struct PriceColumns {
  const double* in[8];
  double* out[20];
  std::uint8_t* status;  ///< RowStatus
  std::size_t rows;
};

/// The option rows of one (underlying, expiry), and where their sums go. See kernels/remark.inl.
struct RemarkColumns {
  const double* log_strike;      ///< ln(strike / anchor)
  const double* strike;          ///< quote currency
  const double* phi;             ///< +1 call, -1 put
  const double* stddev;          ///< vol sqrt(years), within [1e-12, 100]
  const double* inverse_stddev;  ///< 1 / stddev
  const double* weight;          ///< quantity x multiplier; 0 for inert rows
  std::size_t blocks;            ///< of kBlockRows each
  double* sums;                  ///< kRemarkSums x kSumLanes per block
};

/// Rows whose sums are kept together: a changed vol costs one block, not the book.
inline constexpr std::size_t kBlockRows = 32;

/// A block's sums run over this many lanes on every instruction set, so that they have one order: row i goes to lane
/// i mod 16. Lanes i and i + 8 are then added, and eight partial sums of each quantity are left.
inline constexpr std::size_t kSumRows = 16, kSumLanes = 8;

/// What the re-mark kernel adds up, each times the row's weight.
enum RemarkSum : int {
  kSumValue,          ///< undiscounted value
  kSumDelta,          ///< phi N(phi d1)
  kSumDensityOverS,   ///< n(d1) / s
  kSumDensity,        ///< n(d1)
  kSumDensityTimesS,  ///< n(d1) s
  kRemarkSums
};

struct KernelTable {
  simd::Isa isa;
  void (*black76)(const PriceColumns&) noexcept;
  void (*black76_undiscounted)(const PriceColumns&) noexcept;
  void (*bsm)(const PriceColumns&) noexcept;
  void (*inverse)(const PriceColumns&) noexcept;
  void (*american_fast)(const PriceColumns&) noexcept;
  void (*american_accurate)(const PriceColumns&) noexcept;
  void (*remark)(double forward, double log_forward, const RemarkColumns&) noexcept;
  /// The sums of consecutive blocks, added block by block and then folded 8 -> 4 -> 2 -> 1, to kRemarkSums totals.
  void (*add_blocks)(const double* sums, std::size_t blocks, double* totals) noexcept;

  // one function of one column, for the accuracy tests; rows as in PriceColumns
  void (*exp)(const double* x, double* y, std::size_t rows) noexcept;
  void (*log)(const double* x, double* y, std::size_t rows) noexcept;
  void (*normal_density)(const double* x, double* y, std::size_t rows) noexcept;
  void (*normal_cdf)(const double* x, double* y, std::size_t rows) noexcept;
};

/// The row in use: the best that this processor has, or the one that the environment variable REBALANCE_ISA names.
[[nodiscard]] const KernelTable& active_kernels() noexcept;

/// Use another row from now on; for tests and for users who must avoid wide vectors. Returns false and changes
/// nothing if this processor does not have it. Not to be called while another thread computes.
bool use_isa(std::string_view name) noexcept;

/// Why REBALANCE_ISA was not obeyed; empty if it was, or was not set.
[[nodiscard]] std::string_view isa_complaint() noexcept;

}  // namespace rebalance
