/// Vec for AArch64: two doubles with fused multiply-add. See vec.hpp for what each operation means.
#pragma once

#include <arm_neon.h>

#include "rebalance/simd/vec.hpp"

namespace rebalance::simd {

template <>
struct Vec<Neon> {
  static constexpr int kWidth = 2;
  struct Mask {
    uint64x2_t m;
    REBALANCE_INLINE friend Mask operator&(Mask a, Mask b) { return {vandq_u64(a.m, b.m)}; }
    REBALANCE_INLINE friend Mask operator|(Mask a, Mask b) { return {vorrq_u64(a.m, b.m)}; }
    REBALANCE_INLINE friend Mask operator^(Mask a, Mask b) { return {veorq_u64(a.m, b.m)}; }
    REBALANCE_INLINE friend Mask operator!(Mask a) { return {veorq_u64(a.m, vdupq_n_u64(~0ULL))}; }
    REBALANCE_INLINE friend bool any(Mask a) { return vmaxvq_u32(vreinterpretq_u32_u64(a.m)) != 0; }
  };
  float64x2_t v;

  Vec() = default;
  REBALANCE_INLINE Vec(float64x2_t x) : v(x) {}
  REBALANCE_INLINE Vec(double x) : v(vdupq_n_f64(x)) {}
  REBALANCE_INLINE static Vec load(const double* p) { return vld1q_f64(p); }
  REBALANCE_INLINE void store(double* p) const { vst1q_f64(p, v); }

  REBALANCE_INLINE friend Vec operator+(Vec a, Vec b) { return vaddq_f64(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator-(Vec a, Vec b) { return vsubq_f64(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator*(Vec a, Vec b) { return vmulq_f64(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator/(Vec a, Vec b) { return vdivq_f64(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator-(Vec a) { return vnegq_f64(a.v); }
  REBALANCE_INLINE friend Mask operator<(Vec a, Vec b) { return {vcltq_f64(a.v, b.v)}; }
  REBALANCE_INLINE friend Mask operator<=(Vec a, Vec b) { return {vcleq_f64(a.v, b.v)}; }
  REBALANCE_INLINE friend Mask operator>(Vec a, Vec b) { return {vcgtq_f64(a.v, b.v)}; }
  REBALANCE_INLINE friend Mask operator>=(Vec a, Vec b) { return {vcgeq_f64(a.v, b.v)}; }
  REBALANCE_INLINE friend Mask operator==(Vec a, Vec b) { return {vceqq_f64(a.v, b.v)}; }
  REBALANCE_INLINE friend Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f64(c.v, a.v, b.v); }
  REBALANCE_INLINE friend Vec fnma(Vec a, Vec b, Vec c) { return vfmsq_f64(c.v, a.v, b.v); }
  REBALANCE_INLINE friend Vec product_minus(Vec a, Vec b, Vec c) { return vfmaq_f64(vnegq_f64(c.v), a.v, b.v); }
  REBALANCE_INLINE friend Vec sqrt(Vec a) { return vsqrtq_f64(a.v); }
  REBALANCE_INLINE friend Vec abs(Vec a) { return vabsq_f64(a.v); }
  REBALANCE_INLINE friend Vec min(Vec a, Vec b) { return vminq_f64(a.v, b.v); }
  REBALANCE_INLINE friend Vec max(Vec a, Vec b) { return vmaxq_f64(a.v, b.v); }
  REBALANCE_INLINE friend Vec round(Vec a) { return vrndnq_f64(a.v); }
  REBALANCE_INLINE friend Vec select(Mask m, Vec a, Vec b) { return vbslq_f64(m.m, a.v, b.v); }
  REBALANCE_INLINE friend Vec exp2_times(Vec a, Vec n) {
    // Two factors, so that 2^n itself need not be a double; the first product is exact, the second rounds.
    const Vec half = round(n * 0.5);
    return a * exp2_whole(half) * exp2_whole(n - half);
  }
  REBALANCE_INLINE friend Vec ratio_exponent(Vec a, Vec b) {
    const uint64x2_t bias = vdupq_n_u64((1023ULL << 52) + (1ULL << 51));
    const uint64x2_t difference = vsubq_u64(vreinterpretq_u64_f64(a.v), vreinterpretq_u64_f64(b.v));
    const uint64x2_t k = vshrq_n_u64(vaddq_u64(difference, bias), 52);
    return vsubq_f64(vcvtq_f64_u64(k), vdupq_n_f64(1023.0));
  }
  REBALANCE_INLINE friend Vec times_exp2_exact(Vec b, Vec k) {
    const int64x2_t shift = vshlq_n_s64(vcvtq_s64_f64(k.v), 52);
    return vreinterpretq_f64_s64(vaddq_s64(vreinterpretq_s64_f64(b.v), shift));
  }

 private:
  REBALANCE_INLINE static Vec exp2_whole(Vec n) {  // |n| <= 1022
    return vreinterpretq_f64_s64(vshlq_n_s64(vaddq_s64(vcvtq_s64_f64(n.v), vdupq_n_s64(1023)), 52));
  }
};

}  // namespace rebalance::simd
