#include "rebalance/book/instruments.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <tuple>

#include "rebalance/math/exp_log.hpp"

namespace rebalance {

using C = InstrumentColumns;

const std::array<NumericColumn, kNumericColumnCount> kNumericColumns = {{
    // name, member, missing, options_only, may_be_zero, may_be_infinite
    {"strike", &C::strike, kNaN, true, false, false},
    {"phi", &C::phi, kNaN, true, false, false},
    {"multiplier", &C::multiplier, 1.0, false, false, false},
    {"lot_size", &C::lot_size, 1.0, false, false, false},
    {"tick_size", &C::tick_size, 0.0, false, true, false},
    {"min_notional", &C::min_notional, 0.0, false, true, false},
    {"maker_fee_bps", &C::maker_fee_bps, 0.0, false, true, false},
    {"taker_fee_bps", &C::taker_fee_bps, 0.0, false, true, false},
    {"fee_cap", &C::fee_cap, HUGE_VAL, false, true, true},
    {"half_spread_bps", &C::half_spread_bps, 0.0, false, true, false},
}};

std::string_view to_string(Kind kind) noexcept {
  constexpr std::string_view kWords[kKindCount] = {"spot",          "linear_perpetual", "inverse_perpetual",
                                                   "linear_future", "inverse_future",   "linear_option",
                                                   "inverse_option"};
  const auto i = static_cast<unsigned>(kind);
  return i < kKindCount ? kWords[i] : "unknown";
}

namespace {

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream message;
  message.precision(17);
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

/// Indices 0 .. n-1 sorted by the string they stand for, and a search in them.
std::vector<std::int32_t> sorted_by_name(const std::vector<std::string>& names) {
  std::vector<std::int32_t> order(names.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return names[a] < names[b]; });
  return order;
}

void refuse_duplicates(const char* column, const std::vector<std::string>& names,
                       const std::vector<std::int32_t>& order) {
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (names[order[i]] == names[order[i - 1]]) {
      const auto [first, second] = std::minmax(order[i - 1], order[i]);
      refuse(column, "[", second, "] repeats ", column, "[", first, "]: '", names[second], "'");
    }
  }
}

std::int32_t find(std::string_view name, const std::vector<std::string>& names,
                  const std::vector<std::int32_t>& order) noexcept {
  const auto at = std::lower_bound(order.begin(), order.end(), name,
                                   [&](std::int32_t i, std::string_view n) { return names[i] < n; });
  return at != order.end() && names[*at] == name ? *at : -1;
}

/// A column left out becomes the default; one that is there must have one entry per instrument.
template <class T>
void complete(const char* name, std::vector<T>& column, std::size_t n, T missing) {
  if (column.empty() && n > 0) column.assign(n, missing);
  if (column.size() != n) {
    refuse(name, " has ", column.size(), " rows, but kind has ", n, ": every column needs one row per instrument");
  }
}

}  // namespace

Instruments::Instruments(InstrumentColumns columns) : columns_(std::move(columns)) {
  check();
  lay_out();
}

void Instruments::check() {
  C& c = columns_;
  const std::size_t n = c.kind.size();
  if (n > static_cast<std::size_t>(INT32_MAX)) refuse("kind has ", n, " rows; at most ", INT32_MAX, " are held");

  if (c.symbol.empty() && n > 0) {
    for (std::size_t i = 0; i < n; ++i) c.symbol.push_back(std::to_string(i));
  }
  complete<std::string>("symbol", c.symbol, n, {});
  complete<std::int32_t>("underlying", c.underlying, n, 0);
  complete<Nanos>("expiry_ns", c.expiry_ns, n, 0);
  for (const NumericColumn& column : kNumericColumns) complete(column.name, c.*column.member, n, column.missing);

  symbols_sorted_ = sorted_by_name(c.symbol);
  refuse_duplicates("symbol", c.symbol, symbols_sorted_);
  underlyings_sorted_ = sorted_by_name(c.underlyings);
  refuse_duplicates("underlyings", c.underlyings, underlyings_sorted_);

  for (std::size_t i = 0; i < n; ++i) {
    const Kind kind = c.kind[i];
    if (static_cast<unsigned>(kind) >= kKindCount) {
      refuse("kind[", i, "] is ", static_cast<unsigned>(kind), "; the kinds are 0 to ", kKindCount - 1);
    }
    if (c.underlying[i] < 0 || static_cast<std::size_t>(c.underlying[i]) >= c.underlyings.size()) {
      refuse("underlying[", i, "] is ", c.underlying[i], ", but there are ", c.underlyings.size(), " underlyings");
    }
    if (kind == Kind::spot) {
      c.expiry_ns[i] = kSpotExpiry;
    } else if (is_perpetual(kind)) {
      c.expiry_ns[i] = kPerpetualExpiry;
    } else if (c.expiry_ns[i] <= 0 || c.expiry_ns[i] == kPerpetualExpiry) {
      refuse("expiry_ns[", i, "] is ", c.expiry_ns[i], ": a ", to_string(kind),
             " needs its expiry in nanoseconds since 1970");
    }
    for (const NumericColumn& column : kNumericColumns) {
      double& x = (c.*column.member)[i];
      if (column.options_only && !is_option(kind)) {
        x = kNaN;
        continue;
      }
      if (column.member == &C::phi) {
        if (x != 1.0 && x != -1.0) refuse("phi[", i, "] must be +1 (call) or -1 (put), got ", x);
        continue;
      }
      const bool in_range =
          (x > 0.0 || (column.may_be_zero && x == 0.0)) && (std::isfinite(x) || column.may_be_infinite);
      if (!in_range) {
        refuse(column.name, "[", i, "] must be ", column.may_be_zero ? "at least 0" : "above 0",
               column.may_be_infinite ? "" : " and finite", " for a ", to_string(kind), ", got ", x);
      }
    }
  }
}

