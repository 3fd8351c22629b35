#include "rebalance/simd/vec_x86.hpp"
#include "row.inl"

namespace rebalance::kernels {

template <int N>
using Avx512 = simd::Pack<simd::Vec<simd::Avx512>, N>;

extern const KernelTable kAvx512;
const KernelTable kAvx512 = row<Avx512<4>, Avx512<2>, Avx512<1>, Avx512<2>, Avx512<1>>(simd::Isa::avx512);

}  // namespace rebalance::kernels
