#include "rebalance/pricing/american_rule.hpp"

#include <cmath>

namespace rebalance::pricing {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// Gauss-Legendre on [0, 1]: Newton's method on the Legendre polynomial from Tricomi's estimate of its zeros.
template <int L>
void gauss_legendre(double (&x)[L], double (&w)[L]) {
  for (int i = 0; i < L; ++i) {
    double z = -std::cos(kPi * (i + 0.75) / (L + 0.5)), slope = 1.0;
    for (int step = 0; step < 6; ++step) {
      double p = z, before = 1.0;
      for (int k = 2; k <= L; ++k) {
        const double next = ((2 * k - 1) * z * p - (k - 1) * before) / k;
        before = p;
        p = next;
      }
      slope = L * (z * p - before) / (z * z - 1.0);
      z -= p / slope;
    }
    x[i] = 0.5 * (1.0 + z);
    w[i] = 1.0 / ((1.0 - z * z) * slope * slope);
  }
}

/// Lagrange's polynomials of the given nodes at x.
void lagrange(const double* nodes, int n, double x, double* values) {
  for (int k = 0; k < n; ++k) {
    double product = 1.0;
    for (int m = 0; m < n; ++m) {
      if (m != k) product *= (x - nodes[m]) / (nodes[k] - nodes[m]);
    }
    values[k] = product;
  }
}

/// The points of integral i stand at y_i rest[j].
template <int N, int L>
void fill(FixedPoints<N, L>& points, const double* nodes, double (&rest)[L]) {
  for (int i = 0; i < N; ++i) {
    points.root_time[i] = nodes[i] * nodes[i];
    points.time[i] = points.root_time[i] * points.root_time[i];
  }
  double v[L], w[L];
  gauss_legendre(v, w);
  for (int j = 0; j < L; ++j) {
    const double left = 1.0 - v[j];
    points.step[j] = v[j] * v[j] * (6.0 - 8.0 * v[j] + 3.0 * v[j] * v[j]);
    points.root_step[j] = std::sqrt(points.step[j]);
    points.inverse_root_step[j] = 1.0 / points.root_step[j];
    points.weight[j] = 12.0 * v[j] * left * left * w[j];
    rest[j] = std::sqrt(std::sqrt(left * left * left * (1.0 + 3.0 * v[j])));
  }
}

template <int N, int L>
void fill(StretchedPoints<N, L>& points, const double*, double (&rest)[L]) {
  double v[L], w[L];
  gauss_legendre(v, w);
  for (int j = 0; j < L; ++j) {
    points.gap[j] = v[j] * v[j];
    points.weight[j] = 2.0 * v[j] * w[j];
    rest[j] = (1.0 - v[j]) * (1.0 + v[j]);
  }
}

template <int N, int L, template <int, int> class Points>
void fill(CollocationRule<N, L, Points>& rule) {
  double nodes[N + 1] = {};
  for (int i = 1; i <= N; ++i) {
    const double s = i == N ? 1.0 : std::sin(0.5 * kPi * i / N);
    nodes[i] = rule.node[i - 1] = s * s;
  }
  double rest[L];
  fill(static_cast<Points<N, L>&>(rule), rule.node, rest);
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j < L; ++j) {
      double values[N + 1];
      lagrange(nodes, N + 1, rule.node[i] * rest[j], values);
      for (int k = 0; k < N; ++k) rule.at[i][j][k] = values[k + 1];
    }
  }
  for (int k = 0; k <= N; ++k) {
    for (int i = 1; i <= N; ++i) {
      // node i of the table stands at 2 y - 1 = cos(pi (N - i) / N)
      const double edges = (k == 0 || k == N ? 0.5 : 1.0) * (i == N ? 0.5 : 1.0);
      rule.chebyshev[k][i - 1] = 2.0 / N * edges * std::cos(kPi * ((k * (N - i)) % (2 * N)) / N);
    }
  }
}

template <int P>
void fill(PremiumRule<P>& rule) {
  double v[P], w[P];
  gauss_legendre(v, w);
  for (int j = 0; j < P; ++j) {
    const double rest = 1.0 - v[j];
    rule.position[j] = v[j] * (3.0 + v[j] * (v[j] - 3.0));
    rule.weight[j] = 3.0 * rest * rest * w[j];
  }
}

template <class Rules>
Rules made() {
  Rules rules;
  fill(rules.coarse);
  fill(rules.fine);
  fill(rules.premium);
  for (int i = 0; i < Rules::Fine::kNodes; ++i) {
    lagrange(rules.coarse.node, Rules::Coarse::kNodes, rules.fine.node[i], rules.refinement.from[i]);
  }
  return rules;
}

}  // namespace

const AmericanFast AmericanFast::kRule = made<AmericanFast>();
const AmericanAccurate AmericanAccurate::kRule = made<AmericanAccurate>();

}  // namespace rebalance::pricing
