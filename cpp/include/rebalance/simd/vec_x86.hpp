/// Vec for x86-64: AVX-512, AVX2 with FMA, and the SSE4 baseline. See vec.hpp for what each operation means.
/// Each block is there only in a file compiled for that instruction set.
#pragma once

#include <immintrin.h>

#include "rebalance/simd/vec.hpp"

namespace rebalance::simd {

#if defined(__AVX512F__) && defined(__AVX512DQ__)

template <>
struct Vec<Avx512> {
  static constexpr int kWidth = 8;
  struct Mask {
    __mmask8 m;
    REBALANCE_INLINE friend Mask operator&(Mask a, Mask b) { return {static_cast<__mmask8>(a.m & b.m)}; }
    REBALANCE_INLINE friend Mask operator|(Mask a, Mask b) { return {static_cast<__mmask8>(a.m | b.m)}; }
    REBALANCE_INLINE friend Mask operator^(Mask a, Mask b) { return {static_cast<__mmask8>(a.m ^ b.m)}; }
    REBALANCE_INLINE friend Mask operator!(Mask a) { return {static_cast<__mmask8>(~a.m)}; }
    REBALANCE_INLINE friend bool any(Mask a) { return a.m != 0; }
  };
  __m512d v;

  Vec() = default;
  REBALANCE_INLINE Vec(__m512d x) : v(x) {}
  REBALANCE_INLINE Vec(double x) : v(_mm512_set1_pd(x)) {}
  REBALANCE_INLINE static Vec load(const double* p) { return _mm512_loadu_pd(p); }
  REBALANCE_INLINE void store(double* p) const { _mm512_storeu_pd(p, v); }

