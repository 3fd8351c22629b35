/// How an optimisation ended.
#pragma once

#include <cstdint>
#include <string_view>

namespace rebalance {

enum class SolveStatus : std::uint8_t {
  solved = 0,           ///< optimal: the duality gap is rounding
  infeasible = 1,       ///< no trade satisfies every limit; the trades given are the least bad
  iteration_limit = 2,  ///< stopped early; the trades given are feasible or nearly so, not optimal
  bad_input = 3,        ///< not attempted
};

inline constexpr int kSolveStatusCount = 4;

[[nodiscard]] constexpr std::string_view to_string(SolveStatus status) noexcept {
  constexpr std::string_view kWords[kSolveStatusCount] = {"solved", "infeasible", "iteration_limit", "bad_input"};
  const auto i = static_cast<unsigned>(status);
  return i < kSolveStatusCount ? kWords[i] : "unknown";
}

}  // namespace rebalance
