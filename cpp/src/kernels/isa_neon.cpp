#include "rebalance/simd/vec_neon.hpp"
#include "row.inl"

namespace rebalance::kernels {

using Neon = simd::Vec<simd::Neon>;
extern const KernelTable kNeon;
const KernelTable kNeon = row<simd::Pack<Neon, 4>, simd::Pack<Neon, 4>>(simd::Isa::neon);

}  // namespace rebalance::kernels
