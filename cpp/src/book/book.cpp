#include "rebalance/book/book.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace rebalance {
namespace {

void check_length(const char* name, std::size_t got, const char* what, std::size_t wanted) {
  if (got == wanted) return;
  throw std::invalid_argument(std::string(name) + " has " + std::to_string(got) + " rows, but there are " +
                              std::to_string(wanted) + " " + what);
}

void check_finite(const char* name, Column column) {
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (std::isfinite(column[i])) continue;
    throw std::invalid_argument(std::string(name) + "[" + std::to_string(i) + "] must be finite, got " +
                                std::to_string(column[i]));
  }
}

}  // namespace

Book::Book(std::shared_ptr<const Instruments> instruments, Column quantity, Column entry_price, double cash,
           Column coin_cash, Numeraire numeraire)
    : instruments_(std::move(instruments)), cash_(cash), numeraire_(numeraire) {
  const Instruments& in = *instruments_;
  check_length("quantity", quantity.size(), "instruments", in.size());
  check_finite("quantity", quantity);
  if (!entry_price.empty()) check_length("entry_price", entry_price.size(), "instruments", in.size());
  if (!coin_cash.empty()) check_length("coin_cash", coin_cash.size(), "underlyings", in.n_underlyings());
  check_finite("coin_cash", coin_cash);
  check_finite("cash", {&cash, 1});

  quantity_.assign(in.size(), 0.0);
  coin_cash_.assign(in.n_underlyings(), 0.0);
  std::copy(coin_cash.begin(), coin_cash.end(), coin_cash_.begin());
  basis_.assign(in.size(), 0.0);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double entry = entry_price.empty() ? kNaN : entry_price[i];
    if (!std::isnan(entry) && !(entry > 0.0 && std::isfinite(entry)) && !is_option(in.kind(i))) {
      throw std::invalid_argument("entry_price[" + std::to_string(i) + "] must be above 0 (or NaN for none), got " +
                                  std::to_string(entry));
    }
    put(i, quantity[i], entry);
  }
  node_version_.assign(in.n_nodes(), 0);
  block_version_.assign(in.n_blocks(), 0);
}

bool Book::tracks_entry(std::size_t row) const noexcept {
  const Kind kind = instruments_->kind(row);
  return (is_future(kind) || is_perpetual(kind)) && !std::isnan(basis_[row]);
}

void Book::fill(std::size_t row, double quantity, double price, double fee) noexcept {
  const Kind kind = instruments_->kind(row);
  const auto u = static_cast<std::size_t>(instruments_->columns().underlying[row]);
  double& cash = is_inverse(kind) ? coin_cash_[u] : cash_;
  quantity_[row] += quantity;
  if (kind == Kind::spot || is_option(kind)) {
    if (!std::isnan(price)) cash -= quantity * instruments_->columns().multiplier[row] * price;
  } else if (tracks_entry(row)) {
    basis_[row] += is_inverse(kind) ? quantity / price : quantity * price;
  }
  cash -= fee;
  touch(row);
}

void Book::put(std::size_t row, double quantity, double entry_price) noexcept {
  quantity_[row] = quantity;
  basis_[row] = quantity == 0.0                       ? 0.0
                : is_inverse(instruments_->kind(row)) ? quantity / entry_price
                                                      : quantity * entry_price;
}

void Book::set_quantity(std::size_t row, double quantity, double entry_price) noexcept {
  put(row, quantity, entry_price);
  touch(row);
}

void Book::set_quantities(Column quantity, Column entry_price) noexcept {
  for (std::size_t i = 0; i < quantity.size(); ++i) put(i, quantity[i], entry_price.empty() ? kNaN : entry_price[i]);
  ++version_;
  std::fill(node_version_.begin(), node_version_.end(), version_);
  std::fill(block_version_.begin(), block_version_.end(), version_);
}

void Book::set_cash(double cash) noexcept {
  cash_ = cash;
  ++version_;
}

void Book::set_coin_cash(std::size_t u, double coins) noexcept {
  coin_cash_[u] = coins;
  node_version_[instruments_->node_begin(u)] = ++version_;
}

void Book::touch(std::size_t row) noexcept {
  ++version_;
  const std::int32_t slot = instruments_->row_slot()[row];
  if (slot != Instruments::kInert) block_version_[static_cast<std::size_t>(slot) / kBlockRows] = version_;
  // A fill may move coin cash, which belongs to the underlying's first node.
  node_version_[static_cast<std::size_t>(instruments_->row_node()[row])] = version_;
  node_version_[instruments_->node_begin(static_cast<std::size_t>(instruments_->columns().underlying[row]))] = version_;
}

}  // namespace rebalance
