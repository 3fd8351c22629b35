#include <cmath>

#include "rebalance/pricing/models.hpp"
#include "rebalance/types.hpp"

namespace rebalance::pricing {
namespace {

using S = simd::Vec<simd::Scalar>;

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
  if (!Traits<Model>::kSigned && (in[0] <= 0.0 || in[1] <= 0.0)) return RowStatus::nonpositive_price;
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

/// What is left of a model when nothing moves any more, or it is time.
template <class Model>
Greeks<double> payoff(const typename Model::template Inputs<double>& in);

Greeks<double> on_forward(const Black76Inputs<double>& in) {
  const double d = discount_factor(in.rate, in.years), step = exercised(in.forward, in.strike, in.phi);
  Greeks<double> g{};
  g.value = d * std::fmax(in.phi * (in.forward - in.strike), 0.0);
  g.delta = d * in.phi * step;
  g.theta = in.rate * g.value;
  g.rho = -in.years * g.value;
  g.charm = in.rate * g.delta;
  g.dual_delta = -g.delta;
  return g;
}

template <>
Greeks<double> payoff<Black76Model<true>>(const Black76Inputs<double>& in) {
  return on_forward(in);
}

template <>
Greeks<double> payoff<Black76Model<false>>(const Black76Inputs<double>& in) {
  return on_forward(in);
}

template <>
Greeks<double> payoff<Bachelier>(const Black76Inputs<double>& in) {
  return on_forward(in);
}

template <>
Greeks<double> payoff<Inverse>(const Inverse::Inputs<double>& in) {
  const double step = exercised(in.forward, in.strike, in.phi);
  Greeks<double> g{};
  g.value = std::fmax(in.phi * (in.forward - in.strike), 0.0) / in.forward;
  g.delta_pa = in.phi * step * (in.strike / in.forward);
  g.gamma_pa = -2.0 * g.delta_pa;
  g.delta = g.delta_pa / in.forward;
  g.gamma = g.gamma_pa / in.forward / in.forward;
  g.dual_delta = -in.phi * step / in.forward;
  g.speed = -3.0 * g.gamma / in.forward;
  return g;
}

/// Spot options: the two legs that are exchanged, each discounted.
struct Legs {
  double asset_discount, strike_discount, asset, strike, step;

