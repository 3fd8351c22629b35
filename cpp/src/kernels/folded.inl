/// Eight lanes to one number, in the order that every instruction set keeps.
#pragma once

#include "rebalance/simd/vec.hpp"

namespace rebalance::kernels {

/// 8 -> 4 -> 2 -> 1.
REBALANCE_INLINE double folded(const double* lane) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

template <class V>
REBALANCE_INLINE double folded(V sum) {
  static_assert(V::kWidth == 8);
  double lane[8];
  sum.store(lane);
  return folded(static_cast<const double*>(lane));
}

}  // namespace rebalance::kernels