  REBALANCE_INLINE friend Vec operator+(Vec a, Vec b) { return _mm512_add_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator-(Vec a, Vec b) { return _mm512_sub_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator*(Vec a, Vec b) { return _mm512_mul_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator/(Vec a, Vec b) { return _mm512_div_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator-(Vec a) { return _mm512_xor_pd(a.v, _mm512_set1_pd(-0.0)); }
  REBALANCE_INLINE friend Mask operator<(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
  REBALANCE_INLINE friend Mask operator<=(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LE_OQ)}; }
  REBALANCE_INLINE friend Mask operator>(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_GT_OQ)}; }
  REBALANCE_INLINE friend Mask operator>=(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_GE_OQ)}; }
  REBALANCE_INLINE friend Mask operator==(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_EQ_OQ)}; }
  REBALANCE_INLINE friend Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_pd(a.v, b.v, c.v); }
  REBALANCE_INLINE friend Vec fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_pd(a.v, b.v, c.v); }
  REBALANCE_INLINE friend Vec product_minus(Vec a, Vec b, Vec c) { return _mm512_fmsub_pd(a.v, b.v, c.v); }
  REBALANCE_INLINE friend Vec sqrt(Vec a) { return _mm512_sqrt_pd(a.v); }
  REBALANCE_INLINE friend Vec abs(Vec a) { return _mm512_abs_pd(a.v); }
  REBALANCE_INLINE friend Vec min(Vec a, Vec b) { return _mm512_min_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec max(Vec a, Vec b) { return _mm512_max_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec round(Vec a) {
    return _mm512_roundscale_pd(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  REBALANCE_INLINE friend Vec select(Mask m, Vec a, Vec b) { return _mm512_mask_blend_pd(m.m, b.v, a.v); }
  REBALANCE_INLINE friend Vec exp2_times(Vec a, Vec n) { return _mm512_scalef_pd(a.v, n.v); }
  REBALANCE_INLINE friend Vec ratio_exponent(Vec a, Vec b) {
    const __m512i bias = _mm512_set1_epi64((1023LL << 52) + (1LL << 51));
    const __m512i difference = _mm512_sub_epi64(_mm512_castpd_si512(a.v), _mm512_castpd_si512(b.v));
    const __m512i k = _mm512_srli_epi64(_mm512_add_epi64(difference, bias), 52);
    return _mm512_sub_pd(_mm512_castsi512_pd(_mm512_or_si512(k, _mm512_castpd_si512(_mm512_set1_pd(kTwo52)))),
                         _mm512_set1_pd(kTwo52 + 1023.0));
  }
  REBALANCE_INLINE friend Vec times_exp2_exact(Vec b, Vec k) { return _mm512_scalef_pd(b.v, k.v); }
};

#endif

#if defined(__AVX2__) && defined(__FMA__)

template <>
struct Vec<Avx2> {
  static constexpr int kWidth = 4;
  struct Mask {
    __m256d m;
    REBALANCE_INLINE friend Mask operator&(Mask a, Mask b) { return {_mm256_and_pd(a.m, b.m)}; }
    REBALANCE_INLINE friend Mask operator|(Mask a, Mask b) { return {_mm256_or_pd(a.m, b.m)}; }
    REBALANCE_INLINE friend Mask operator^(Mask a, Mask b) { return {_mm256_xor_pd(a.m, b.m)}; }
    REBALANCE_INLINE friend Mask operator!(Mask a) {
      return {_mm256_xor_pd(a.m, _mm256_castsi256_pd(_mm256_set1_epi64x(-1)))};
    }
    REBALANCE_INLINE friend bool any(Mask a) { return _mm256_movemask_pd(a.m) != 0; }
  };
  __m256d v;

  Vec() = default;
  REBALANCE_INLINE Vec(__m256d x) : v(x) {}
  REBALANCE_INLINE Vec(double x) : v(_mm256_set1_pd(x)) {}
  REBALANCE_INLINE static Vec load(const double* p) { return _mm256_loadu_pd(p); }
  REBALANCE_INLINE void store(double* p) const { _mm256_storeu_pd(p, v); }

  REBALANCE_INLINE friend Vec operator+(Vec a, Vec b) { return _mm256_add_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator-(Vec a, Vec b) { return _mm256_sub_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator*(Vec a, Vec b) { return _mm256_mul_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator/(Vec a, Vec b) { return _mm256_div_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator-(Vec a) { return _mm256_xor_pd(a.v, _mm256_set1_pd(-0.0)); }
  REBALANCE_INLINE friend Mask operator<(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)}; }
  REBALANCE_INLINE friend Mask operator<=(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LE_OQ)}; }
  REBALANCE_INLINE friend Mask operator>(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_GT_OQ)}; }
  REBALANCE_INLINE friend Mask operator>=(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_GE_OQ)}; }
  REBALANCE_INLINE friend Mask operator==(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_EQ_OQ)}; }
  REBALANCE_INLINE friend Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_pd(a.v, b.v, c.v); }
  REBALANCE_INLINE friend Vec fnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_pd(a.v, b.v, c.v); }
  REBALANCE_INLINE friend Vec product_minus(Vec a, Vec b, Vec c) { return _mm256_fmsub_pd(a.v, b.v, c.v); }
  REBALANCE_INLINE friend Vec sqrt(Vec a) { return _mm256_sqrt_pd(a.v); }
  REBALANCE_INLINE friend Vec abs(Vec a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v); }
  REBALANCE_INLINE friend Vec min(Vec a, Vec b) { return _mm256_min_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec max(Vec a, Vec b) { return _mm256_max_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec round(Vec a) {
    return _mm256_round_pd(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  REBALANCE_INLINE friend Vec select(Mask m, Vec a, Vec b) { return _mm256_blendv_pd(b.v, a.v, m.m); }
  REBALANCE_INLINE friend Vec exp2_times(Vec a, Vec n) {
    // Two factors, so that 2^n itself need not be a double; the first product is exact, the second rounds.
    const Vec half = round(n * 0.5);
    return a * exp2_whole(half) * exp2_whole(n - half);
  }
  REBALANCE_INLINE friend Vec ratio_exponent(Vec a, Vec b) {
    const __m256i bias = _mm256_set1_epi64x((1023LL << 52) + (1LL << 51));
    const __m256i difference = _mm256_sub_epi64(_mm256_castpd_si256(a.v), _mm256_castpd_si256(b.v));
    const __m256i k = _mm256_srli_epi64(_mm256_add_epi64(difference, bias), 52);
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(k, _mm256_castpd_si256(_mm256_set1_pd(kTwo52)))),
                         _mm256_set1_pd(kTwo52 + 1023.0));
  }
  REBALANCE_INLINE friend Vec times_exp2_exact(Vec b, Vec k) {
    const __m256i shift = _mm256_slli_epi64(_mm256_castpd_si256(_mm256_add_pd(k.v, _mm256_set1_pd(1.5 * kTwo52))), 52);
    return _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(b.v), shift));
  }

 private:
  REBALANCE_INLINE static Vec exp2_whole(Vec n) {  // |n| <= 1022
    return _mm256_castsi256_pd(
        _mm256_slli_epi64(_mm256_castpd_si256(_mm256_add_pd(n.v, _mm256_set1_pd(kTwo52 + 1023.0))), 52));
  }
};

#endif

#if defined(__SSE4_1__)

template <>
struct Vec<Baseline> {
  static constexpr int kWidth = 2;
  struct Mask {
    __m128d m;
    REBALANCE_INLINE friend Mask operator&(Mask a, Mask b) { return {_mm_and_pd(a.m, b.m)}; }
    REBALANCE_INLINE friend Mask operator|(Mask a, Mask b) { return {_mm_or_pd(a.m, b.m)}; }
    REBALANCE_INLINE friend Mask operator^(Mask a, Mask b) { return {_mm_xor_pd(a.m, b.m)}; }
    REBALANCE_INLINE friend Mask operator!(Mask a) { return {_mm_xor_pd(a.m, _mm_castsi128_pd(_mm_set1_epi64x(-1)))}; }
    REBALANCE_INLINE friend bool any(Mask a) { return _mm_movemask_pd(a.m) != 0; }
  };
  __m128d v;

