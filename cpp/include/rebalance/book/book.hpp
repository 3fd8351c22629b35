/// What is held: contracts, what they were entered at, and cash in quote currency and in coin.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "rebalance/book/instruments.hpp"

namespace rebalance {

/// Positions and cash. Futures and perpetuals carry an entry basis,
///
///   linear   sum of fill x price        profit = multiplier (quantity mark - basis)           quote currency
///   inverse  sum of fill / price        profit = multiplier (basis - quantity / mark)         coin
///
/// which adds up over fills without averaging. A row loaded with a quantity but no entry price has basis NaN: its
/// profit counts as already settled into cash and it is worth 0.
class Book {
 public:
  /// `entry_price` may be empty (none known); `coin_cash` may be empty (none held). Throws std::invalid_argument
  /// where lengths differ or a quantity or cash amount is not finite.
  Book(std::shared_ptr<const Instruments> instruments, Column quantity, Column entry_price = {}, double cash = 0.0,
       Column coin_cash = {}, Numeraire numeraire = Numeraire::quote);

  /// A fill: `quantity` contracts (bought > 0) at `price` (coin for inverse options, else quote), `fee` paid in the
  /// currency that the contract settles in. Moves quantity, basis and cash together, in place.
  void fill(std::size_t row, double quantity, double price, double fee) noexcept;

  /// The position as an account reports it; cash stays. Without an entry price (NaN, or an empty column) its profit
  /// counts as settled.
  void set_quantity(std::size_t row, double quantity, double entry_price) noexcept;
  void set_quantities(Column quantity, Column entry_price) noexcept;
  void set_cash(double cash) noexcept;
  void set_coin_cash(std::size_t u, double coins) noexcept;

  /// Whether the row's profit is kept here, so that a fill needs a price.
  [[nodiscard]] bool tracks_entry(std::size_t row) const noexcept;

  [[nodiscard]] const std::shared_ptr<const Instruments>& instruments() const noexcept { return instruments_; }
  [[nodiscard]] const std::vector<double>& quantity() const noexcept { return quantity_; }
  [[nodiscard]] const std::vector<double>& basis() const noexcept { return basis_; }
  [[nodiscard]] double cash() const noexcept { return cash_; }
  [[nodiscard]] const std::vector<double>& coin_cash() const noexcept { return coin_cash_; }
  [[nodiscard]] Numeraire numeraire() const noexcept { return numeraire_; }

  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  [[nodiscard]] std::uint64_t node_version(std::size_t node) const noexcept { return node_version_[node]; }
  [[nodiscard]] std::uint64_t block_version(std::size_t block) const noexcept { return block_version_[block]; }

 private:
  void put(std::size_t row, double quantity, double entry_price) noexcept;
  void touch(std::size_t row) noexcept;

  std::shared_ptr<const Instruments> instruments_;
  std::vector<double> quantity_, basis_;
  double cash_;
  std::vector<double> coin_cash_;
  Numeraire numeraire_;
  std::uint64_t version_ = 0;
  std::vector<std::uint64_t> node_version_, block_version_;
};

}  // namespace rebalance
