/// The market as the engine sees it: index per underlying, price and rate per (underlying, expiry), vol per option.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "rebalance/book/instruments.hpp"
#include "rebalance/status.hpp"
#include "rebalance/surface/surface.hpp"

namespace rebalance {

/// When a quote was never set.
inline constexpr Nanos kNever = INT64_MIN;

/// What a price says about itself: ok, or why it cannot be used.
[[nodiscard]] RowStatus price_status(double price) noexcept;

/// The same of a volatility; zero_vol has a value.
[[nodiscard]] RowStatus vol_status(double vol) noexcept;

/// Quotes are taken as they come: a NaN or negative price is kept and marks its rows, it does not throw. Every change
/// stamps what it touches with a new version, so that an engine finds its work by comparing numbers; several engines
/// may read one market.
class Market {
 public:
  explicit Market(std::shared_ptr<const Instruments> instruments);

  // single updates; the caller has checked the index
  void set_index(std::size_t u, double price, Nanos ts_event_ns) noexcept;
  void set_price(std::size_t node, double price, Nanos ts_event_ns) noexcept;
  void set_rate(std::size_t node, double rate) noexcept;
  void set_vol(std::size_t row, double vol, Nanos ts_event_ns) noexcept;

  /// The index of u to `price`, and every spot, perpetual and forward price of u by the same ratio: the basis in
  /// percent stays. Prices that are not usable stay as they are.
  void move(std::size_t u, double price, Nanos ts_event_ns) noexcept;

  /// From now on the vols of the options on u come from a surface; `surface` null: they stay as they are and are set
  /// by hand again. Vol is a function of strike, expiry and
  ///
  ///   ln K - share ln F - (1 - share) ln F0
  ///
  /// with F0 the forward at this call, or the first usable one after it: share 1 is sticky moneyness, 0 sticky strike.
  /// Between surfaces the passing of time leaves vol alone. `ts_event_ns`, when the quotes behind the surface were, is
  /// the moment of every vol: an old surface makes stale rows. Takes memory; set_price and move do not.
  void set_surface(std::size_t u, std::shared_ptr<const Surface> surface, double share, Nanos ts_event_ns);

  // whole columns, one entry per underlying, node, or instrument
  void set_indices(Column prices, Nanos ts_event_ns) noexcept;
  void set_prices(Column prices, Nanos ts_event_ns) noexcept;
  void set_rates(Column rates) noexcept;
  void set_vols(Column vols, Nanos ts_event_ns) noexcept;

  [[nodiscard]] const std::shared_ptr<const Instruments>& instruments() const noexcept { return instruments_; }
  [[nodiscard]] const std::vector<double>& index() const noexcept { return index_; }
  [[nodiscard]] const std::vector<double>& price() const noexcept { return price_; }
  [[nodiscard]] const std::vector<double>& rate() const noexcept { return rate_; }
  [[nodiscard]] const std::vector<double>& vol() const noexcept { return vol_; }
  /// dvol/dk times the share of the smile that moves along with the forward; 0 for vols set by hand.
  [[nodiscard]] const std::vector<double>& vol_slope() const noexcept { return vol_slope_; }
  /// Whether vols of u move with its forwards.
  [[nodiscard]] bool smile_moves(std::size_t u) const noexcept {
    return surfaces_[u].surface != nullptr && surfaces_[u].share != 0.0;
  }
  [[nodiscard]] const std::vector<Nanos>& index_ts() const noexcept { return index_ts_; }
  [[nodiscard]] const std::vector<Nanos>& price_ts() const noexcept { return price_ts_; }
  [[nodiscard]] const std::vector<Nanos>& vol_ts() const noexcept { return vol_ts_; }

  /// The index of u; its spot price where an index was never set, and the other way round.
  struct Quote {
    double price;
    Nanos ts_event_ns;
  };
  [[nodiscard]] Quote index_quote(std::size_t u) const noexcept;
  [[nodiscard]] Quote node_quote(std::size_t node) const noexcept;

  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  [[nodiscard]] std::uint64_t index_version(std::size_t u) const noexcept { return index_version_[u]; }
  [[nodiscard]] std::uint64_t node_version(std::size_t node) const noexcept { return node_version_[node]; }
  [[nodiscard]] std::uint64_t block_version(std::size_t block) const noexcept { return block_version_[block]; }

 private:
  struct Driver {
    std::shared_ptr<const Surface> surface;
    double share = 0.0;
    Nanos ts_event_ns = kNever;
  };
  void take_vols(std::size_t node) noexcept;

  std::shared_ptr<const Instruments> instruments_;
  std::vector<double> index_, price_, rate_, vol_, vol_slope_;
  std::vector<Driver> surfaces_;                     ///< per underlying
  std::vector<double> log_reference_;                ///< per node: ln(F0 / anchor); NaN until known
  std::vector<double> surface_vol_, surface_slope_;  ///< per option slot, for the kernel
  std::vector<Nanos> index_ts_, price_ts_, vol_ts_;
  std::uint64_t version_ = 0;
  std::vector<std::uint64_t> index_version_, node_version_, block_version_;
};

}  // namespace rebalance
