/// Sums and maxima over columns in eight lanes, folded 8 -> 4 -> 2 -> 1: one order on every instruction set, and no
/// chain of additions that each wait for the last.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "rebalance/kernels.hpp"

namespace rebalance::sizing {

/// term(0) + ... + term(n - 1).
template <class Term>
double lane_sum(std::size_t n, Term term) noexcept {
  double lane[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) lane[l] += term(i + l);
  }
  for (std::size_t l = 0; i + l < n; ++l) lane[l] += term(i + l);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/// The largest of |a_0|, ..., |a_n-1|.
inline double largest_size(const double* a, std::size_t n) noexcept {
  double lane[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) lane[l] = std::max(lane[l], std::fabs(a[i + l]));
  }
  for (std::size_t l = 0; i + l < n; ++l) lane[l] = std::max(lane[l], std::fabs(a[i + l]));
  return *std::max_element(lane, lane + kLanes);
}

}  // namespace rebalance::sizing
