/// The kernel table: one row of function pointers for each instruction set, chosen once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rebalance/simd/isa.hpp"
#include "rebalance/sizing/rules.hpp"
#include "rebalance/surface/smile.hpp"

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
  const double* vol_slope;       ///< dvol/dk of a smile that moves with the forward; read by remark_smile
  std::size_t blocks;            ///< of kBlockRows each
  double* sums;                  ///< kRemarkSums x kSumLanes per block
};

/// Options on one surface, column by column. `rows` is a multiple of kLanes; outputs may be inputs.
struct SurfaceColumns {
  const double *forward, *strike;  ///< quote currency
  const double* years;             ///< to expiry
  double *vol, *dvol_dstrike, *dvol_dforward, *d2vol_dstrike2;
  std::uint8_t* status;  ///< RowStatus
  std::size_t rows;
  surface::Slices slices;
  double moneyness_share;  ///< dvol_dforward = -moneyness_share dvol/dk / forward
};

/// The option slots of one (underlying, expiry) on one surface. `rows` is a multiple of kBlockRows.
struct SmileColumns {
  const double* log_strike;  ///< ln(strike / anchor)
  double log_forward;        ///< ln(forward / anchor)
  double years;              ///< to expiry, when the surface was made
  surface::Slices slices;
  double* vol;    ///< NaN where the surface has none
  double* slope;  ///< dvol/dk
  std::size_t rows;
};

/// Some rows of a dense matrix: row[j] * stride is where the j-th begins. `columns` is a multiple of kLanes.
struct DualRows {
  const double* matrix;
  std::size_t stride;
  const std::int32_t* row;
  std::size_t rows;
  std::size_t columns;
};

/// What one column of the dual solver may do: see sizing/dual_solver.hpp.
struct DualColumns {
  const double *cost_buy, *cost_sell, *inverse_impact;
  const double *low, *high;
  std::size_t columns;
};

/// The assets of a rebalance, column by column, and what they answer to multipliers. `rows` is a multiple of kTileRows;
/// rows left over are inert (empty box, no loadings). Trades x are in weights.
struct TradeColumns {
  double* gradient;                 ///< of the objective and the budget in x, costs apart
  const double* move;               ///< of the gradient, per unit of step
  const double *buy, *sell;         ///< cost per unit bought and sold
  const double* curvature;          ///< above 0
  const double* inverse_curvature;  ///< 1 / curvature
  const double* root;               ///< 1.5 times the coefficient of |x|^1.5
  const double *lower, *upper;      ///< of x
  const double* held;               ///< weight before the trade
  double* trade;
  double* root_response;  ///< sqrt(-dx/dgradient)
  std::size_t rows;
};

/// What the multipliers ask of every asset alike.
struct TradePrices {
  double step;      ///< along `move`
  double turnover;  ///< per unit of |x|
  double leverage;  ///< per unit of |held + x|
};

struct TradeSums {
  double along = 0.0;     ///< x times move
  double total = 0.0;     ///< x
  double turnover = 0.0;  ///< |x|
  double leverage = 0.0;  ///< |held + x|; 0 from kernels without leverage
};

struct AccountColumns {
  const double *trade, *held, *deviation, *buy, *sell, *power, *quadratic, *specific, *alpha;
  std::size_t rows;
};

struct AccountSums {
  double linear, impact, specific, alpha, leverage;
};

/// The free assets and where their Newton matrix goes.
struct NewtonColumns {
  const double* rows;       ///< width numbers an asset: loadings, then zeros
  const std::size_t* free;  ///< which assets
  std::size_t count;        ///< of them
  std::size_t n_factors;
  std::size_t size;   ///< n_factors + 1, 2 or 3: with the budget, turnover, leverage
  std::size_t width;  ///< size rounded up to kLanes
  const double *root_response, *trade, *held;
  double* packed;  ///< kNewtonChunk x width
  double* matrix;  ///< width x width
};

/// Assets whose loadings stand together, factor by factor; and those that are packed for the Newton matrix at a time.
inline constexpr std::size_t kTileRows = 32, kNewtonChunk = 64;

