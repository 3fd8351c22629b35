#include "rebalance/triggers/band.hpp"

#include <cmath>

#include "rebalance/types.hpp"

namespace rebalance::triggers {
namespace {

using S = simd::Vec<simd::Scalar>;

/// A number of any size: m 2^e with |m| in [1/2, 1), or 0. Products and quotients neither overflow nor lose digits.
struct Scaled {
  double m;
  int e;

  Scaled(double mantissa, int exponent = 0) {
    int own = 0;
    m = std::frexp(mantissa, &own);
    e = m == 0.0 ? 0 : own + exponent;
  }
  [[nodiscard]] double value() const noexcept { return std::ldexp(m, e); }
  friend Scaled operator*(Scaled a, Scaled b) noexcept { return {a.m * b.m, a.e + b.e}; }
  friend Scaled operator/(Scaled a, Scaled b) noexcept { return {a.m / b.m, a.e - b.e}; }
};

/// x 2^shift with an exponent that n divides, and the rest: the root of the one is found, the other is halved, thirded.
struct Radicand {
  double m;
  int e;
  Radicand(Scaled x, int n) noexcept {
    const int rest = ((x.e % n) + n) % n;
    m = std::ldexp(x.m, rest);
    e = (x.e - rest) / n;
  }
};

[[nodiscard]] Scaled cube_root(Scaled x) noexcept {
  if (x.m == 0.0) return x;
  const Radicand r(x, 3);
  return {math::cube_root(S(r.m)).v, r.e};
}

[[nodiscard]] Scaled fourth_root(Scaled x) noexcept {
  if (x.m == 0.0) return x;
  const Radicand r(x, 4);
  return {std::sqrt(std::sqrt(r.m)), r.e};
}

[[nodiscard]] RowStatus classify(const double* in) noexcept {
  for (int j = 0; j < kBandInputs; ++j) {
    if (std::isnan(in[j])) return RowStatus::not_a_number;
  }
  for (int j = 0; j < kBandInputs; ++j) {
    if (std::isinf(in[j])) return RowStatus::infinite;
  }
  if (in[0] < 0.0) return RowStatus::negative_vol;
  if (in[1] <= 0.0) return RowStatus::nonpositive_penalty;
  if (in[2] < 0.0 || in[3] < 0.0) return RowStatus::negative_cost;
  return in[0] == 0.0 ? RowStatus::zero_vol : RowStatus::ok;
}

/// local_band once more in numbers of any size.
void scaled_band(const double* in, double* out) noexcept {
  const Scaled variance(in[0]), penalty(in[1]), unit = Scaled(12.0) * variance / penalty;
  const Scaled p3 = unit * Scaled(in[2]);
  const Scaled p = cube_root(p3), q = fourth_root(unit * Scaled(in[3]));
  const bool edge = q.m == 0.0 || (p.m != 0.0 && (p / q).value() >= 1.0);
  const Scaled scale = edge ? p : q, ratio = edge ? q / p : p / q;
  const Scaled eta = edge ? cube_root(ratio) : Scaled(1.0), gamma = edge ? Scaled(1.0) : ratio * ratio * ratio;
  const BandShape<S> s = band_shape(S::Mask{edge}, S(eta.value()), S(gamma.value()));

  const Scaled eta2 = eta * eta, sum = scale * Scaled(s.sum.v), gap = scale * eta2 * eta2 * Scaled(s.per_z.v);
  const Scaled half = Scaled(0.5) * scale, a = half * Scaled((s.sum + s.gap).v);
  const Scaled b = half * gamma * Scaled(s.inverse.v);
  const double t = (b / a).value();
  const Scaled a2 = a * a, sixth(1.0 / 6.0), turnover = variance / sum;
  out[0] = a.value();
  out[1] = b.value();
  out[2] = (a2 * Scaled(1.0 + t * t) * sixth).value();
  out[3] = turnover.value();
  out[4] = gap.m == 0.0 ? HUGE_VAL : (turnover / gap).value();
  out[5] = (penalty * a2 * Scaled(1.0 + t + t * t) * sixth).value();
}

}  // namespace

RowStatus finish_band(const double* in, double* out) noexcept {
  const RowStatus status = classify(in);
  const double otherwise = has_value(status) ? 0.0 : kNaN;
  for (int j = 0; j < kBandOutputs; ++j) out[j] = otherwise;
  if (status != RowStatus::ok) return status;
  if (in[2] == 0.0 && in[3] == 0.0) {
    out[3] = out[4] = HUGE_VAL;
  } else {
    scaled_band(in, out);
  }
  return status;
}

}  // namespace rebalance::triggers
