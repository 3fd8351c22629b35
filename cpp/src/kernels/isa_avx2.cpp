#include "rebalance/simd/vec_x86.hpp"
#include "row.inl"

namespace rebalance::kernels {

using Avx2 = simd::Vec<simd::Avx2>;
extern const KernelTable kAvx2;
const KernelTable kAvx2 = row<simd::Pack<Avx2, 2>, simd::Pack<Avx2, 2>>(simd::Isa::avx2);

}  // namespace rebalance::kernels