/// The loops of the rebalance optimum; see kernels/rebalance.inl. [power cost][leverage cap].
struct RebalanceKernels {
  void (*along[2][2])(const TradeColumns&, const TradePrices&, TradeSums&) noexcept;
  void (*respond[2][2])(const TradeColumns&, const TradePrices&, TradeSums&) noexcept;
  void (*account)(const AccountColumns&, AccountSums&) noexcept;
  void (*to_assets)(const double* tiles, std::size_t n_factors, std::size_t rows, const double* d, double shift,
                    double* out) noexcept;
  void (*to_factors)(const double* tiles, std::size_t n_factors, std::size_t rows, const double* x, double* lanes,
                     double* out) noexcept;
  void (*factor_rows)(const double* loadings, const double* L, std::size_t n_factors, std::size_t width,
                      std::size_t assets, double* rows) noexcept;
  void (*newton_matrix)(const NewtonColumns&) noexcept;
  void (*newton_factor)(double* matrix, std::size_t size, std::size_t width, double* pivot) noexcept;
  void (*newton_solve)(const double* matrix, std::size_t size, std::size_t width, const double* pivot,
                       double* x) noexcept;
};

/// Rows whose sums are kept together: a changed vol costs one block, not the book.
inline constexpr std::size_t kBlockRows = 32;

/// A block's sums run over this many lanes on every instruction set, so that they have one order: row i goes to lane
/// i mod 16. Lanes i and i + 8 are then added, and eight partial sums of each quantity are left.
inline constexpr std::size_t kSumRows = 16, kSumLanes = 8;

/// What the re-mark kernel adds up, each times the row's weight.
enum RemarkSum : int {
  kSumValue,              ///< undiscounted value
  kSumDelta,              ///< phi N(phi d1)
  kSumDensityOverS,       ///< n(d1) / s
  kSumDensity,            ///< n(d1)
  kSumDensityTimesS,      ///< n(d1) s
  kSumDensityTimesSlope,  ///< n(d1) dvol/dk; 0 from remark
  kRemarkSums
};

/// One model's kernel for each order of derivatives: [0] writes the outputs of order 1, [2] all of them.
using PriceKernel = void (*)(const PriceColumns&) noexcept;
using PriceKernels = std::array<PriceKernel, 3>;

struct KernelTable {
  simd::Isa isa;
  PriceKernels black76, black76_undiscounted, bsm, bachelier, inverse, digital_cash, digital_asset;
  PriceKernel american_fast, american_accurate;                                 ///< order 1
  PriceKernel implied_vol_black76, implied_vol_bachelier, implied_vol_inverse;  ///< see kernels/implied_vol.inl
  PriceKernel local_band;                                                       ///< see kernels/band.inl
  void (*remark)(double forward, double log_forward, const RemarkColumns&) noexcept;
  /// The same where vol moves with the forward.
  void (*remark_smile)(double forward, double log_forward, const RemarkColumns&) noexcept;
  /// The sums of consecutive blocks, added block by block and then folded 8 -> 4 -> 2 -> 1, to kRemarkSums totals.
  void (*add_blocks)(const double* sums, std::size_t blocks, double* totals) noexcept;
  void (*surface)(const SurfaceColumns&) noexcept;
  void (*smile)(const SmileColumns&) noexcept;
  /// Sizing rules on the paths up to the last whole multiple of kLanes; false if an input is not usable.
  bool (*cppi)(const sizing::Cppi&, const sizing::PathColumns&) noexcept;
  bool (*fixed_fraction)(const sizing::FixedFraction&, const sizing::PathColumns&) noexcept;
  bool (*volatility_target)(const sizing::VolatilityTarget&, const sizing::PathColumns&) noexcept;
  /// sum a_i b_i, any n; see kernels/rules.inl
  double (*dot)(const double* a, const double* b, std::size_t n) noexcept;

  // the dual solver's loops over columns, see kernels/dual.inl
  void (*dual_slopes)(const DualRows& a, const double* w, double* t) noexcept;
  double (*dual_response)(const DualColumns& c, const double* t, const double* tau, double step, double* x,
                          double* weight) noexcept;
  void (*dual_products)(const DualRows& a, const double* x, double* out) noexcept;
  void (*dual_gram)(const DualRows& a, const double* weight, double* gram) noexcept;
  RebalanceKernels rebalance;

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
