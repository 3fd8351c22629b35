/// The fixed numbers behind american.hpp: where the boundary is asked for, and where the integrals are evaluated.
///
/// All of them are fractions of an option's own time scale, so one table serves every option. They are computed once,
/// before main, by american_rule.cpp.
#pragma once

namespace rebalance::pricing {

/// Collocation at N times and integrals of L points. A clock (american.hpp) tells the time of a node y in (0, 1].
///
///   nodes      y_i = sin^2(pi i / 2N), i = 1..N (Chebyshev; at y = 0 the boundary is known)
///   integrals  over [0, tau_i], at the points of Points
template <int N, int L, template <int, int> class Points>
struct CollocationRule : Points<N, L> {
  static constexpr int kNodes = N, kPoints = L;
  double node[N];              ///< y_i
  double at[N][L][N];          ///< from the boundary's values at the nodes to its value at point j of integral i
  double chebyshev[N + 1][N];  ///< from values at the nodes to coefficients of T_k(2 y - 1)
};

/// One clock for all options: time to expiry = horizon y^4. Where the rate is at least the yield, the boundary leaves
/// its limit at expiry like sqrt(time), with logarithms, and in y all of that is smooth enough for a polynomial.
///
/// t = tau phi(v), phi' = 12 v (1 - v)^2, Gauss-Legendre in v: the weak singularities at both ends, sqrt(t) at 0 and
/// the boundary's own at tau, are gone.
template <int N, int L>
struct FixedPoints {
  static constexpr bool kStretched = false;
  double time[N];       ///< y_i^4
  double root_time[N];  ///< y_i^2
  double step[L];       ///< phi_j
  double root_step[L];  ///< sqrt(phi_j)
  double inverse_root_step[L];
  double weight[L];  ///< of dt / tau
};

/// A clock for each option: points at y_i (1 - v^2), Gauss-Legendre in v, which takes away sqrt(t) at 0.
template <int N, int L>
struct StretchedPoints {
  static constexpr bool kStretched = true;
  double gap[L];     ///< v_j^2
  double weight[L];  ///< of dy / y_i
};

/// From a coarse rule's nodes to a fine rule's.
template <int N, int M>
struct Refinement {
  double from[N][M];
};

/// The premium's own integral, in theta: position and weight of P points on [0, 1], gathered cubically towards 1.
template <int P>
struct PremiumRule {
  static constexpr int kPoints = P;
  double position[P], weight[P];
};

/// What one accuracy uses.
struct AmericanFast {
  static constexpr const char* kName = "fast";
  static constexpr int kCoarseSteps = 3, kFineSteps = 2;
  static constexpr double kMoved =
      2e-3;  ///< the largest last step that counts as solved, relative to b: see american.hpp
  using Coarse = CollocationRule<12, 12, FixedPoints>;
  using Fine = CollocationRule<32, 20, FixedPoints>;
  using Premium = PremiumRule<56>;
  Coarse coarse;
  Fine fine;
  Refinement<32, 12> refinement;
  Premium premium;
  static const AmericanFast kRule;
};

struct AmericanAccurate {
  static constexpr const char* kName = "accurate";
  static constexpr int kCoarseSteps = 5, kFineSteps = 2;
  static constexpr double kMoved = 1e-2;
  using Coarse = CollocationRule<24, 16, StretchedPoints>;
  using Fine = CollocationRule<72, 36, StretchedPoints>;
  using Premium = PremiumRule<96>;
  Coarse coarse;
  Fine fine;
  Refinement<72, 24> refinement;
  Premium premium;
  static const AmericanAccurate kRule;
};

}  // namespace rebalance::pricing
