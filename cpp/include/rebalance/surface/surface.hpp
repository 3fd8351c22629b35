/// A volatility surface: one smile per expiry, total variance linear in time between them.
#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include "rebalance/kernels.hpp"
#include "rebalance/status.hpp"
#include "rebalance/surface/smile.hpp"
#include "rebalance/types.hpp"

namespace rebalance {

/// Raw SVI. `sigma` is the paper's name for what formulas here call q.
struct SviParameters {
  double a, b, rho, m, sigma;
};

/// A cubic spline in k on equal steps from `low` to `high`, straight beyond.
struct SplineParameters {
  double low, high;
  std::vector<double> pieces;  ///< 4 coefficients per piece, of t in [0, 1]
  double left_slope, right_slope;
};

/// The smile of one expiry.
struct Smile {
  double years;
  std::variant<SviParameters, SplineParameters> parameters;
};

/// Smiles as evaluated. The short end has the vol of the first expiry at the same k; the long end the forward variance
/// between the last two.
class Surface {
 public:
  /// Expiries rise. Throws std::invalid_argument that names the expiry and the values.
  explicit Surface(const std::vector<Smile>& smiles);
  Surface(const Surface&) = delete;  // slices point at their pieces
  Surface& operator=(const Surface&) = delete;

  [[nodiscard]] surface::Slices slices() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return slices_.size(); }

 private:
  std::vector<surface::Slice> slices_;
  std::vector<double> pieces_;  ///< of all splines
};

/// Whatever the kernel does not do, one row at a time: the limits, the refusals and prices beyond its domain.
///
///   any input NaN          NaN      not_a_number      (also where the smile has no value)
///   any input infinite     NaN      infinite
///   price or strike <= 0   NaN      nonpositive_price
///   years < 0              NaN      expired
///   years = 0              as just before expiry                at_expiry
///   total variance < 0     NaN      negative_vol
///   total variance = 0     vol and slopes 0                     zero_vol
///
/// `out`: vol, dvol_dstrike, dvol_dforward, d2vol_dstrike2.
RowStatus finish_surface_row(const SurfaceColumns& columns, const double (&in)[3], double (&out)[4]) noexcept;

}  // namespace rebalance
