/// Which instruction sets exist, which of them this processor has, and the tags that keep their code apart.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace rebalance::simd {

/// Tags. Every template compiled for one instruction set carries its tag, so the linker can never mistake
/// one copy of a function for another.
struct Scalar {};    ///< one double with fused multiply-add: the readable reference
struct Baseline {};  ///< x86-64-v2, two doubles; multiply, then add (the one set without fused multiply-add)
struct Avx2 {};      ///< x86-64-v3, four doubles
struct Avx512 {};    ///< x86-64-v4, eight doubles
struct Neon {};      ///< AArch64, two doubles

enum class Isa : std::uint8_t { baseline, avx2, avx512, neon };

[[nodiscard]] std::string_view to_string(Isa isa) noexcept;

/// Instruction sets that are built in and that this processor and its operating system support, best first.
[[nodiscard]] std::span<const Isa> supported_isas() noexcept;

}  // namespace rebalance::simd
