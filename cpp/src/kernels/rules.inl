/// Sizing rules over many paths, and the sums that risk budgets need.
#pragma once

#include <algorithm>

#include "folded.inl"
#include "rebalance/kernels.hpp"
#include "rebalance/sizing/rules.hpp"

namespace rebalance::kernels {

/// Paths whose states are kept at hand (96 KB for three) while their steps go by, row after row. Long pieces of a row
/// are what the prefetchers want: 1000 x 4000 steps of CPPI take 1.5 ns each with 4096 paths at a time, 3 to 5 ns with
/// 256 or 1024 (AVX-512 on Zen 5).
inline constexpr std::size_t kPathBlock = 4096;

/// The paths up to the last whole multiple of kLanes.
template <class V, class Rule>
bool rule_paths(const Rule& rule, const sizing::PathColumns& c) noexcept {
  constexpr std::size_t kWidth = V::kWidth;
  static_assert(kPathBlock % kLanes == 0 && kLanes % kWidth == 0);
  const std::size_t whole = c.paths - c.paths % kLanes;
  auto bad = V(1.0) < V(0.0);
  for (std::size_t first = 0; first < whole; first += kPathBlock) {
    const std::size_t count = std::min(kPathBlock, whole - first);
    double kept[Rule::kStates][kPathBlock];
    for (std::size_t k = 0; k < Rule::kStates; ++k) {
      for (std::size_t j = 0; j < count; ++j) kept[k][j] = c.start[k];
    }
    for (std::size_t t = 0; t < c.steps; ++t) {
      const sizing::StepReturns shared = c.shared[t * c.shared_step];
      const std::size_t row = t * c.paths + first;
      for (std::size_t j = 0; j < count; j += kWidth) {
        const V input = V::load(c.input + row + j);
        bad = bad | !Rule::usable(input);
        V state[Rule::kStates];
        for (std::size_t k = 0; k < Rule::kStates; ++k) state[k] = V::load(kept[k] + j);
        rule.step(state, input, shared);
        for (std::size_t k = 0; k < Rule::kStates; ++k) {
          state[k].store(kept[k] + j);
          if (k < Rule::kOutputs) state[k].store(c.out[k] + row + j);
        }
      }
    }
  }
  return !any(bad);
}

/// sum a_i b_i in sixteen lanes, folded 16 -> 8 -> 4 -> 2 -> 1, and then the products left over in one sum: one order
/// on every instruction set. Products are rounded before they are added, so that the baseline has the same bits.
template <class V>
double dot(const double* a, const double* b, std::size_t n) noexcept {
  constexpr std::size_t kWidth = V::kWidth, kPacks = kSumLanes / kWidth;
  static_assert(kSumRows == 2 * kSumLanes && kSumLanes == 8);
  V low[kPacks], high[kPacks];
  for (std::size_t p = 0; p < kPacks; ++p) low[p] = high[p] = V(0.0);
  std::size_t i = 0;
  for (; i + kSumRows <= n; i += kSumRows) {
#pragma GCC unroll 4
    for (std::size_t p = 0; p < kPacks; ++p) {
      const std::size_t first = i + p * kWidth, second = first + kSumLanes;
      low[p] = low[p] + V::load(a + first) * V::load(b + first);
      high[p] = high[p] + V::load(a + second) * V::load(b + second);
    }
  }
  double rest = 0.0;
  for (; i < n; ++i) rest = rest + a[i] * b[i];
  double lane[kSumLanes];
  for (std::size_t p = 0; p < kPacks; ++p) (low[p] + high[p]).store(lane + p * kWidth);
  return folded(static_cast<const double*>(lane)) + rest;
}

}  // namespace rebalance::kernels
