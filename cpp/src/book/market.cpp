#include "rebalance/book/market.hpp"

#include <cmath>

namespace rebalance {

RowStatus price_status(double price) noexcept {
  if (std::isnan(price)) return RowStatus::not_a_number;
  if (std::isinf(price)) return RowStatus::infinite;
  return price > 0.0 ? RowStatus::ok : RowStatus::nonpositive_price;
}

RowStatus vol_status(double vol) noexcept {
  if (std::isnan(vol)) return RowStatus::not_a_number;
  if (std::isinf(vol)) return RowStatus::infinite;
  return vol > 0.0 ? RowStatus::ok : vol == 0.0 ? RowStatus::zero_vol : RowStatus::negative_vol;
}

Market::Market(std::shared_ptr<const Instruments> instruments)
    : instruments_(std::move(instruments)),
      index_(instruments_->n_underlyings(), kNaN),
      price_(instruments_->n_nodes(), kNaN),
      rate_(instruments_->n_nodes(), 0.0),
      vol_(instruments_->size(), kNaN),
      vol_slope_(instruments_->size(), 0.0),
      surfaces_(instruments_->n_underlyings()),
      log_reference_(instruments_->n_nodes(), kNaN),
      index_ts_(instruments_->n_underlyings(), kNever),
      price_ts_(instruments_->n_nodes(), kNever),
      vol_ts_(instruments_->size(), kNever),
      index_version_(instruments_->n_underlyings(), 0),
      node_version_(instruments_->n_nodes(), 0),
      block_version_(instruments_->n_blocks(), 0) {}

void Market::set_index(std::size_t u, double price, Nanos ts_event_ns) noexcept {
  index_[u] = price;
  index_ts_[u] = ts_event_ns;
  index_version_[u] = ++version_;
}

void Market::set_price(std::size_t node, double price, Nanos ts_event_ns) noexcept {
  price_[node] = price;
  price_ts_[node] = ts_event_ns;
  node_version_[node] = ++version_;
  const auto u = static_cast<std::size_t>(instruments_->nodes()[node].underlying);
  if (smile_moves(u) || (surfaces_[u].surface != nullptr && std::isnan(log_reference_[node]))) take_vols(node);
}

void Market::set_rate(std::size_t node, double rate) noexcept {
  rate_[node] = rate;
  node_version_[node] = ++version_;
}

void Market::set_vol(std::size_t row, double vol, Nanos ts_event_ns) noexcept {
  vol_[row] = vol;
  vol_ts_[row] = ts_event_ns;
  vol_slope_[row] = 0.0;
  const std::int32_t slot = instruments_->row_slot()[row];
  if (slot != Instruments::kInert) block_version_[static_cast<std::size_t>(slot) / kBlockRows] = ++version_;
}

void Market::set_surface(std::size_t u, std::shared_ptr<const Surface> surface, double share, Nanos ts_event_ns) {
  if (surface_vol_.empty()) {
    surface_vol_.resize(instruments_->n_slots());
    surface_slope_.resize(instruments_->n_slots());
  }
  surfaces_[u] = {std::move(surface), share, ts_event_ns};
  for (std::size_t node = instruments_->node_begin(u); node < instruments_->node_begin(u + 1); ++node) {
    const Node& n = instruments_->nodes()[node];
    log_reference_[node] = kNaN;
    for (std::size_t slot = n.first_block * kBlockRows; slot < (n.first_block + n.blocks()) * kBlockRows; ++slot) {
      if (instruments_->slot_row()[slot] == Instruments::kInert) continue;
      const auto row = static_cast<std::size_t>(instruments_->slot_row()[slot]);
      vol_slope_[row] = 0.0;
      if (surfaces_[u].surface == nullptr) continue;
      vol_[row] = kNaN;  // until there is a forward to take it at
      vol_ts_[row] = ts_event_ns;
    }
    ++version_;
    for (std::size_t b = n.first_block; b < n.first_block + n.blocks(); ++b) block_version_[b] = version_;
    if (surfaces_[u].surface != nullptr) take_vols(node);
  }
}

/// The vols of a node's options from its surface, at the forward it has now.
void Market::take_vols(std::size_t node) noexcept {
  const Node& n = instruments_->nodes()[node];
  const auto u = static_cast<std::size_t>(n.underlying);
  const Driver& driver = surfaces_[u];
  if (n.blocks() == 0 || n.expiry_ns <= driver.ts_event_ns || !has_value(price_status(price_[node]))) return;
  double scaled[kLanes], logs[kLanes];
  for (double& x : scaled) x = price_[node] / instruments_->anchor(u);
  active_kernels().log(scaled, logs, kLanes);
  if (std::isnan(log_reference_[node])) log_reference_[node] = logs[0];
  const std::size_t first = n.first_block * kBlockRows, slots = n.blocks() * kBlockRows;
  active_kernels().smile({.log_strike = instruments_->slot_log_strike() + first,
                          .log_forward = log_reference_[node] + driver.share * (logs[0] - log_reference_[node]),
                          .years = static_cast<double>(n.expiry_ns - driver.ts_event_ns) / kNanosPerYear,
                          .slices = driver.surface->slices(),
                          .vol = surface_vol_.data() + first,
                          .slope = surface_slope_.data() + first,
                          .rows = slots});
  for (std::size_t slot = first; slot < first + slots; ++slot) {
    if (instruments_->slot_row()[slot] == Instruments::kInert) continue;
    const auto row = static_cast<std::size_t>(instruments_->slot_row()[slot]);
    vol_[row] = surface_vol_[slot];
    vol_slope_[row] = driver.share * surface_slope_[slot];
    vol_ts_[row] = driver.ts_event_ns;
  }
  ++version_;
  for (std::size_t b = n.first_block; b < n.first_block + n.blocks(); ++b) block_version_[b] = version_;
}

void Market::move(std::size_t u, double price, Nanos ts_event_ns) noexcept {
  const double before = index_quote(u).price, ratio = price / before;
  const bool usable = has_value(price_status(price)) && has_value(price_status(before));
  for (std::size_t node = instruments_->node_begin(u); node < instruments_->node_begin(u + 1); ++node) {
    if (usable && has_value(price_status(price_[node]))) set_price(node, price_[node] * ratio, ts_event_ns);
  }
  set_index(u, price, ts_event_ns);
}

void Market::set_indices(Column prices, Nanos ts_event_ns) noexcept {
  for (std::size_t u = 0; u < prices.size(); ++u) set_index(u, prices[u], ts_event_ns);
}

void Market::set_prices(Column prices, Nanos ts_event_ns) noexcept {
  for (std::size_t node = 0; node < prices.size(); ++node) set_price(node, prices[node], ts_event_ns);
}

void Market::set_rates(Column rates) noexcept {
  for (std::size_t node = 0; node < rates.size(); ++node) set_rate(node, rates[node]);
}

void Market::set_vols(Column vols, Nanos ts_event_ns) noexcept {
  for (std::size_t row = 0; row < vols.size(); ++row) {
    vol_[row] = vols[row];
    vol_ts_[row] = ts_event_ns;
    vol_slope_[row] = 0.0;
  }
  ++version_;
  for (std::uint64_t& version : block_version_) version = version_;
}

Market::Quote Market::index_quote(std::size_t u) const noexcept {
  if (index_ts_[u] != kNever) return {index_[u], index_ts_[u]};
  const std::size_t spot = instruments_->node_begin(u);
  return {price_[spot], price_ts_[spot]};
}

Market::Quote Market::node_quote(std::size_t node) const noexcept {
  const Node& n = instruments_->nodes()[node];
  const auto u = static_cast<std::size_t>(n.underlying);
  if (n.expiry_ns == kSpotExpiry && price_ts_[node] == kNever) return {index_[u], index_ts_[u]};
  return {price_[node], price_ts_[node]};
}

}  // namespace rebalance
