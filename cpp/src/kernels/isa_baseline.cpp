#include "rebalance/simd/vec_x86.hpp"
#include "row.inl"

namespace rebalance::kernels {

using Baseline = simd::Vec<simd::Baseline>;
extern const KernelTable kBaseline;
const KernelTable kBaseline = row<simd::Pack<Baseline, 1>, simd::Pack<Baseline, 1>>(simd::Isa::baseline);

}  // namespace rebalance::kernels
