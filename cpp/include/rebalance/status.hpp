/// What can be said of one row. Trouble with one row never touches another and never throws.
#pragma once

#include <cstdint>
#include <string_view>

namespace rebalance {

enum class RowStatus : std::uint8_t {
  ok = 0,
  at_expiry = 1,          ///< years = 0: the payoff, a step delta, no gamma or vega
  zero_vol = 2,           ///< vol = 0: the discounted payoff on the forward
  not_a_number = 3,       ///< an input is NaN, or was never set
  infinite = 4,           ///< an input is infinite, or a discount overflows
  nonpositive_price = 5,  ///< a forward, spot or strike at or below zero
  negative_vol = 6,
  expired = 7,             ///< years < 0
  bad_phi = 8,             ///< neither +1 nor -1
  stale = 9,               ///< older than the age that the engine accepts
  below_intrinsic = 10,    ///< no vol gives so low a price
  at_intrinsic = 11,       ///< only a vol of 0 does
  above_upper_bound = 12,  ///< no vol gives so high a price
  two_boundaries = 13,     ///< an American option with negative rates that is exercised between two prices only
  unsolved = 14,           ///< a solver did not reach its tolerance
  nonpositive_penalty = 15,
  negative_cost = 16,
};

inline constexpr int kRowStatusCount = 17;

/// Whether the row has numbers: the limits count, failures do not.
[[nodiscard]] constexpr bool has_value(RowStatus status) noexcept {
  return status <= RowStatus::zero_vol || status == RowStatus::at_intrinsic;
}

[[nodiscard]] constexpr std::string_view to_string(RowStatus status) noexcept {
  constexpr std::string_view kWords[kRowStatusCount] = {"ok",
                                                        "at_expiry",
                                                        "zero_vol",
                                                        "not_a_number",
                                                        "infinite",
                                                        "nonpositive_price",
                                                        "negative_vol",
                                                        "expired",
                                                        "bad_phi",
                                                        "stale",
                                                        "below_intrinsic",
                                                        "at_intrinsic",
                                                        "above_upper_bound",
                                                        "two_boundaries",
                                                        "unsolved",
                                                        "nonpositive_penalty",
                                                        "negative_cost"};
  const auto i = static_cast<unsigned>(status);
  return i < kRowStatusCount ? kWords[i] : "unknown";
}

}  // namespace rebalance
