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
void rescaled(const double* in, double* out) {
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
  const Greeks<S> g = Model::evaluate(Traits<Model>::inputs(row), x);
  for (int j = 0; j < kOutputs<Model>; ++j) {
    out[j] = std::ldexp(g.get(Model::kOutputs[j]).v, -k * price_power<Model>(Model::kOutputs[j]));
  }
}

}  // namespace

template <class Model>
RowStatus finish_row(const double* in, double* out) noexcept {
  const RowStatus status = classify<Model>(in);
  if (status == RowStatus::ok) {
    rescaled<Model>(in, out);
  } else {
    Greeks<double> g{};
    if (has_value(status)) g = payoff(Traits<Model>::inputs(in));
    for (int j = 0; j < kOutputs<Model>; ++j) {
      out[j] = has_value(status) ? g.get(Model::kOutputs[j]) : kNaN;
    }
  }
  return status;
}

template RowStatus finish_row<Black76Model<true>>(const double*, double*) noexcept;
template RowStatus finish_row<Black76Model<false>>(const double*, double*) noexcept;
template RowStatus finish_row<Bsm>(const double*, double*) noexcept;
template RowStatus finish_row<Inverse>(const double*, double*) noexcept;

}  // namespace rebalance::pricing
