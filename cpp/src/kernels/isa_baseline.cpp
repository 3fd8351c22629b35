#include "rebalance/simd/vec_x86.hpp"
#include "row.inl"

namespace rebalance::kernels {

template <int N>
using Baseline = simd::Pack<simd::Vec<simd::Baseline>, N>;

extern const KernelTable kBaseline;
const KernelTable kBaseline = row<Baseline<4>, Baseline<4>, Baseline<4>, Baseline<1>, Baseline<1>>(simd::Isa::baseline);

}  // namespace rebalance::kernels
