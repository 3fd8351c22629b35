/// Marks the option rows of one (underlying, expiry) at a new forward and adds them up.
///
/// Everything that does not change with the forward stands in a column: ln(strike/anchor), the total standard
/// deviation and its inverse. What is left per row is one exponential and one pair of Mills' ratios.
///
/// The sums run over lanes: row i of a block goes to lane i mod 16, lanes i and i + 8 are added, and a block leaves
/// eight partial sums of each quantity. Which instruction set does it does not change the order.
///
/// Error  against pricing::Black76: 1e-13 relative in value and delta for |d1| < 6, growing with d1^2 beyond (the
///        low parts that black76 carries are left out: they matter where the density no longer does).
#pragma once

#include "rebalance/kernels.hpp"
#include "rebalance/pricing/european.hpp"
#include "rebalance/simd/pack.hpp"

namespace rebalance::kernels {

template <class V, bool smile>
void remark(double forward_price, double log_forward_price, const RemarkColumns& c) noexcept {
  static_assert(kSumRows % V::kWidth == 0 && kBlockRows % kSumRows == 0 && kSumRows == 2 * kSumLanes);
  const V forward = forward_price, log_forward = log_forward_price;
  double* sums = c.sums;
  for (std::size_t block = 0; block < c.blocks; ++block, sums += kRemarkSums * kSumLanes) {
    double lanes[kRemarkSums][kSumRows];
    for (std::size_t lane = 0; lane < kSumRows; lane += V::kWidth) {
      V total[kRemarkSums] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
      for (std::size_t i = lane; i < kBlockRows; i += kSumRows) {
        const std::size_t row = block * kBlockRows + i;
        const V x = log_forward - V::load(c.log_strike + row), s = V::load(c.stddev + row);
        const V strike = V::load(c.strike + row), phi = V::load(c.phi + row), weight = V::load(c.weight + row);
        const V inverse_s = V::load(c.inverse_stddev + row), h = x * inverse_s;
        const V d1 = min(abs(fma(V(0.5), s, h)), V(math::kDensityEnd));
        const V density = math::exp_times(V(math::kInvSqrt2Pi), math::exp_parts(V(-0.5) * (d1 * d1)));
        const auto o = pricing::european<pricing::Rare::yes>(forward, strike, abs(forward - strike), abs(h), s, density,
                                                             x <= V(0.0), phi > V(0.0));
        const V weighted_density = weight * density;
        total[kSumValue] = fma(weight, o.value, total[kSumValue]);
        total[kSumDelta] = fma(weight * phi, o.asset_probability, total[kSumDelta]);
        total[kSumDensityOverS] = fma(weighted_density, inverse_s, total[kSumDensityOverS]);
        total[kSumDensity] = total[kSumDensity] + weighted_density;
        total[kSumDensityTimesS] = fma(weighted_density, s, total[kSumDensityTimesS]);
        if constexpr (smile) {
          total[kSumDensityTimesSlope] =
              fma(weighted_density, V::load(c.vol_slope + row), total[kSumDensityTimesSlope]);
        }
      }
#pragma GCC unroll 8
      for (int q = 0; q < kRemarkSums; ++q) total[q].store(lanes[q] + lane);
    }
    for (int q = 0; q < kRemarkSums; ++q) {
      for (std::size_t i = 0; i < kSumLanes; ++i) sums[q * kSumLanes + i] = lanes[q][i] + lanes[q][i + kSumLanes];
    }
  }
}

/// V only tells the instruction sets apart: the loops are plain and every compiler vectorises them.
template <class V>
void add_blocks(const double* sums, std::size_t blocks, double* totals) noexcept {
  double lanes[kRemarkSums * kSumLanes] = {};
  for (std::size_t block = 0; block < blocks; ++block, sums += kRemarkSums * kSumLanes) {
    for (std::size_t i = 0; i < kRemarkSums * kSumLanes; ++i) lanes[i] += sums[i];
  }
  for (int q = 0; q < kRemarkSums; ++q) {
    double* lane = lanes + q * kSumLanes;
    for (std::size_t half = kSumLanes / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
    }
    totals[q] = lane[0];
  }
}

}  // namespace rebalance::kernels