  Vec() = default;
  REBALANCE_INLINE Vec(__m128d x) : v(x) {}
  REBALANCE_INLINE Vec(double x) : v(_mm_set1_pd(x)) {}
  REBALANCE_INLINE static Vec load(const double* p) { return _mm_loadu_pd(p); }
  REBALANCE_INLINE void store(double* p) const { _mm_storeu_pd(p, v); }

  REBALANCE_INLINE friend Vec operator+(Vec a, Vec b) { return _mm_add_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator-(Vec a, Vec b) { return _mm_sub_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator*(Vec a, Vec b) { return _mm_mul_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator/(Vec a, Vec b) { return _mm_div_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec operator-(Vec a) { return _mm_xor_pd(a.v, _mm_set1_pd(-0.0)); }
  REBALANCE_INLINE friend Mask operator<(Vec a, Vec b) { return {_mm_cmplt_pd(a.v, b.v)}; }
  REBALANCE_INLINE friend Mask operator<=(Vec a, Vec b) { return {_mm_cmple_pd(a.v, b.v)}; }
  REBALANCE_INLINE friend Mask operator>(Vec a, Vec b) { return {_mm_cmpgt_pd(a.v, b.v)}; }
  REBALANCE_INLINE friend Mask operator>=(Vec a, Vec b) { return {_mm_cmpge_pd(a.v, b.v)}; }
  REBALANCE_INLINE friend Mask operator==(Vec a, Vec b) { return {_mm_cmpeq_pd(a.v, b.v)}; }
  REBALANCE_INLINE friend Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
  REBALANCE_INLINE friend Vec fnma(Vec a, Vec b, Vec c) { return c - a * b; }
  REBALANCE_INLINE friend Vec product_minus(Vec a, Vec b, Vec c) {
    // Dekker (1971): both factors in halves of 26 bits, so that the four partial products are exact.
    const Vec p = a * b, a1 = upper_half(a), b1 = upper_half(b), a2 = a - a1, b2 = b - b1;
    const Vec error = ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2;
    return (p - c) + error;
  }
  REBALANCE_INLINE friend Vec sqrt(Vec a) { return _mm_sqrt_pd(a.v); }
  REBALANCE_INLINE friend Vec abs(Vec a) { return _mm_andnot_pd(_mm_set1_pd(-0.0), a.v); }
  REBALANCE_INLINE friend Vec min(Vec a, Vec b) { return _mm_min_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec max(Vec a, Vec b) { return _mm_max_pd(a.v, b.v); }
  REBALANCE_INLINE friend Vec round(Vec a) { return _mm_round_pd(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  REBALANCE_INLINE friend Vec select(Mask m, Vec a, Vec b) { return _mm_blendv_pd(b.v, a.v, m.m); }
  REBALANCE_INLINE friend Vec exp2_times(Vec a, Vec n) {
    const Vec half = round(n * 0.5);
    return a * exp2_whole(half) * exp2_whole(n - half);
  }
  REBALANCE_INLINE friend Vec ratio_exponent(Vec a, Vec b) {
    const __m128i bias = _mm_set1_epi64x((1023LL << 52) + (1LL << 51));
    const __m128i difference = _mm_sub_epi64(_mm_castpd_si128(a.v), _mm_castpd_si128(b.v));
    const __m128i k = _mm_srli_epi64(_mm_add_epi64(difference, bias), 52);
    return _mm_sub_pd(_mm_castsi128_pd(_mm_or_si128(k, _mm_castpd_si128(_mm_set1_pd(kTwo52)))),
                      _mm_set1_pd(kTwo52 + 1023.0));
  }
  REBALANCE_INLINE friend Vec times_exp2_exact(Vec b, Vec k) {
    const __m128i shift = _mm_slli_epi64(_mm_castpd_si128(_mm_add_pd(k.v, _mm_set1_pd(1.5 * kTwo52))), 52);
    return _mm_castsi128_pd(_mm_add_epi64(_mm_castpd_si128(b.v), shift));
  }

 private:
  REBALANCE_INLINE static Vec exp2_whole(Vec n) {  // |n| <= 1022
    return _mm_castsi128_pd(_mm_slli_epi64(_mm_castpd_si128(_mm_add_pd(n.v, _mm_set1_pd(kTwo52 + 1023.0))), 52));
  }
  REBALANCE_INLINE static Vec upper_half(Vec a) {
    const Vec scaled = a * 134217729.0;  // 2^27 + 1
    return scaled - (scaled - a);
  }
};

#endif

}  // namespace rebalance::simd
