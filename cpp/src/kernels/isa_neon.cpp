#include "rebalance/simd/vec_neon.hpp"
#include "row.inl"

namespace rebalance::kernels {

template <int N>
using Neon = simd::Pack<simd::Vec<simd::Neon>, N>;

extern const KernelTable kNeon;
const KernelTable kNeon = row<Neon<4>, Neon<4>, Neon<4>, Neon<4>, Neon<1>>(simd::Isa::neon);

}  // namespace rebalance::kernels
