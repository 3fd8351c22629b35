/// Black-76 as a plain loop, for a compiler that turns it into vectors with the functions of glibc's libmvec.
#pragma once

#include <cstddef>

/// Columns in: forward, strike, vol, years, phi, rate. Columns out: value, delta, gamma, vega, theta, rho.
using LibmvecLoop = void (*)(const double* const in[6], double* const out[6], std::size_t rows);

void libmvec_loop_avx2(const double* const in[6], double* const out[6], std::size_t rows);
void libmvec_loop_avx512(const double* const in[6], double* const out[6], std::size_t rows);
