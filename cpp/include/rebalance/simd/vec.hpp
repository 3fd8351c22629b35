/// A few doubles that move together: the value type V of every formula.
///
/// A formula written once as a template on V is the readable reference with V = Vec<Scalar> and the kernel with
/// V = Vec<Avx512>. What a V offers:
///
///   kWidth                          how many doubles
///   V(x), V::load(p), store(p)      the same double everywhere; from and to memory, no alignment needed
///   + - * /  -v                     element by element, correctly rounded
///   fma(a, b, c), fnma(a, b, c)     a b + c and c - a b; one rounding, except on Baseline
///   product_minus(a, b, c)          a b - c; one rounding on every instruction set: what a product or quotient lost
///   sqrt, abs, min, max, round      round: to the nearest integer, ties to even
///   < <= > >= ==                    a Mask; & | ^ ! on masks; select(mask, a, b); any(mask)
///   exp2_times(v, n)                v 2^n for whole n in [-1100, 1100], rounded once
///   ratio_exponent(a, b)            for positive normal a, b: whole k with a / (b 2^k) within [2^-0.587, 2^0.587]
///   times_exp2_exact(b, k)          b 2^k where no bit is lost
///
/// min and max return the second argument when either is NaN (x86) or NaN (AArch64); formulas do not rely on it.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "rebalance/simd/isa.hpp"

#if defined(_MSC_VER) && !defined(__clang__)
#define REBALANCE_INLINE __forceinline
#else
#define REBALANCE_INLINE [[gnu::always_inline]] inline
#endif

namespace rebalance::simd {

template <class Isa>
struct Vec;

inline constexpr double kTwo52 = 0x1p52;  // adding it to a whole double < 2^52 leaves the integer in the low bits

template <>
struct Vec<Scalar> {
  static constexpr int kWidth = 1;
  struct Mask {
    bool m;
    friend Mask operator&(Mask a, Mask b) { return {a.m && b.m}; }
    friend Mask operator|(Mask a, Mask b) { return {a.m || b.m}; }
    friend Mask operator^(Mask a, Mask b) { return {a.m != b.m}; }
    friend Mask operator!(Mask a) { return {!a.m}; }
    friend bool any(Mask a) { return a.m; }
  };
  double v;

  Vec() = default;
  Vec(double x) : v(x) {}
  static Vec load(const double* p) { return *p; }
  void store(double* p) const { *p = v; }

  friend Vec operator+(Vec a, Vec b) { return a.v + b.v; }
  friend Vec operator-(Vec a, Vec b) { return a.v - b.v; }
  friend Vec operator*(Vec a, Vec b) { return a.v * b.v; }
  friend Vec operator/(Vec a, Vec b) { return a.v / b.v; }
  friend Vec operator-(Vec a) { return -a.v; }
  friend Mask operator<(Vec a, Vec b) { return {a.v < b.v}; }
  friend Mask operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
  friend Mask operator>(Vec a, Vec b) { return {a.v > b.v}; }
  friend Mask operator>=(Vec a, Vec b) { return {a.v >= b.v}; }
  friend Mask operator==(Vec a, Vec b) { return {a.v == b.v}; }
  friend Vec fma(Vec a, Vec b, Vec c) { return std::fma(a.v, b.v, c.v); }
  friend Vec fnma(Vec a, Vec b, Vec c) { return std::fma(-a.v, b.v, c.v); }
  friend Vec product_minus(Vec a, Vec b, Vec c) { return std::fma(a.v, b.v, -c.v); }
  friend Vec sqrt(Vec a) { return std::sqrt(a.v); }
  friend Vec abs(Vec a) { return std::fabs(a.v); }
  friend Vec min(Vec a, Vec b) { return a.v < b.v ? a.v : b.v; }
  friend Vec max(Vec a, Vec b) { return a.v > b.v ? a.v : b.v; }
  friend Vec round(Vec a) { return std::nearbyint(a.v); }
  friend Vec select(Mask m, Vec a, Vec b) { return m.m ? a : b; }
  friend Vec exp2_times(Vec a, Vec n) { return std::ldexp(a.v, static_cast<int>(n.v)); }
  friend Vec ratio_exponent(Vec a, Vec b) {
    constexpr std::uint64_t kBias = (1023ULL << 52) + (1ULL << 51);
    const std::uint64_t k = (std::bit_cast<std::uint64_t>(a.v) - std::bit_cast<std::uint64_t>(b.v) + kBias) >> 52;
    return static_cast<double>(k) - 1023.0;
  }
  friend Vec times_exp2_exact(Vec b, Vec k) { return std::ldexp(b.v, static_cast<int>(k.v)); }
};

}  // namespace rebalance::simd
