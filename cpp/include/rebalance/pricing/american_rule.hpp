/// The fixed numbers behind american.hpp: where the boundary is asked for, and where the integrals are evaluated.
///
/// All of them are fractions of an option's own time scale, so one table serves every option. They are computed once,
/// before main, by american_rule.cpp.
#pragma once

namespace rebalance::pricing {

/// Collocation at N times and integrals of L points. With xi in (0, 1] the time to expiry is horizon xi^4: the boundary
/// leaves its limit at expiry like sqrt(time), with logarithms, and in xi all of that is smooth enough for a
/// polynomial.
///
///   nodes      xi_i = sin^2(pi i / 2N), i = 1..N (Chebyshev; at xi = 0 the boundary is known)
///   integrals  over [0, tau] as t = tau phi(y), phi' = 12 y (1 - y)^2, Gauss-Legendre in y: the weak singularities at
///              both ends, sqrt(t) at 0 and the boundary's own at tau, are gone
template <int N, int L>
struct CollocationRule {
  static constexpr int kNodes = N, kPoints = L;
  double node[N];       ///< xi_i
  double time[N];       ///< xi_i^4
  double root_time[N];  ///< xi_i^2
  double step[L];       ///< phi_j
  double root_step[L];  ///< sqrt(phi_j)
  double inverse_root_step[L];
  double weight[L];            ///< of dt / tau
  double at[N][L][N];          ///< from the boundary's values at the nodes to its value at time tau_i (1 - phi_j)
  double chebyshev[N + 1][N];  ///< from values at the nodes to coefficients of T_k(2 xi - 1)
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
  using Coarse = CollocationRule<12, 12>;
  using Fine = CollocationRule<32, 20>;
  using Premium = PremiumRule<56>;
  Coarse coarse;
  Fine fine;
  Refinement<32, 12> refinement;
  Premium premium;
  static const AmericanFast kRule;
};

struct AmericanAccurate {
  static constexpr const char* kName = "accurate";
  static constexpr int kCoarseSteps = 4, kFineSteps = 3;
  static constexpr double kMoved = 1e-4;
  using Coarse = CollocationRule<16, 16>;
  using Fine = CollocationRule<48, 32>;
  using Premium = PremiumRule<96>;
  Coarse coarse;
  Fine fine;
  Refinement<48, 16> refinement;
  Premium premium;
  static const AmericanAccurate kRule;
};

}  // namespace rebalance::pricing
