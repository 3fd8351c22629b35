/// The contracts a book can hold, as columns, checked once and then fixed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rebalance/kernels.hpp"
#include "rebalance/types.hpp"

namespace rebalance {

enum class Kind : std::uint8_t {
  spot,               ///< the coin itself; value = quantity x multiplier x spot
  linear_perpetual,   ///< settles in quote; profit = quantity x multiplier x (mark - entry)
  inverse_perpetual,  ///< settles in coin; profit = quantity x multiplier x (1/entry - 1/mark)
  linear_future,
  inverse_future,
  linear_option,   ///< premium in quote: pricing::Black76
  inverse_option,  ///< premium in coin: pricing::Inverse
};

inline constexpr int kKindCount = 7;

[[nodiscard]] std::string_view to_string(Kind kind) noexcept;

[[nodiscard]] constexpr bool is_option(Kind k) noexcept { return k >= Kind::linear_option; }
[[nodiscard]] constexpr bool is_perpetual(Kind k) noexcept {
  return k == Kind::linear_perpetual || k == Kind::inverse_perpetual;
}
[[nodiscard]] constexpr bool is_future(Kind k) noexcept {
  return k == Kind::linear_future || k == Kind::inverse_future;
}
/// Settled in coin. For futures and perpetuals this also means that the multiplier is in quote currency.
[[nodiscard]] constexpr bool is_inverse(Kind k) noexcept {
  return k == Kind::inverse_perpetual || k == Kind::inverse_future || k == Kind::inverse_option;
}

/// Expiries that are not dates: what a spot row and a perpetual have.
inline constexpr Nanos kSpotExpiry = 0;
inline constexpr Nanos kPerpetualExpiry = INT64_MAX;

/// The columns as the caller gives them: one entry per instrument.
struct InstrumentColumns {
  std::vector<std::string> symbol;  ///< unique; how reports and fills name the row
  std::vector<Kind> kind;
  std::vector<std::int32_t> underlying;  ///< index into `underlyings`
  std::vector<Nanos> expiry_ns;          ///< UTC instant; ignored for spot and perpetuals
  std::vector<double> strike;            ///< quote currency; options only
  std::vector<double> phi;               ///< +1 call, -1 put; options only
  std::vector<double> multiplier;        ///< linear, spot, option: coin per contract; inverse future, perpetual: quote
  std::vector<double> lot_size;          ///< contracts
  std::vector<double> tick_size;         ///< price
  std::vector<double> min_notional;      ///< quote currency
  std::vector<double> maker_fee_bps;     ///< of the notional in the underlying
  std::vector<double> taker_fee_bps;     ///< of the notional in the underlying
  std::vector<double> fee_cap;           ///< options: highest fee as a fraction of the premium; infinity for none
  std::vector<double> half_spread_bps;   ///< of the notional in the underlying

  std::vector<std::string> underlyings;  ///< names, in the order of their index
};

/// A numeric column and what may stand in it: listed once, for checks, bindings and tables alike.
struct NumericColumn {
  const char* name;
  std::vector<double> InstrumentColumns::* member;
  double missing;     ///< what a row gets when the caller leaves the column out; NaN: required for options
  bool options_only;  ///< other rows hold NaN
  bool may_be_zero;
  bool may_be_infinite;
};

inline constexpr std::size_t kNumericColumnCount = 10;
extern const std::array<NumericColumn, kNumericColumnCount> kNumericColumns;

/// One (underlying, expiry): the rows that share a price. Spot rows and perpetuals have nodes of their own.
struct Node {
  std::int32_t underlying;
  Nanos expiry_ns;              ///< kSpotExpiry, kPerpetualExpiry, or an instant
  std::size_t first_delta_one;  ///< of its rows that are not options, in `delta_one_rows`
  std::size_t delta_one_rows;
  std::size_t first_block;  ///< of its option rows, in blocks of kBlockRows slots: linear options, then inverse
  std::size_t linear_blocks;
  std::size_t inverse_blocks;

  [[nodiscard]] std::size_t blocks() const noexcept { return linear_blocks + inverse_blocks; }
};

/// The contracts, and the order in which kernels visit them.
///
/// Option rows are sorted by underlying, expiry, settlement and strike and stand in slots; the linear and the inverse
/// options of a node each begin a new block and fill their last one up with inert slots, so that kernels see whole
/// blocks only.
class Instruments {
 public:
  /// Throws std::invalid_argument that names the column, the row and the value.
  explicit Instruments(InstrumentColumns columns);

  [[nodiscard]] std::size_t size() const noexcept { return columns_.kind.size(); }
  [[nodiscard]] std::size_t n_underlyings() const noexcept { return columns_.underlyings.size(); }
  [[nodiscard]] std::size_t n_nodes() const noexcept { return nodes_.size(); }
  [[nodiscard]] std::size_t n_blocks() const noexcept { return slot_row_.size() / kBlockRows; }
  [[nodiscard]] std::size_t n_slots() const noexcept { return slot_row_.size(); }

  [[nodiscard]] const InstrumentColumns& columns() const noexcept { return columns_; }
  [[nodiscard]] const std::vector<Node>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] Kind kind(std::size_t row) const noexcept { return columns_.kind[row]; }

  static constexpr std::int32_t kInert = -1;
  [[nodiscard]] const std::vector<std::int32_t>& slot_row() const noexcept { return slot_row_; }  ///< kInert: filler
  [[nodiscard]] const std::vector<std::int32_t>& row_slot() const noexcept { return row_slot_; }  ///< kInert: no option
  [[nodiscard]] const std::vector<std::int32_t>& row_node() const noexcept { return row_node_; }
  [[nodiscard]] const std::vector<std::int32_t>& delta_one_rows() const noexcept { return delta_one_rows_; }

  /// Nodes [node_begin(u), node_begin(u + 1)) belong to underlying u; its spot node, always there, is the first.
  [[nodiscard]] std::size_t node_begin(std::size_t u) const noexcept { return node_begin_[u]; }

  /// What prices of underlying u are divided by before a logarithm: a power of two near its strikes, so that
  /// ln(F/K) = ln(F/anchor) - ln(K/anchor) loses nothing near the money.
  [[nodiscard]] double anchor(std::size_t u) const noexcept { return anchor_[u]; }

  // static columns of the option slots
  [[nodiscard]] const double* slot_log_strike() const noexcept { return slot_log_strike_.data(); }
  [[nodiscard]] const double* slot_strike() const noexcept { return slot_strike_.data(); }
  [[nodiscard]] const double* slot_phi() const noexcept { return slot_phi_.data(); }

  /// Index of a name, or -1.
  [[nodiscard]] std::int32_t find_symbol(std::string_view symbol) const noexcept;
  [[nodiscard]] std::int32_t find_underlying(std::string_view name) const noexcept;

 private:
  void check();
  void lay_out();

  InstrumentColumns columns_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> node_begin_;
  std::vector<std::int32_t> slot_row_, row_slot_, row_node_, delta_one_rows_;
  std::vector<double> anchor_, slot_log_strike_, slot_strike_, slot_phi_;
  std::vector<std::int32_t> symbols_sorted_, underlyings_sorted_;
};

}  // namespace rebalance
