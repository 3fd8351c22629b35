/// Compiled once for each instruction set, with LIBMVEC_LOOP as the name and the flags of CMakeLists.txt: what somebody
/// writes who knows the formula, the compiler's flags and libmvec, and stops there.
#include "libmvec_loop.hpp"

#include <cmath>

void LIBMVEC_LOOP(const double* const in[6], double* const out[6], std::size_t rows) {
  const double* __restrict forward = in[0], * __restrict strike = in[1], * __restrict vol = in[2], * __restrict years = in[3], * __restrict phi = in[4], * __restrict rate = in[5];
  double* __restrict value = out[0], * __restrict delta = out[1], * __restrict gamma = out[2], * __restrict vega = out[3], * __restrict theta = out[4], * __restrict rho = out[5];
  constexpr double kInverseRoot2 = 0.70710678118654752440, kInverseRoot2Pi = 0.39894228040143267794;
#pragma omp simd
  for (std::size_t i = 0; i < rows; ++i) {
    const double root = std::sqrt(years[i]), s = vol[i] * root;
    const double d1 = std::log(forward[i] / strike[i]) / s + 0.5 * s, d2 = d1 - s;
    const double discount = std::exp(-rate[i] * years[i]);
    const double density = discount * kInverseRoot2Pi * std::exp(-0.5 * d1 * d1);
    const double p1 = 0.5 * std::erfc(-phi[i] * d1 * kInverseRoot2), p2 = 0.5 * std::erfc(-phi[i] * d2 * kInverseRoot2);
    const double v = discount * phi[i] * (forward[i] * p1 - strike[i] * p2);
    value[i] = v;
    delta[i] = discount * phi[i] * p1;
    gamma[i] = density / (forward[i] * s);
    vega[i] = forward[i] * density * root;
    theta[i] = rate[i] * v - forward[i] * density * vol[i] / (2.0 * root);
    rho[i] = -years[i] * v;
  }
}
