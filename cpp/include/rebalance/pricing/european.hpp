/// What all European options share: two legs, one density, two tail probabilities.
///
/// An option exchanges an asset leg A for a strike leg B (Black: F and K; Black-Scholes-Merton: S e^{-qT} and
/// K e^{-rT}). With x = ln(A/B), s = vol sqrt(years), h = x/s:
///
///   d1 = h + s/2     d2 = h - s/2     A n(d1) = B n(d2) = E
///   value = phi (A N(phi d1) - B N(phi d2))
///
/// The difference of the two legs loses all digits of a far or short option, so the out-of-the-money side is formed
/// without it. With z = |h| and Mills' ratio M(y) = N(-y)/n(y) the leg that is nearer to exercise is E M(z - s/2),
/// the other E M(z + s/2), and
///
///   out-of-the-money value = E (M(z - s/2) - M(z + s/2)) = E s slope
///
/// where the slope comes from mills_pair, whose parts do not cancel. In-the-money values add the intrinsic value,
/// in-the-money probabilities are one minus the other side's. For s/2 > z + 0.5 Mills' ratio of a negative argument
/// is left to the complement N(y) = 1 - N(-y), which loses nothing there.
///
/// Error  value, probabilities and density 1e-14 relative wherever they exceed 1e-300 (measured worst 7.5e-15),
///        given A, B, x and s; see black76.hpp, bsm.hpp and inverse.hpp for the models.
/// From   Black (1976), J. Financial Economics 3:167-179. The rearrangement with one Mills' ratio for both legs is
///        in the spirit of Jaeckel (2015), "Let's be rational", Wilmott 75:40-53, section 3.
#pragma once

#include "rebalance/math/normal.hpp"

namespace rebalance::pricing {

/// Total standard deviation: what the rounding of the square root and the product lost, and the inverse.
template <class V>
struct Stddev {
  V high, low, inverse;
};

/// The low part of s = vol sqrt(years), given sqrt(years), s and 1/s as rounded.
template <class V>
REBALANCE_INLINE V stddev_low(V vol, V years, V sqrt_years, V s, V inverse) {
  const V root_low = product_minus(sqrt_years, sqrt_years, years);  // minus what the square root lost, times 2 root
  return fnma(V(0.5) * root_low * vol, vol * inverse, product_minus(vol, sqrt_years, s));
}

/// The parts of one option from which every Greek is read.
template <class V>
struct European {
  V value;              ///< phi (A N(phi d1) - B N(phi d2))
  V asset_probability;  ///< N(phi d1)
  V strike_leg;         ///< B N(phi d2)
};

/// With Rare::yes the complement is a branch of its own: for rows sorted by strike, where it is rare or all there is.
enum class Rare : bool { no, yes };

/// Value and legs from the density at d1.
///
/// asset, strike  the legs A and B
/// intrinsic      |A - B|
/// z, s           |ln(A/B)|/s and s
/// call_side      A <= B: the out-of-the-money option is the call
/// call           the wanted option is the call
template <Rare rare, class V, class Mask>
REBALANCE_INLINE European<V> european(V asset, V strike, V intrinsic, V z, V s, V density, Mask call_side, Mask call) {
  const V half = V(0.5) * s, near = z - half, far = z + half;
  const auto complement = near < V(math::kMillsBegin);
  const V y1 = min(select(complement, -near, near), V(math::kMillsEnd)), y2 = min(far, V(math::kMillsEnd));
  const auto m = math::mills_pair(y1, y2);
  const Mask in_the_money = call_side ^ call;
  const V e = asset * density, scaled = m.inverse * e;
  V value = scaled * (s * m.slope);
  const V tail = (m.inverse * density) * select(call_side, m.at_y1, m.at_y2);
  const V leg = scaled * select(call_side, m.at_y2, m.at_y1);
  Mask asset_flip = in_the_money, strike_flip = in_the_money;
  if (rare == Rare::no || any(complement)) {
    value = select(complement, fnma(scaled, m.at_y1 + m.at_y2, select(call_side, asset, strike)), value);
    asset_flip = asset_flip ^ (complement & call_side);
    strike_flip = strike_flip ^ (complement & !call_side);
  }
  return {select(in_the_money, value + intrinsic, value), select(asset_flip, V(1.0) - tail, tail),
          select(strike_flip, strike - leg, leg)};
}

}  // namespace rebalance::pricing
