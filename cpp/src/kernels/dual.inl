/// The loops of the dual solver that run over its columns (sizing/dual_solver.hpp). Every sum has eight partial sums,
/// one a lane, folded 8 -> 4 -> 2 -> 1, so that all instruction sets add in one order.
#pragma once

#include "folded.inl"
#include "rebalance/kernels.hpp"
#include "rebalance/simd/pack.hpp"

namespace rebalance::kernels {

/// t = sum_j w_j a_j.
template <class V>
void dual_slopes(const DualRows& a, const double* w, double* t) noexcept {
  for (std::size_t i = 0; i < a.columns; i += V::kWidth) {
    V sum = 0.0;
    for (std::size_t j = 0; j < a.rows; ++j) {
      const auto row = static_cast<std::size_t>(a.row[j]);
      sum = fma(V(w[row]), V::load(a.matrix + row * a.stride + i), sum);
    }
    sum.store(t + i);
  }
}

/// Where each column goes at slope t + step tau, and 1 / impact where it may still move; returns sum tau x.
template <class V>
double dual_response(const DualColumns& c, const double* t, const double* tau, double step, double* x,
                     double* weight) noexcept {
  V sum = 0.0;
  const V zero = 0.0;
  for (std::size_t i = 0; i < c.columns; i += V::kWidth) {
    const V slope = V::load(tau + i), at = fma(V(step), slope, V::load(t + i));
    const V wanted = max(-at - V::load(c.cost_buy + i), zero) - max(at - V::load(c.cost_sell + i), zero);
    const V low = V::load(c.low + i), high = V::load(c.high + i), inverse_impact = V::load(c.inverse_impact + i);
    const V to = min(max(wanted * inverse_impact, low), high);
    const auto free = (!(wanted == zero)) & (to > low) & (to < high);
    to.store(x + i);
    select(free, inverse_impact, zero).store(weight + i);
    sum = fma(slope, to, sum);
  }
  return folded(sum);
}

/// out_j = a_j x.
template <class V>
void dual_products(const DualRows& a, const double* x, double* out) noexcept {
  for (std::size_t j = 0; j < a.rows; ++j) {
    const auto row = static_cast<std::size_t>(a.row[j]);
    V sum = 0.0;
    for (std::size_t i = 0; i < a.columns; i += V::kWidth) {
      sum = fma(V::load(a.matrix + row * a.stride + i), V::load(x + i), sum);
    }
    out[row] = folded(sum);
  }
}

/// The lower triangle of sum_i weight_i a_ji a_ki, row after row, `a.rows` numbers apart.
template <class V>
void dual_gram(const DualRows& a, const double* weight, double* gram) noexcept {
  for (std::size_t j = 0; j < a.rows; ++j) {
    const double* left = a.matrix + static_cast<std::size_t>(a.row[j]) * a.stride;
    for (std::size_t k = 0; k <= j; ++k) {
      const double* right = a.matrix + static_cast<std::size_t>(a.row[k]) * a.stride;
      V sum = 0.0;
      for (std::size_t i = 0; i < a.columns; i += V::kWidth) {
        sum = fma(V::load(left + i) * V::load(weight + i), V::load(right + i), sum);
      }
      gram[j * a.rows + k] = folded(sum);
    }
  }
}

}  // namespace rebalance::kernels