  explicit Legs(const Bsm::Inputs<double>& in)
      : asset_discount(discount_factor(in.dividend_yield, in.years)),
        strike_discount(discount_factor(in.rate, in.years)),
        asset(in.spot * asset_discount),
        strike(in.strike * strike_discount),
        step(exercised(asset, strike, in.phi)) {}
};

template <>
Greeks<double> payoff<Bsm>(const Bsm::Inputs<double>& in) {
  const Legs legs(in);
  Greeks<double> g{};
  g.value = std::fmax(in.phi * (legs.asset - legs.strike), 0.0);
  g.delta = in.phi * legs.asset_discount * legs.step;
  g.theta = in.phi * legs.step * (in.dividend_yield * legs.asset - in.rate * legs.strike);
  g.rho = in.phi * legs.step * in.years * legs.strike;
  g.rho_dividend = -in.phi * legs.step * in.years * legs.asset;
  g.charm = in.dividend_yield * g.delta;
  g.dual_delta = -in.phi * legs.strike_discount * legs.step;
  return g;
}

template <>
Greeks<double> payoff<Digital<Payoff::cash>>(const Bsm::Inputs<double>& in) {
  const Legs legs(in);
  Greeks<double> g{};
  g.value = legs.strike_discount * legs.step;
  g.theta = in.rate * g.value;
  g.rho = -in.years * g.value;
  return g;
}

template <>
Greeks<double> payoff<Digital<Payoff::asset>>(const Bsm::Inputs<double>& in) {
  const Legs legs(in);
  Greeks<double> g{};
  g.value = legs.asset * legs.step;
  g.delta = legs.asset_discount * legs.step;
  g.theta = in.dividend_yield * g.value;
  g.rho_dividend = -in.years * g.value;
  g.charm = in.dividend_yield * g.delta;
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

template <>
Greeks<double> payoff<American<AmericanFast>>(const Bsm::Inputs<double>& in) {
  return exercised_at_best(in);
}

template <>
Greeks<double> payoff<American<AmericanAccurate>>(const Bsm::Inputs<double>& in) {
  return exercised_at_best(in);
}

/// How each output scales when all prices are multiplied by 2^k: as 2^(k power). A value in quote currency has power
/// 1, and every derivative in a price takes one away.
template <class Model>
int price_power(Greek greek) {
  constexpr bool kPure = std::is_same_v<Model, Inverse> || std::is_same_v<Model, Digital<Payoff::cash>>;
  constexpr int kValue = kPure ? 0 : 1;
  switch (greek) {
    case Greek::delta_pa:
    case Greek::gamma_pa: return 0;
    case Greek::delta:
    case Greek::vanna:
    case Greek::charm:
    case Greek::dual_delta: return kValue - 1;
    case Greek::gamma:
    case Greek::zomma:
    case Greek::color:
    case Greek::dual_gamma: return kValue - 2;
    case Greek::speed: return kValue - 3;
    default: return kValue;
  }
}

/// The formula itself for prices, vols or times that the kernel's arithmetic could not hold: prices are scaled to
/// about 1, and a total deviation of a thousand stands for any larger one.
template <class Model>
RowStatus rescaled(const double* in, double* out, int outputs) {
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
  } else if constexpr (kCancels<Model>) {
    g = Model::template evaluate<3, Cancelling::yes>(Traits<Model>::inputs(row), x);
  } else {
    g = Model::template evaluate<3>(Traits<Model>::inputs(row), x);
  }
  for (int j = 0; j < outputs; ++j) {
    out[j] = std::ldexp(g.get(Model::kOutputs[j]).v, -k * price_power<Model>(Model::kOutputs[j]));
  }
  return static_cast<RowStatus>(status.v);
}

/// A normal vol is a price too: prices are scaled so that the largest of the three is about 1, and the powers of vol
/// are taken back with them.
int normal_vol_power(Greek greek) {
  switch (greek) {
    case Greek::vega:
    case Greek::veta: return 0;
    case Greek::vanna:
    case Greek::volga: return -1;
    case Greek::zomma:
    case Greek::ultima: return -2;
    default: return price_power<Bachelier>(greek);
  }
}

template <>
RowStatus rescaled<Bachelier>(const double* in, double* out, int outputs) {
  const double root = std::sqrt(in[3]), s = in[2] * root;
  const int k = -std::ilogb(std::fmax(std::fmax(std::fabs(in[0]), std::fabs(in[1])), s));
  S row[6];
  for (int j = 0; j < 6; ++j) row[j] = in[j];
  row[0] = std::ldexp(in[0], k);
  row[1] = std::ldexp(in[1], k);
  row[2] = std::ldexp(in[2], k);
  const Greeks<S> g = Bachelier::evaluate<3>(Traits<Bachelier>::inputs(row));
  for (int j = 0; j < outputs; ++j) {
    out[j] = std::ldexp(g.get(Bachelier::kOutputs[j]).v, -k * normal_vol_power(Bachelier::kOutputs[j]));
  }
  return RowStatus::ok;
}

}  // namespace

template <class Model>
RowStatus finish_row(const double* in, double* out, int outputs) noexcept {
  const RowStatus status = classify<Model>(in);
  if (status == RowStatus::ok) return rescaled<Model>(in, out, outputs);
  Greeks<double> g{};
  if (has_value(status)) g = payoff<Model>(Traits<Model>::inputs(in));
  for (int j = 0; j < outputs; ++j) out[j] = has_value(status) ? g.get(Model::kOutputs[j]) : kNaN;
  return status;
}

template RowStatus finish_row<Black76Model<true>>(const double*, double*, int) noexcept;
template RowStatus finish_row<Black76Model<false>>(const double*, double*, int) noexcept;
template RowStatus finish_row<Bsm>(const double*, double*, int) noexcept;
template RowStatus finish_row<Bachelier>(const double*, double*, int) noexcept;
template RowStatus finish_row<Inverse>(const double*, double*, int) noexcept;
template RowStatus finish_row<Digital<Payoff::cash>>(const double*, double*, int) noexcept;
template RowStatus finish_row<Digital<Payoff::asset>>(const double*, double*, int) noexcept;
template RowStatus finish_row<American<AmericanFast>>(const double*, double*, int) noexcept;
template RowStatus finish_row<American<AmericanAccurate>>(const double*, double*, int) noexcept;

}  // namespace rebalance::pricing
