/// Cube root as a formula on a value type V (see simd/vec.hpp).
#pragma once

#include "rebalance/math/exp_log.hpp"

namespace rebalance::math {

/// x^(1/3) for positive normal x, without a division.
///
///   x = 2^(3n + j) m,  j in {-1, 0, 1}     w near (2^j m)^(-1/3)     e = 1 - 2^j m w^3
///   w (1 + e/3 + 2 e^2/9 + 14 e^3/81) = (2^j m)^(-1/3) to the order of e^4, and the root is 2^j m w^2
///
/// The last step is Newton's on the root itself, with what the root's own square lost left in.
///
/// Error  0.73 ulp; 0.93 without fused multiply-add
template <class V>
REBALANCE_INLINE V cube_root(V x) {
  const V k = ratio_exponent(x, V(1.0)), n = round(k * V(1.0 / 3.0)), j = fnma(V(3.0), n, k);
  const V m = times_exp2_exact(x, V(-3.0) * n);
  const V mantissa = times_exp2_exact(x, -k);
  const V unit = select(j > V(0.0), V(0x1.965fea53d6e3dp-1), select(j < V(0.0), V(0x1.428a2f98d728bp+0), V(1.0)));
  const V start = unit * horner(kInverseCubeRoot, mantissa);
  const V e = fnma(start * start, start * m, V(1.0));
  const V w = fma(start * e, fma(e, fma(e, V(14.0 / 81.0), V(2.0 / 9.0)), V(1.0 / 3.0)), start);
  const V w2 = w * w, y = m * w2, y2 = y * y;
  const V root = fma(fnma(y2, y, m), w2 * V(1.0 / 3.0), y);
  return times_exp2_exact(root, n);
}

}  // namespace rebalance::math
