#include "rebalance/simd/vec_x86.hpp"
#include "row.inl"

namespace rebalance::kernels {

using Avx512 = simd::Vec<simd::Avx512>;
extern const KernelTable kAvx512;
const KernelTable kAvx512 = row<simd::Pack<Avx512, 2>, simd::Pack<Avx512, 2>>(simd::Isa::avx512);

}  // namespace rebalance::kernels