void Instruments::lay_out() {
  const C& c = columns_;
  const std::size_t n = c.kind.size();
  std::vector<std::int32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](std::int32_t i) {
    const bool option = is_option(c.kind[i]);
    return std::tuple<std::int32_t, Nanos, bool, bool, double, double, std::int32_t>(
        c.underlying[i], c.expiry_ns[i], option, option && is_inverse(c.kind[i]), option ? c.strike[i] : 0.0,
        option ? c.phi[i] : 0.0, i);
  };
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) < key(b); });

  row_slot_.assign(n, kInert);
  row_node_.assign(n, 0);
  auto next = order.begin();
  const auto begin_node = [&](std::int32_t u, Nanos expiry) {
    nodes_.push_back({u, expiry, delta_one_rows_.size(), 0, slot_row_.size() / kBlockRows, 0, 0});
  };
  const auto fill_block = [&] {
    slot_row_.resize((slot_row_.size() + kBlockRows - 1) / kBlockRows * kBlockRows, kInert);
    return slot_row_.size() / kBlockRows;
  };
  for (std::int32_t u = 0; u < static_cast<std::int32_t>(c.underlyings.size()); ++u) {
    node_begin_.push_back(nodes_.size());
    begin_node(u, kSpotExpiry);
    while (next != order.end() && c.underlying[*next] == u) {
      if (nodes_.back().expiry_ns != c.expiry_ns[*next]) begin_node(u, c.expiry_ns[*next]);
      Node& node = nodes_.back();
      for (; next != order.end() && c.underlying[*next] == u && c.expiry_ns[*next] == node.expiry_ns; ++next) {
        row_node_[*next] = static_cast<std::int32_t>(nodes_.size() - 1);
        if (!is_option(c.kind[*next])) {
          delta_one_rows_.push_back(*next);
          continue;
        }
        if (c.kind[*next] == Kind::inverse_option && node.inverse_blocks == 0) {
          node.linear_blocks = fill_block() - node.first_block;
          node.inverse_blocks = 1;  // counted below
        }
        row_slot_[*next] = static_cast<std::int32_t>(slot_row_.size());
        slot_row_.push_back(*next);
      }
      node.delta_one_rows = delta_one_rows_.size() - node.first_delta_one;
      const std::size_t blocks = fill_block() - node.first_block;
      (node.inverse_blocks == 0 ? node.linear_blocks : node.inverse_blocks) =
          node.inverse_blocks == 0 ? blocks : blocks - node.linear_blocks;
    }
  }
  node_begin_.push_back(nodes_.size());

  anchor_.assign(c.underlyings.size(), 1.0);
  slot_log_strike_.assign(slot_row_.size(), 0.0);
  slot_strike_.assign(slot_row_.size(), 1.0);
  slot_phi_.assign(slot_row_.size(), 1.0);
  std::vector<double> strikes;
  for (std::size_t u = 0; u < c.underlyings.size(); ++u) {
    const Node& first = nodes_[node_begin_[u]];
    const Node& last = nodes_[node_begin_[u + 1] - 1];
    strikes.clear();
    const std::size_t begin = first.first_block * kBlockRows, end = (last.first_block + last.blocks()) * kBlockRows;
    for (std::size_t slot = begin; slot < end; ++slot) {
      if (slot_row_[slot] != kInert) strikes.push_back(c.strike[slot_row_[slot]]);
    }
    if (strikes.empty()) continue;
    std::nth_element(strikes.begin(), strikes.begin() + strikes.size() / 2, strikes.end());
    anchor_[u] = std::ldexp(1.0, std::ilogb(strikes[strikes.size() / 2] * 1.41));
    for (std::size_t slot = begin; slot < end; ++slot) {
      const std::int32_t row = slot_row_[slot];
      slot_strike_[slot] = row == kInert ? anchor_[u] : c.strike[row];
      slot_phi_[slot] = row == kInert ? 1.0 : c.phi[row];
      slot_log_strike_[slot] = math::log(simd::Vec<simd::Scalar>(slot_strike_[slot] / anchor_[u])).v;
    }
  }
}

std::int32_t Instruments::find_symbol(std::string_view symbol) const noexcept {
  return find(symbol, columns_.symbol, symbols_sorted_);
}

std::int32_t Instruments::find_underlying(std::string_view name) const noexcept {
  return find(name, columns_.underlyings, underlyings_sorted_);
}

}  // namespace rebalance
