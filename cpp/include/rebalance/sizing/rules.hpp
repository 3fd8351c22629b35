/// Rules that size one exposure step by step: CPPI, a fixed fraction of equity, a volatility target.
///
/// Each rule is a few numbers and a formula, written once as a template on V (simd/vec.hpp): with one double it sizes a
/// live account, with a pack it walks many paths. Only additions, products, quotients, minima and maxima are used, each
/// rounded once, so every instruction set computes the same bits.
///
/// An account that a rule walks pays for itself. Over a step
///
///   equity'   = equity (1 + cash) + exposure (return - carry)       before trading
///   held      = exposure (1 + return)
///   equity''  = equity' - cost |exposure'' - held|                  after trading to exposure''
///
/// carry is what holding the exposure costs: the cash return where it is paid for (spot), funding where it is not
/// (perpetuals). What a rule wants is measured on the equity after its own trading costs.
#pragma once

#include <cstddef>

#include "rebalance/simd/vec.hpp"

namespace rebalance::sizing {

/// What all paths share over one step, as fractions per step.
struct StepReturns {
  double cash = 0.0;   ///< on equity
  double carry = 0.0;  ///< on the exposure, paid
  double floor = 0.0;  ///< by which a floor grows
};

/// The exposure E that is slope times the equity after costs, less a constant:
/// E = slope (V - cost |E - held|) - constant. With E0 = slope V - constant known, this is linear on each side of held.
struct AfterCosts {
  double paid = 0.0;  ///< slope cost; in (-1, 1)
  double buying = 1.0, selling = 1.0;

  AfterCosts() = default;
  AfterCosts(double slope, double cost)
      : paid(slope * cost), buying(1.0 / (1.0 + slope * cost)), selling(1.0 / (1.0 - slope * cost)) {}

  template <class V>
  REBALANCE_INLINE V operator()(V before_costs, V held) const {
    const V saved = V(paid) * held;
    return select(before_costs > held, (before_costs + saved) * V(buying), (before_costs - saved) * V(selling));
  }
};

/// Constant proportion portfolio insurance: exposure = multiplier x (equity - floor), at least 0 and at most
/// max_leverage x equity.
///
/// The floor grows as it is told and is never below ratchet x equity as that was at any step: it rises with the equity
/// and does not come down with it. With a band, an exposure between lower and upper times the wanted one is left alone
/// unless it exceeds the leverage cap.
/// From   Black and Jones (1987), J. Portfolio Management 14(1); Black and Perold (1992), J. Econ. Dynamics and Control
///        16; the ratchet: Estep and Kritzman (1988), J. Portfolio Management 14(4).
struct Cppi {
  static constexpr std::size_t kStates = 3, kOutputs = 3;
  enum State : std::size_t { equity, exposure, floor };

  double multiplier = 1.0;          ///< above 0
  double max_leverage = 1.0;        ///< above 0; exposure over equity
  double ratchet = 0.0;             ///< in [0, 1)
  double lower = 1.0, upper = 1.0;  ///< of the wanted exposure; lower in [0, 1], upper at least 1
  double cost = 0.0;                ///< per unit of quote currency traded
  AfterCosts multiplied, levered;

  Cppi() = default;
  /// Throws std::invalid_argument naming the setting and its value.
  Cppi(double multiplier, double max_leverage, double ratchet, double lower, double upper, double cost);

  /// Trade: equity and exposure are as marked, and the floor grows by a factor.
  template <class V>
  REBALANCE_INLINE void trade(V (&s)[kStates], V growth) const {
    const V held = s[exposure], value = s[equity], cap = V(max_leverage) * value;
    s[floor] = max(s[floor] * growth, V(ratchet) * value);
    const V wanted = max(min(multiplied(V(multiplier) * (value - s[floor]), held), levered(cap, held)), V(0.0));
    const auto keeps = (held >= V(lower) * wanted) & (held <= V(upper) * wanted) & (held <= cap);
    const V after = select(keeps, held, wanted);
    s[equity] = value - V(cost) * abs(after - held);
    // Once more, since the costs were rounded: the cap is a promise.
    s[exposure] = max(min(after, V(max_leverage) * s[equity]), V(0.0));
  }

  template <class V>
  REBALANCE_INLINE void step(V (&s)[kStates], V asset_return, const StepReturns& shared) const {
    s[equity] = s[equity] * V(1.0 + shared.cash) + s[exposure] * (asset_return - V(shared.carry));
    s[exposure] = s[exposure] * (V(1.0) + asset_return);
    trade(s, V(1.0 + shared.floor));
  }

