#include <cmath>

#include "rebalance/pricing/models.hpp"
#include "rebalance/types.hpp"

namespace rebalance::pricing {
namespace {

using S = simd::Vec<simd::Scalar>;

template <class Model>
constexpr int kOutputs = sizeof(Model::kOutputs) / sizeof(Greek);

/// The first thing wrong with the inputs, or which limit they are, or ok.
template <class Model>
RowStatus classify(const double* in) {
  constexpr int kInputs = Traits<Model>::kInputs;
  for (int j = 0; j < kInputs; ++j) {
    if (std::isnan(in[j])) return RowStatus::not_a_number;
  }
  for (int j = 0; j < kInputs; ++j) {
    if (std::isinf(in[j])) return RowStatus::infinite;
  }
  const double vol = in[2], years = in[3], phi = in[4];
  if (phi != 1.0 && phi != -1.0) return RowStatus::bad_phi;
  if (in[0] <= 0.0 || in[1] <= 0.0) return RowStatus::nonpositive_price;
  if (vol < 0.0) return RowStatus::negative_vol;
  if (years < 0.0) return RowStatus::expired;
  S scalars[kInputs];
  for (int j = 0; j < kInputs; ++j) scalars[j] = in[j];
  if (Traits<Model>::largest_exponent(scalars).v > kMaxExponent) return RowStatus::infinite;
  if (years == 0.0) return RowStatus::at_expiry;
  if (vol * std::sqrt(years) < 1e-300) return RowStatus::zero_vol;
  return RowStatus::ok;
}

/// 1 in the money, 1/2 at the strike, else 0.
double exercised(double asset, double strike, double phi) {
  const double gain = phi * (asset - strike);
  return gain > 0.0 ? 1.0 : gain == 0.0 ? 0.5 : 0.0;
}

double discount_factor(double rate, double years) { return discount(S(rate), S(years)).v; }

Greeks<double> payoff(const Black76Inputs<double>& in) {
  const double d = discount_factor(in.rate, in.years), step = exercised(in.forward, in.strike, in.phi);
  Greeks<double> g{};
  g.value = d * std::fmax(in.phi * (in.forward - in.strike), 0.0);
  g.delta = d * in.phi * step;
  g.theta = in.rate * g.value;
  g.rho = -in.years * g.value;
  return g;
}

Greeks<double> payoff(const Inverse::Inputs<double>& in) {
  const double step = exercised(in.forward, in.strike, in.phi);
  Greeks<double> g{};
  g.value = std::fmax(in.phi * (in.forward - in.strike), 0.0) / in.forward;
  g.delta_pa = in.phi * step * (in.strike / in.forward);
  g.gamma_pa = -2.0 * g.delta_pa;
  g.delta = g.delta_pa / in.forward;
  g.gamma = g.gamma_pa / in.forward / in.forward;
  return g;
}

Greeks<double> payoff(const Bsm::Inputs<double>& in) {
  const double asset_discount = discount_factor(in.dividend_yield, in.years);
  const double asset = in.spot * asset_discount, strike = in.strike * discount_factor(in.rate, in.years);
  const double step = exercised(asset, strike, in.phi);
  Greeks<double> g{};
  g.value = std::fmax(in.phi * (asset - strike), 0.0);
  g.delta = in.phi * asset_discount * step;
  g.theta = in.phi * step * (in.dividend_yield * asset - in.rate * strike);
  g.rho = in.phi * step * in.years * strike;
  g.rho_dividend = -in.phi * step * in.years * asset;
  return g;
}

/// Without vol the best moment to exercise is known today: it is now, at expiry, or where the gain f stands still.
///
///   f(t) = phi (S e^{-qt} - K e^{-rt})     f' = 0 at e^{(r - q) t} = r K / (q S)
///
/// The derivatives are those of f at that moment (envelope theorem); at a moment inside (0, T), which moves with the
/// spot, gamma is -(f_tS)^2 / f_tt. Ties are exercised first. Theta is 0 unless one waits for expiry.
Greeks<double> exercised_at_best(const Bsm::Inputs<double>& in) {
  const double s = in.spot, k = in.strike, r = in.rate, q = in.dividend_yield;
  const auto gain = [&](double t) { return in.phi * (s * discount_factor(q, t) - k * discount_factor(r, t)); };
  double best = 0.0;
  const double still = std::log(r * k / (q * s)) / (r - q);  // NaN or infinite where there is none
  if (still > 0.0 && still < in.years && gain(still) > gain(best)) best = still;
  if (gain(in.years) > gain(best)) best = in.years;

  const double asset = s * discount_factor(q, best), strike = k * discount_factor(r, best);
  const double step = exercised(asset, strike, in.phi), slope = in.phi * step * (r * strike - q * asset);
  Greeks<double> g{};
  g.value = std::fmax(gain(best), 0.0);
  g.delta = in.phi * step * discount_factor(q, best);
  g.theta = best == in.years ? -std::fmax(slope, 0.0) : 0.0;
  g.rho = in.phi * step * best * strike;
  g.rho_dividend = -in.phi * step * best * asset;
  if (best > 0.0 && best < in.years) {
    const double turn = -in.phi * q * discount_factor(q, best);
    g.gamma = -step * turn * turn / (in.phi * (q * q * asset - r * r * strike));
  }
  const bool call = in.phi > 0.0;
  const double rate = call ? q : r, yield = call ? r : q;
  const double limit = rate < yield ? rate / yield : 1.0;
  if (in.years == 0.0) {
    g.boundary = k;
  } else if (rate <= 0.0 && yield >= rate) {
    g.boundary = call ? HUGE_VAL : 0.0;
  } else {
    g.boundary = call ? k / limit : k * limit;
  }
  return g;
}

template <class Model>
constexpr bool kEarlyExercise = false;
template <class Rules>
constexpr bool kEarlyExercise<American<Rules>> = true;

/// The payoff of a row at expiry or without vol.
template <class Model>
Greeks<double> limit(const double* in) {
  if constexpr (kEarlyExercise<Model>) {
    return exercised_at_best(Traits<Model>::inputs(in));
  } else {
    return payoff(Traits<Model>::inputs(in));
  }
}

/// How each derivative scales when all prices are multiplied by 2^k: as 2^(k power).
template <class Model>
int price_power(Greek greek) {
  constexpr bool kCoin = std::is_same_v<Model, Inverse>;
  switch (greek) {
    case Greek::delta: return kCoin ? -1 : 0;
    case Greek::gamma: return kCoin ? -2 : -1;
    case Greek::delta_pa:
    case Greek::gamma_pa: return 0;
    default: return kCoin ? 0 : 1;
  }
}

/// The formula itself for prices, vols or times that the kernel's arithmetic could not hold: prices are scaled to
/// about 1, and a total deviation of a thousand stands for any larger one.
template <class Model>
RowStatus rescaled(const double* in, double* out) {
  constexpr int kInputs = Traits<Model>::kInputs;
  S row[kInputs];
  for (int j = 0; j < kInputs; ++j) row[j] = in[j];
  const int k = -std::ilogb(std::fmax(in[0], in[1]));
  row[0] = std::ldexp(in[0], k);
  row[1] = std::ldexp(in[1], k);
  const double root = std::sqrt(in[3]);
  if (in[2] * root > 1e3) row[2] = 1e3 / root;
  const math::Split<S> x = std::fmin(in[0], in[1]) > 0x1p-1000
                               ? math::log_ratio(S(in[0]), S(in[1]))
                               : math::Split<S>{math::log(S(in[0])).v - math::log(S(in[1])).v, 0.0};
  S status = 0.0;
  Greeks<S> g;
  if constexpr (kEarlyExercise<Model>) {
    g = Model::evaluate(Traits<Model>::inputs(row), x, status);
  } else {
    g = Model::evaluate(Traits<Model>::inputs(row), x);
  }
  for (int j = 0; j < kOutputs<Model>; ++j) {
    out[j] = std::ldexp(g.get(Model::kOutputs[j]).v, -k * price_power<Model>(Model::kOutputs[j]));
  }
  return static_cast<RowStatus>(status.v);
}

}  // namespace

template <class Model>
RowStatus finish_row(const double* in, double* out) noexcept {
  const RowStatus status = classify<Model>(in);
  if (status == RowStatus::ok) return rescaled<Model>(in, out);
  Greeks<double> g{};
  if (has_value(status)) g = limit<Model>(in);
  for (int j = 0; j < kOutputs<Model>; ++j) out[j] = has_value(status) ? g.get(Model::kOutputs[j]) : kNaN;
  return status;
}

template RowStatus finish_row<Black76Model<true>>(const double*, double*) noexcept;
template RowStatus finish_row<Black76Model<false>>(const double*, double*) noexcept;
template RowStatus finish_row<Bsm>(const double*, double*) noexcept;
template RowStatus finish_row<Inverse>(const double*, double*) noexcept;
template RowStatus finish_row<American<AmericanFast>>(const double*, double*) noexcept;
template RowStatus finish_row<American<AmericanAccurate>>(const double*, double*) noexcept;

}  // namespace rebalance::pricing
