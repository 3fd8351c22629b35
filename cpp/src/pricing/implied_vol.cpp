#include "rebalance/pricing/implied_vol.hpp"

#include <cmath>

#include "rebalance/types.hpp"

namespace rebalance::pricing {
namespace {

using S = simd::Vec<simd::Scalar>;

template <Quote kQuote>
RowStatus refuse(const double* in) {
  constexpr bool kNormal = kQuote == Quote::bachelier;
  constexpr int kInputs = kQuote == Quote::inverse ? 5 : 6;
  for (int j = 0; j < kInputs; ++j) {
    if (std::isnan(in[j])) return RowStatus::not_a_number;
  }
  for (int j = 0; j < kInputs; ++j) {
    if (std::isinf(in[j])) return RowStatus::infinite;
  }
  const double forward = in[1], strike = in[2], years = in[3], phi = in[4];
  if (phi != 1.0 && phi != -1.0) return RowStatus::bad_phi;
  if (!kNormal && (forward <= 0.0 || strike <= 0.0)) return RowStatus::nonpositive_price;
  if (years < 0.0) return RowStatus::expired;
  if (years == 0.0) return RowStatus::at_expiry;
  if (kQuote != Quote::inverse && std::fabs(in[5] * years) >= 700.0) return RowStatus::infinite;
  return RowStatus::ok;
}

}  // namespace

template <Quote kQuote>
RowStatus finish_implied_vol(const double* in, double* vol) noexcept {
  using Solver = ImpliedVol<kQuote>;
  *vol = kNaN;
  const RowStatus refused = refuse<kQuote>(in);
  if (refused != RowStatus::ok) return refused;

  // Prices scaled to about 1. A coin price has no scale, and a normal vol has that of its prices.
  const double size = std::fmax(std::fmax(std::fabs(in[1]), std::fabs(in[2])), std::fabs(in[0]));
  const int k = kQuote == Quote::inverse ? -std::ilogb(std::fmax(in[1], in[2])) : -std::ilogb(size);
  S row[Solver::kInputs];
  for (int j = 0; j < Solver::kInputs; ++j) row[j] = in[j];
  if constexpr (kQuote != Quote::inverse) row[0] = std::ldexp(in[0], k);
  row[1] = std::ldexp(in[1], k);
  row[2] = std::ldexp(in[2], k);

  const auto t = Solver::time_value(row);
  constexpr double kRounding = 0x1p-51;
  const bool exact = kQuote == Quote::inverse || in[5] == 0.0;
  const double slack = exact ? 0.0 : kRounding * t.gap.v;
  if (in[0] < 0.0 || t.value.v < -slack) return RowStatus::below_intrinsic;
  if (t.value.v <= 0.0) {
    *vol = 0.0;
    return RowStatus::at_intrinsic;
  }
  implied::Target<S> a = Solver::target(row, t);
  if (!Solver::kNormal && !(t.rest.v > 0.0)) return RowStatus::above_upper_bound;
  const double scale = Solver::kNormal ? std::ldexp(1.0, -k) : 1.0;
  if (a.w.v > Solver::kLeast && std::fmin(row[1].v, row[2].v) > 1e-290) {
    *vol = Solver::evaluate(row, a).v * scale;
    return RowStatus::ok;
  }
  a.log_w = math::log(a.w);
  a.log_rest = math::log(a.rest);
  const S log_w_per_gap = a.log_w - math::log(S(std::fmax(a.gap.v, 5e-324)));
  S s = implied::start<Solver::kNormal>(a, log_w_per_gap);
  for (int i = 0; i < 3; ++i) s = implied::step<Solver::kNormal>(a, s);
  *vol = s.v / std::sqrt(in[3]) * scale;
  return RowStatus::ok;
}

template RowStatus finish_implied_vol<Quote::black76>(const double*, double*) noexcept;
template RowStatus finish_implied_vol<Quote::bachelier>(const double*, double*) noexcept;
template RowStatus finish_implied_vol<Quote::inverse>(const double*, double*) noexcept;

}  // namespace rebalance::pricing
