/// The few types that every room shares.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace rebalance {

using Nanos = std::int64_t;              ///< nanoseconds since 1970, UTC
using Column = std::span<const double>;  ///< one number per row

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The year of every rate, volatility and theta: 365 days of 24 hours.
inline constexpr double kNanosPerYear = 365.0 * 86400.0 * 1e9;

/// What a book measures itself in. A hedge to zero means zero in this unit.
enum class Numeraire : std::uint8_t {
  quote,  ///< quote currency: delta is dV/dF
  coin,   ///< the underlying coin: delta is the premium-adjusted F d(V/F)/dF
};

}  // namespace rebalance