  /// A price cannot fall by more than all of it.
  template <class V>
  REBALANCE_INLINE static auto usable(V asset_return) {
    return (asset_return >= V(-1.0)) & (asset_return < V(kHuge));
  }
  static constexpr double kHuge = 1e300;
};

/// A fixed fraction of equity, restored where the weight has left the band around it. Negative fractions are short.
/// An account without equity holds nothing.
struct FixedFraction {
  static constexpr std::size_t kStates = 2, kOutputs = 2;
  enum State : std::size_t { equity, exposure };

  double fraction = 1.0;
  double band = 0.0;  ///< half-width in points of weight
  double cost = 0.0;  ///< per unit of quote currency traded
  AfterCosts scaled;

  FixedFraction() = default;
  /// Throws std::invalid_argument naming the setting and its value.
  FixedFraction(double fraction, double band, double cost);

  template <class V>
  REBALANCE_INLINE void trade(V (&s)[kStates]) const {
    const V held = s[exposure], value = s[equity], before_costs = V(fraction) * value;
    const V wanted = select(value > V(0.0), scaled(before_costs, held), V(0.0));
    const V after = select((value > V(0.0)) & (abs(held - before_costs) <= V(band) * value), held, wanted);
    s[equity] = value - V(cost) * abs(after - held);
    s[exposure] = after;
  }

  template <class V>
  REBALANCE_INLINE void step(V (&s)[kStates], V asset_return, const StepReturns& shared) const {
    s[equity] = s[equity] * V(1.0 + shared.cash) + s[exposure] * (asset_return - V(shared.carry));
    s[exposure] = s[exposure] * (V(1.0) + asset_return);
    trade(s);
  }

  template <class V>
  REBALANCE_INLINE static auto usable(V asset_return) {
    return Cppi::usable(asset_return);
  }
};

/// Scale = min(cap, target / vol), smoothed, and changed only where it has left a band relative to itself.
///
///   wanted_t = wanted_{t-1} + (1 - smoothing) (min(cap, target / vol_t) - wanted_{t-1})
///   scale_t  = scale_{t-1} if |wanted_t - scale_{t-1}| <= band scale_{t-1}, else wanted_t
///
/// vol_t is a forecast, known before the return that the scale is held over.
struct VolatilityTarget {
  static constexpr std::size_t kStates = 2, kOutputs = 1;
  enum State : std::size_t { scale, wanted };
  static constexpr double kNone = -1.0;  ///< of both states before the first forecast

  double target = 1.0;     ///< above 0; in the unit of the forecasts
  double cap = 1.0;        ///< above 0
  double band = 0.0;       ///< at least 0
  double smoothing = 0.0;  ///< in [0, 1): the share of the scale before that is kept

  VolatilityTarget() = default;
  /// Throws std::invalid_argument naming the setting and its value.
  VolatilityTarget(double target, double cap, double band, double smoothing);

  template <class V>
  REBALANCE_INLINE void step(V (&s)[kStates], V vol, const StepReturns& = {}) const {
    const V raw = min(V(target) / vol, V(cap));
    const auto first = s[scale] < V(0.0);
    // A sum of two roundings may end an ulp above the cap.
    const V smoothed = min(s[wanted] + V(1.0 - smoothing) * (raw - s[wanted]), V(cap));
    s[wanted] = select(first, raw, smoothed);
    const auto keeps = (!first) & (abs(s[wanted] - s[scale]) <= V(band) * s[scale]);
    s[scale] = select(keeps, s[scale], s[wanted]);
  }

  template <class V>
  REBALANCE_INLINE static auto usable(V vol) {
    return (vol >= V(0.0)) & (vol < V(Cppi::kHuge));
  }
};

/// Paths side by side: row t holds step t of every path.
struct PathColumns {
  const double* input;        ///< steps x paths: returns, or forecasts
  const StepReturns* shared;  ///< one per step where shared_step is 1, one for all where it is 0
  std::size_t shared_step;
  const double* start;  ///< one value per state
  double* out[3];       ///< steps x paths, the first kOutputs states
  std::size_t steps, paths;
};

/// Walk every path from one start. False if an input is not usable: what was written is then worth nothing.
[[nodiscard]] bool walk(const Cppi& rule, const PathColumns& c) noexcept;
[[nodiscard]] bool walk(const FixedFraction& rule, const PathColumns& c) noexcept;
[[nodiscard]] bool walk(const VolatilityTarget& rule, const PathColumns& c) noexcept;

}  // namespace rebalance::sizing
