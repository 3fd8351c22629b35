/// How far the exposures are from the targets: drift = exposure - target, in the target's own unit.
#pragma once

#include <cstdint>
#include <string_view>

#include "rebalance/drift/targets.hpp"
#include "rebalance/risk/exposure.hpp"

namespace rebalance {

/// What a target, a drift and a band can be of.
enum class Quantity : std::uint8_t { weight, delta, gamma, vega };
inline constexpr int kQuantityCount = 4;
inline constexpr std::string_view kQuantityNames[kQuantityCount] = {"weight", "delta", "gamma", "vega"};

/// One number per Quantity, for one underlying. NaN: no target, or no usable exposure.
struct PerQuantity {
  double of[kQuantityCount];
  [[nodiscard]] double operator[](Quantity q) const noexcept { return of[static_cast<int>(q)]; }
};

/// The exposure that each target speaks of. `equity` is the book's, in quote currency; a weight needs it positive.
[[nodiscard]] PerQuantity measured(const Exposure& exposure, Numeraire numeraire, double index, double equity) noexcept;

/// The target of u.
[[nodiscard]] PerQuantity target_of(const Targets& targets, std::size_t u) noexcept;

/// d(delta)/dF: how fast the delta that is being held moves with the forward.
[[nodiscard]] double delta_slope(const Exposure& exposure, Numeraire numeraire, double index) noexcept;

}  // namespace rebalance
