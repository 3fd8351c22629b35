#include "rebalance/surface/surface.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "rebalance/math/exp_log.hpp"

namespace rebalance {
namespace {

using S = simd::Vec<simd::Scalar>;
using surface::Slice;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(std::size_t smile, const std::string& what) {
  throw std::invalid_argument("smile " + std::to_string(smile) + ": " + what);
}

void check_years(const std::vector<Smile>& smiles) {
  for (std::size_t i = 0; i < smiles.size(); ++i) {
    const std::string years = "years[" + std::to_string(i) + "]", value = std::to_string(smiles[i].years);
    if (!(smiles[i].years > 0.0 && std::isfinite(smiles[i].years))) {
      throw std::invalid_argument(years + " must be above 0 and finite, got " + value);
    }
    if (i > 0 && !(smiles[i].years > smiles[i - 1].years)) {
      throw std::invalid_argument("years must rise, but " + years + " is " + value + " after " +
                                  std::to_string(smiles[i - 1].years));
    }
  }
}

void check(std::size_t i, const SviParameters& p) {
  for (const double x : {p.a, p.b, p.rho, p.m, p.sigma}) {
    if (!std::isfinite(x)) refuse(i, "SVI parameters must be finite, got " + std::to_string(x));
  }
  if (!(p.b >= 0.0)) refuse(i, "b must be at least 0, got " + std::to_string(p.b));
  if (!(std::fabs(p.rho) < 1.0)) refuse(i, "|rho| must be below 1, got rho " + std::to_string(p.rho));
  if (!(p.sigma > 0.0)) refuse(i, "sigma must be above 0, got " + std::to_string(p.sigma));
}

void check(std::size_t i, const SplineParameters& p) {
  if (!(p.low < p.high)) {
    refuse(i, "low must be below high, got " + std::to_string(p.low) + " and " + std::to_string(p.high));
  }
  if (p.pieces.empty() || p.pieces.size() % 4 != 0) {
    refuse(i, "a spline has 4 coefficients per piece, got " + std::to_string(p.pieces.size()) + " in all");
  }
  for (const double x : {p.low, p.high, p.left_slope, p.right_slope}) {
    if (!std::isfinite(x)) refuse(i, "ends and slopes must be finite, got " + std::to_string(x));
  }
  for (const double x : p.pieces) {
    if (!std::isfinite(x)) refuse(i, "spline coefficients must be finite, got " + std::to_string(x));
  }
}

void put(Slice& s, const SviParameters& p) {
  s.field[surface::kA] = p.a;
  s.field[surface::kB] = p.b;
  s.field[surface::kRho] = p.rho;
  s.field[surface::kM] = p.m;
  s.field[surface::kQ2] = p.sigma * p.sigma;
  // A spline that nobody reads, for packs that hold both kinds.
  s.field[surface::kHigh] = s.field[surface::kPerStep] = 1.0;
}

void put(Slice& s, const SplineParameters& p) {
  const auto n = static_cast<double>(p.pieces.size() / 4);
  s.field[surface::kQ2] = 1.0;
  s.field[surface::kIsSpline] = 1.0;
  s.field[surface::kLow] = p.low;
  s.field[surface::kHigh] = p.high;
  s.field[surface::kPerStep] = n / (p.high - p.low);
  s.field[surface::kLastPiece] = n - 1.0;
  s.field[surface::kLeftSlope] = p.left_slope;
  s.field[surface::kRightSlope] = p.right_slope;
}

}  // namespace

Surface::Surface(const std::vector<Smile>& smiles) : slices_(smiles.size()) {
  if (smiles.empty()) throw std::invalid_argument("a surface needs at least one expiry, got 0");
  check_years(smiles);
  std::vector<std::size_t> first_piece;
  pieces_.assign(4, 0.0);  // of every SVI slice
  for (std::size_t i = 0; i < smiles.size(); ++i) {
    std::visit([&](const auto& p) { check(i, p), put(slices_[i], p); }, smiles[i].parameters);
    const auto* spline = std::get_if<SplineParameters>(&smiles[i].parameters);
    first_piece.push_back(spline == nullptr ? 0 : pieces_.size());
    if (spline != nullptr) pieces_.insert(pieces_.end(), spline->pieces.begin(), spline->pieces.end());
  }
  const std::size_t last = smiles.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    Slice& s = slices_[i];
    s.pieces = pieces_.data() + first_piece[i];
    s.far = last == 0 ? 0 : i < last ? 1 : -1;
    const double gap = smiles[i + static_cast<std::size_t>(s.far)].years - smiles[i].years;
    s.field[surface::kYears] = smiles[i].years;
    s.field[surface::kPerGap] = last == 0 ? 0.0 : 1.0 / gap;
  }
}

surface::Slices Surface::slices() const noexcept {
  const double first = slices_.front().field[surface::kYears];
  return {slices_.data(), slices_.size(), first, slices_.size() == 1 ? first : kInfinity};
}

RowStatus finish_surface_row(const SurfaceColumns& c, const double (&in)[3], double (&out)[4]) noexcept {
  std::fill(out, out + 4, kNaN);
  const double forward = in[0], strike = in[1], years = in[2];
  if (std::isnan(forward) || std::isnan(strike) || std::isnan(years)) return RowStatus::not_a_number;
  if (std::isinf(forward) || std::isinf(strike) || std::isinf(years)) return RowStatus::infinite;
  if (!(forward > 0.0 && strike > 0.0)) return RowStatus::nonpositive_price;
  if (years < 0.0) return RowStatus::expired;

  const S time = std::clamp(years, c.slices.least_years, c.slices.most_years);
  const S k = math::log(S(strike)) - math::log(S(forward));
  surface::RowSlices<S> near;
  surface::find_slices(c.slices, time, near);
  const auto t = surface::between(near, time, k);
  if (std::isnan(t.w.v)) return RowStatus::not_a_number;
  if (std::isinf(t.w.v)) return RowStatus::infinite;
  if (t.w.v < 0.0) return RowStatus::negative_vol;
  if (t.w.v == 0.0) {
    std::fill(out, out + 4, 0.0);
    return RowStatus::zero_vol;
  }
  const auto v = surface::vol_slopes(t, time);
  // Divided one after the other: the product of two prices may be out of range where each is not.
  const double per_strike = v.slope.v / strike;
  out[0] = v.vol.v;
  out[1] = per_strike;
  out[2] = -(c.moneyness_share * (v.slope.v / forward));
  out[3] = (v.curvature.v - v.slope.v) / strike / strike;
  return years == 0.0 ? RowStatus::at_expiry : RowStatus::ok;
}

}  // namespace rebalance
