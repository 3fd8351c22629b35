/// What a trade is expected to cost: the taker fee, with the cap that option venues put on it, and half the spread.
#pragma once

#include <cmath>

#include "rebalance/book/instruments.hpp"

namespace rebalance {

/// Quote notional of one contract. `price` is the row's own: spot, mark or forward.
[[nodiscard]] inline double contract_notional(const Instruments& instruments, std::size_t row, double price) noexcept {
  const Kind kind = instruments.kind(row);
  const double multiplier = instruments.columns().multiplier[row];
  return is_inverse(kind) && !is_option(kind) ? multiplier : multiplier * price;
}

/// Taker fee of one contract in quote currency. An option pays the lower of the rate on its underlying's notional and
/// fee_cap of its premium (`premium`: quote value of one contract), so a cheap wing costs a share of its premium.
[[nodiscard]] inline double contract_fee(const Instruments& instruments, std::size_t row, double notional,
                                         double premium) noexcept {
  const InstrumentColumns& c = instruments.columns();
  const double fee = c.taker_fee_bps[row] * 1e-4 * notional;
  return is_option(c.kind[row]) ? std::fmin(fee, c.fee_cap[row] * std::fabs(premium)) : fee;
}

/// Expected cost of trading one contract, either way, in quote currency.
[[nodiscard]] inline double contract_cost(const Instruments& instruments, std::size_t row, double notional,
                                          double premium) noexcept {
  return contract_fee(instruments, row, notional, premium) +
         instruments.columns().half_spread_bps[row] * 1e-4 * notional;
}

}  // namespace rebalance
