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

/// a b / (c d), whatever the exponents: only the result itself may overflow or underflow.
double balanced(double a, double b, double c, double d) {
  int e[4];
  const double mantissa = std::frexp(a, &e[0]) * std::frexp(b, &e[1]) / (std::frexp(c, &e[2]) * std::frexp(d, &e[3]));
  return std::ldexp(mantissa, e[0] + e[1] - e[2] - e[3]);
}

S log_of(double x) { return math::log(S(x)); }

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
  const bool exact = kQuote == Quote::inverse || in[5] == 0.0, in_the_money = in[4] * (in[1] - in[2]) > 0.0;
  const double slack = exact ? 0.0 : kRounding * t.gap.v;
  if (in[0] < 0.0 || t.value.v < -slack) return RowStatus::below_intrinsic;
  // Out of the money all of the price is time value, though it may be too small to be scaled.
  if ((in_the_money ? t.value.v : in[0]) <= 0.0) {
    *vol = 0.0;
    return RowStatus::at_intrinsic;
  }
  implied::Target<S> a = Solver::target(row, t);
  if (!Solver::kNormal && !(t.rest.v > 0.0)) return RowStatus::above_upper_bound;
  const double root = std::sqrt(in[3]), low = Solver::kNormal ? 1.0 : std::fmin(in[1], in[2]);
  const bool scaled = (Solver::kNormal || std::fmin(row[1].v, row[2].v) > 1e-290) && row[0].v > 1e-290;
  const bool solvable = scaled && any(Solver::solvable(a));
  if (in[1] == in[2] && (Solver::kNormal || !solvable)) {
    // v = s n(0): for a normal vol always, else to the last bit for so small an s
    const double unit = kQuote == Quote::inverse ? in[1] : discount(S(-in[5]), S(in[3])).v;
    *vol = balanced(in[0], unit, low * math::kInvSqrt2Pi, root);
  } else if (solvable) {
    *vol = Solver::evaluate(row, a).v;
    if constexpr (Solver::kNormal) *vol = std::ldexp(*vol, -k);
  } else {
    // Logarithms alone, of prices as they came: w is no double any more.
    const S shift = static_cast<double>(k) * (math::kLn2High + math::kLn2Low);
    const S grown = kQuote == Quote::inverse ? log_of(in[1]) : S(in[5] * in[3]);
    const S log_value = in_the_money ? math::log(t.value) - shift : log_of(in[0]) + grown;
    if constexpr (Solver::kNormal) {
      a.log_w = log_value + shift;
    } else {
      a.log_w = log_value - log_of(low);
      a.log_rest = math::log(a.rest);
      a.x = abs(log_of(in[1]) - log_of(in[2]));
    }
    S s = implied::start<Solver::kNormal>(a, a.log_w - math::log(a.gap));
    for (int i = 0; i < 3; ++i) s = implied::step<Solver::kNormal>(a, s);
    *vol = Solver::kNormal ? std::ldexp(s.v / root, -k) : s.v / root;
  }
  if (*vol < HUGE_VAL) return RowStatus::ok;
  *vol = kNaN;
  return RowStatus::infinite;
}

template RowStatus finish_implied_vol<Quote::black76>(const double*, double*) noexcept;
template RowStatus finish_implied_vol<Quote::bachelier>(const double*, double*) noexcept;
template RowStatus finish_implied_vol<Quote::inverse>(const double*, double*) noexcept;

}  // namespace rebalance::pricing
