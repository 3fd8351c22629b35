#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "rebalance/kernels.hpp"

#if defined(__x86_64__) || defined(_M_X64)
#define REBALANCE_X86 1
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace rebalance {

namespace kernels {
#ifdef REBALANCE_X86
extern const KernelTable kBaseline, kAvx2, kAvx512;
#else
extern const KernelTable kNeon;
#endif
}  // namespace kernels

namespace {

#ifdef REBALANCE_X86

struct Registers {
  std::uint32_t a, b, c, d;
};

Registers cpuid(std::uint32_t leaf) {
  Registers r{};
#if defined(_MSC_VER) && !defined(__clang__)
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), 0);
  r = {std::uint32_t(out[0]), std::uint32_t(out[1]), std::uint32_t(out[2]), std::uint32_t(out[3])};
#else
  if (!__get_cpuid_count(leaf, 0, &r.a, &r.b, &r.c, &r.d)) return {};  // all zero beyond the highest leaf
#endif
  return r;
}

/// Which register states the operating system saves: XCR0.
std::uint64_t enabled_state() {
#if defined(_MSC_VER) && !defined(__clang__)
  return _xgetbv(0);
#else
  std::uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t(high) << 32) | low;
#endif
}

constexpr std::uint32_t bits(std::initializer_list<int> positions) {
  std::uint32_t mask = 0;
  for (int p : positions) mask |= 1U << p;
  return mask;
}

bool all(std::uint32_t value, std::uint32_t mask) { return (value & mask) == mask; }

/// The x86-64 level, 2 to 4, as in the psABI: what -march=x86-64-v3 and -v4 let the compiler use.
int x86_level() {
  const Registers one = cpuid(1), seven = cpuid(7), extended = cpuid(0x80000001);
  constexpr std::uint32_t kFmaMovbeOsxsaveAvxF16c = bits({12, 22, 27, 28, 29});
  constexpr std::uint32_t kBmi1Avx2Bmi2 = bits({3, 5, 8}), kLzcnt = bits({5});
  constexpr std::uint32_t kAvx512FDqCdBwVl = bits({16, 17, 28, 30, 31});
  if (!all(one.c, kFmaMovbeOsxsaveAvxF16c) || !all(seven.b, kBmi1Avx2Bmi2) || !all(extended.c, kLzcnt)) return 2;
  const std::uint64_t state = enabled_state();
  if ((state & 0x6) != 0x6) return 2;
  return all(seven.b, kAvx512FDqCdBwVl) && (state & 0xe6) == 0xe6 ? 4 : 3;
}

#endif

/// The rows this processor can run, best first.
struct Rows {
  const KernelTable* row[3] = {};
  simd::Isa isa[3] = {};
  std::size_t count = 0;

  Rows() noexcept {
#ifdef REBALANCE_X86
    const int level = x86_level();
    if (level >= 4) add(kernels::kAvx512);
    if (level >= 3) add(kernels::kAvx2);
    add(kernels::kBaseline);
#else
    add(kernels::kNeon);
#endif
  }
  void add(const KernelTable& table) noexcept {
    row[count] = &table;
    isa[count++] = table.isa;
  }
  const KernelTable* find(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      if (simd::to_string(isa[i]) == name) return row[i];
    }
    return nullptr;
  }
};

const Rows& rows() noexcept {
  static const Rows kRows;
  return kRows;
}

struct Choice {
  std::atomic<const KernelTable*> row;
  std::string complaint;

  Choice() {
    row = rows().row[0];
    const char* wanted = std::getenv("REBALANCE_ISA");
    if (wanted == nullptr || *wanted == '\0') return;
    if (const KernelTable* found = rows().find(wanted)) {
      row = found;
      return;
    }
    complaint = "REBALANCE_ISA is '" + std::string(wanted) + "', but this processor and build have: ";
    for (std::size_t i = 0; i < rows().count; ++i) {
      complaint += (i == 0 ? "" : ", ") + std::string(simd::to_string(rows().isa[i]));
    }
  }
};

Choice& choice() noexcept {
  static Choice the;
  return the;
}

}  // namespace

const KernelTable& active_kernels() noexcept { return *choice().row.load(std::memory_order_relaxed); }

bool use_isa(std::string_view name) noexcept {
  const KernelTable* found = rows().find(name);
  if (found != nullptr) choice().row.store(found, std::memory_order_relaxed);
  return found != nullptr;
}

std::string_view isa_complaint() noexcept { return choice().complaint; }

namespace simd {

std::string_view to_string(Isa isa) noexcept {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::neon: return "neon";
  }
  return "unknown";
}

std::span<const Isa> supported_isas() noexcept { return {rows().isa, rows().count}; }

}  // namespace simd
}  // namespace rebalance
