/// The models that a kernel can loop over, and what each asks of its inputs.
#pragma once

#include "rebalance/pricing/american.hpp"
#include "rebalance/pricing/black76.hpp"
#include "rebalance/pricing/bsm.hpp"
#include "rebalance/pricing/inverse.hpp"
#include "rebalance/status.hpp"

namespace rebalance::pricing {

/// Prices, vols and times inside (kTiny, kHuge) and |rate years| below kMaxExponent go through the kernel. Rows
/// outside are finished one at a time by finish_row, which knows every limit.
inline constexpr double kTiny = 1e-100, kHuge = 1e100, kMaxExponent = 700.0;

/// How a model's inputs are named, so that one loop and one set of limits serve all of them.
template <class Model>
struct Traits;

template <bool discounted>
struct Traits<Black76Model<discounted>> {
  using Model = Black76Model<discounted>;
  static constexpr int kInputs = 6;
  static constexpr bool kDiscounted = discounted;
  template <class V>
  REBALANCE_INLINE static typename Model::template Inputs<V> inputs(const V* in) {
    return {in[0], in[1], in[2], in[3], in[4], in[5]};
  }
  template <class V>
  REBALANCE_INLINE static V largest_exponent(const V* in) {
    return abs(in[5] * in[3]);
  }
};

template <>
struct Traits<Inverse> {
  using Model = Inverse;
  static constexpr int kInputs = 5;
  static constexpr bool kDiscounted = false;
  template <class V>
  REBALANCE_INLINE static Model::Inputs<V> inputs(const V* in) {
    return {in[0], in[1], in[2], in[3], in[4]};
  }
  template <class V>
  REBALANCE_INLINE static V largest_exponent(const V*) {
    return V(0.0);
  }
};

template <>
struct Traits<Bsm> {
  using Model = Bsm;
  static constexpr int kInputs = 7;
  static constexpr bool kDiscounted = true;
  template <class V>
  REBALANCE_INLINE static Model::Inputs<V> inputs(const V* in) {
    return {in[0], in[1], in[2], in[3], in[4], in[5], in[6]};
  }
  template <class V>
  REBALANCE_INLINE static V largest_exponent(const V* in) {
    // a maximum may lose a NaN, a sum keeps it
    return fma(V(0.0), in[5] + in[6], max(abs(in[5]), abs(in[6])) * in[3]);
  }
};

template <class Rules>
struct Traits<American<Rules>> : Traits<Bsm> {
  using Model = American<Rules>;
};

/// True where every input of the row is inside the kernel's domain. NaN is outside.
/// The first four inputs of every model are price, strike, vol, years; the fifth is phi.
template <class Model, class V>
REBALANCE_INLINE auto inside_domain(const V* in) {
  const V least = min(min(in[0], in[1]), min(in[2], in[3]));
  const V sum = (in[0] + in[1]) + (in[2] + in[3]);  // NaN and infinity stay in a sum; a minimum may lose them
  const auto inside = (least > V(kTiny)) & (sum < V(kHuge)) & (in[4] * in[4] == V(1.0));
  if constexpr (Traits<Model>::kDiscounted) {
    return inside & (Traits<Model>::largest_exponent(in) < V(kMaxExponent));
  } else {
    return inside;
  }
}

/// Whatever the kernel does not do: the limits, the refusals, and prices, vols or times beyond the kernel's domain.
///
///   any input NaN          every output NaN    not_a_number
///   any input infinite     every output NaN    infinite (also where |rate years| exceeds 700)
///   phi not +1 or -1       every output NaN    bad_phi
///   price or strike <= 0   every output NaN    nonpositive_price
///   vol < 0                every output NaN    negative_vol
///   years < 0              every output NaN    expired
///   years = 0              payoff; delta phi in the money, phi/2 at the strike, else 0; gamma, vega 0    at_expiry
///   vol = 0                the same, discounted; theta, rho (and rho_dividend) as the formula's limit    zero_vol
///
/// American options are exercised when that is worth most: years = 0 gives the payoff and the strike as boundary,
/// vol = 0 the largest discounted payoff of all times to expiry, with its derivatives.
///
/// Reads kInputs doubles from `in`, writes one double per output of the model to `out`.
template <class Model>
RowStatus finish_row(const double* in, double* out) noexcept;

}  // namespace rebalance::pricing
