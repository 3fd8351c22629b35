/// The models that a kernel can loop over, and what each asks of its inputs.
#pragma once

#include "rebalance/pricing/american.hpp"
#include "rebalance/pricing/bachelier.hpp"
#include "rebalance/pricing/black76.hpp"
#include "rebalance/pricing/bsm.hpp"
#include "rebalance/pricing/digital.hpp"
#include "rebalance/pricing/inverse.hpp"
#include "rebalance/status.hpp"

#include <type_traits>

namespace rebalance::pricing {

/// Prices, vols and times inside (kTiny, kHuge) and |rate years| below kMaxExponent go through the kernel. Rows
/// outside are finished one at a time by finish_row, which knows every limit.
inline constexpr double kTiny = 1e-100, kHuge = 1e100, kMaxExponent = 700.0;

template <class Model>
inline constexpr bool kEarlyExercise = false;
template <class Rules>
inline constexpr bool kEarlyExercise<American<Rules>> = true;

/// Models of which some rows need Cancelling::yes.
template <class Model>
inline constexpr bool kCancels = false;
template <>
inline constexpr bool kCancels<Inverse> = true;
template <Payoff kPayoff>
inline constexpr bool kCancels<Digital<kPayoff>> = true;

/// How a model reads its row of inputs, so that one loop and one set of limits serve all of them.
/// The first four inputs of every model are price, strike, vol, years; the fifth is phi.
template <class Model>
struct Traits {
  static constexpr int kInputs = sizeof Model::kInputs / sizeof(char*);
  static constexpr int kOutputs = sizeof Model::kOutputs / sizeof(Greek);
  static constexpr bool kSigned = std::is_same_v<Model, Bachelier>;  ///< prices may be negative
  static constexpr bool kDiscounted = kInputs > 5 && !std::is_same_v<Model, Black76Model<false>>;

  template <class V>
  REBALANCE_INLINE static typename Model::template Inputs<V> inputs(const V* in) {
    if constexpr (kInputs == 5) return {in[0], in[1], in[2], in[3], in[4]};
    if constexpr (kInputs == 6) return {in[0], in[1], in[2], in[3], in[4], in[5]};
    if constexpr (kInputs == 7) return {in[0], in[1], in[2], in[3], in[4], in[5], in[6]};
  }
  template <class V>
  REBALANCE_INLINE static V largest_exponent(const V* in) {
    if constexpr (!kDiscounted) return V(0.0);
    if constexpr (kInputs == 6) return abs(in[5] * in[3]);
    // a maximum may lose a NaN, a sum keeps it
    if constexpr (kInputs == 7) return fma(V(0.0), in[5] + in[6], max(abs(in[5]), abs(in[6])) * in[3]);
  }
  /// `status` is a RowStatus as a number; only models that are solved rather than written down touch it.
  template <int kOrder, Cancelling kCancelling, class V>
  REBALANCE_INLINE static Greeks<V> evaluate(const V* in, [[maybe_unused]] V& status) {
    if constexpr (kCancels<Model>) {
      return Model::template evaluate<kOrder, kCancelling>(inputs(in), math::log_ratio(in[0], in[1]));
    } else if constexpr (kSigned) {
      return Model::template evaluate<kOrder>(inputs(in));
    } else if constexpr (kEarlyExercise<Model>) {
      return Model::evaluate(inputs(in), math::log_ratio(in[0], in[1]), status);
    } else {
      return Model::template evaluate<kOrder>(inputs(in), math::log_ratio(in[0], in[1]));
    }
  }
};

/// True where every input of the row is inside the kernel's domain. NaN is outside.
template <class Model, class V>
REBALANCE_INLINE auto inside_domain(const V* in) {
  const V price = Traits<Model>::kSigned ? abs(in[0]) : in[0], strike = Traits<Model>::kSigned ? abs(in[1]) : in[1];
  const V least = Traits<Model>::kSigned ? min(in[2], in[3]) : min(min(price, strike), min(in[2], in[3]));
  const V sum = (price + strike) + (in[2] + in[3]);  // NaN and infinity stay in a sum; a minimum may lose them
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
///   price or strike <= 0   every output NaN    nonpositive_price (bachelier takes any sign)
///   vol < 0                every output NaN    negative_vol
///   years < 0              every output NaN    expired
///   years = 0              payoff; delta phi in the money, phi/2 at the strike, else 0; gamma, vega 0    at_expiry
///   vol = 0                the same, discounted; theta, rho (and rho_dividend) as the formula's limit    zero_vol
///
/// At both limits the derivatives of order 2 and 3 are those of the payoff away from the strike: charm and dual_delta
/// follow delta and the exercise, speed and gamma of an inverse option its 1/F; the others are 0.
///
/// American options are exercised when that is worth most: years = 0 gives the payoff and the strike as boundary,
/// vol = 0 the largest discounted payoff of all times to expiry, with its derivatives.
///
/// Reads kInputs doubles from `in`, writes the first `outputs` of the model's outputs to `out`.
template <class Model>
RowStatus finish_row(const double* in, double* out, int outputs) noexcept;

}  // namespace rebalance::pricing
