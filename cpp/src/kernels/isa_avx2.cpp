#include "rebalance/simd/vec_x86.hpp"
#include "row.inl"

namespace rebalance::kernels {

template <int N>
using Avx2 = simd::Pack<simd::Vec<simd::Avx2>, N>;

extern const KernelTable kAvx2;
const KernelTable kAvx2 = row<Avx2<4>, Avx2<2>, Avx2<2>, Avx2<2>, Avx2<1>>(simd::Isa::avx2);

}  // namespace rebalance::kernels
