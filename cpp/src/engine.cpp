#include "rebalance/engine.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "rebalance/kernels.hpp"
#include "rebalance/math/exp_log.hpp"
#include "rebalance/pricing/models.hpp"
#include "rebalance/routing/lots.hpp"
#include "rebalance/sizing/cost.hpp"

namespace rebalance {
namespace {

using S = simd::Vec<simd::Scalar>;

/// Beyond these a total deviation changes no digit of a value: the kernel stays clear of 0 and infinity.
constexpr double kLeastStddev = 1e-12, kMostStddev = 100.0;

[[nodiscard]] bool dated(const Node& node) {
  return node.expiry_ns != kSpotExpiry && node.expiry_ns != kPerpetualExpiry;
}

/// Rows that have expired are settled: they hold nothing back.
[[nodiscard]] bool stops_trading(RowStatus status) { return !has_value(status) && status != RowStatus::expired; }

void keep_worse(RowStatus& worst, RowStatus status) {
  if (stops_trading(status) && !stops_trading(worst)) worst = status;
}

[[nodiscard]] Nanos saturating_add(Nanos a, Nanos b) { return b > 0 && a > INT64_MAX - b ? INT64_MAX : a + b; }

void check_length(const char* name, std::size_t got, std::size_t wanted) {
  if (got == wanted) return;
  throw std::invalid_argument(std::string(name) + " has " + std::to_string(got) + " entries, but there are " +
                              std::to_string(wanted) + " underlyings");
}

void check_greek_hedge(GreekHedge& h, const Instruments& in, std::size_t u, Numeraire numeraire) {
  const std::size_t m = h.instruments.size();
  if (m == 0) return;
  const std::string of = "hedge of " + in.columns().underlyings[u];
  for (std::size_t i = 0; i < m; ++i) {
    const auto row = static_cast<std::size_t>(h.instruments[i]);
    if (h.instruments[i] < 0 || row >= in.size()) {
      throw std::invalid_argument(of + ": instrument " + std::to_string(h.instruments[i]) + ", but there are " +
                                  std::to_string(in.size()));
    }
    const std::string& symbol = in.columns().symbol[row];
    if (static_cast<std::size_t>(in.columns().underlying[row]) != u) {
      throw std::invalid_argument(of + ": '" + symbol + "' is on " +
                                  in.columns().underlyings[static_cast<std::size_t>(in.columns().underlying[row])]);
    }
    if (numeraire == Numeraire::coin && in.kind(row) == Kind::spot) {
      throw std::invalid_argument(of + ": '" + symbol + "' is a spot holding, which has no delta in coin");
    }
    if (std::count(h.instruments.begin(), h.instruments.end(), h.instruments[i]) > 1) {
      throw std::invalid_argument(of + ": '" + symbol + "' is named twice");
    }
  }
  if (h.max_size.empty()) h.max_size.assign(m, HUGE_VAL);
  if (h.max_size.size() != m) {
    throw std::invalid_argument(of + ": max_size has " + std::to_string(h.max_size.size()) +
                                " entries, but there are " + std::to_string(m) + " instruments");
  }
  for (const double most : h.max_size) {
    if (!(most >= 0.0)) throw std::invalid_argument(of + ": max_size must be at least 0, got " + std::to_string(most));
  }
}

void check_settings(EngineSettings& s, const Instruments& in, Numeraire numeraire) {
  const std::size_t n = in.n_underlyings();
  if (s.clock_step_ns < 0)
    throw std::invalid_argument("clock_step_ns must be at least 0, got " + std::to_string(s.clock_step_ns));
  if (s.max_age_ns < 0)
    throw std::invalid_argument("max_age_ns must be at least 0, got " + std::to_string(s.max_age_ns));
  if (!(s.fraction > 0.0 && s.fraction <= 1.0)) {
    throw std::invalid_argument("fraction must be above 0 and at most 1, got " + std::to_string(s.fraction));
  }
  if (s.hedge.empty()) s.hedge.assign(n, -1);
  check_length("hedge", s.hedge.size(), n);
  if (s.reduce_only.empty()) s.reduce_only.assign(n, 0);
  check_length("reduce_only", s.reduce_only.size(), n);
  for (std::size_t u = 0; u < n; ++u) {
    if (s.hedge[u] < 0) continue;
    const auto row = static_cast<std::size_t>(s.hedge[u]);
    const std::string& underlying = in.columns().underlyings[u];
    if (row >= in.size()) {
      throw std::invalid_argument("hedge of " + underlying + " is instrument " + std::to_string(row) +
                                  ", but there are " + std::to_string(in.size()));
    }
    const std::string& symbol = in.columns().symbol[row];
    if (static_cast<std::size_t>(in.columns().underlying[row]) != u) {
      throw std::invalid_argument("hedge of " + underlying + " is '" + symbol + "', which is on " +
                                  in.columns().underlyings[static_cast<std::size_t>(in.columns().underlying[row])]);
    }
    if (is_option(in.kind(row))) {
      throw std::invalid_argument("hedge of " + underlying + " is '" + symbol +
                                  "', an option; delta is hedged with a spot, perpetual or future");
    }
    if (numeraire == Numeraire::coin && in.kind(row) == Kind::spot) {
      throw std::invalid_argument("hedge of " + underlying + " is '" + symbol +
                                  "', a spot holding, which has no delta in coin; use a perpetual or future, or the "
                                  "quote numeraire");
    }
  }
  if (s.greek_hedges.empty()) s.greek_hedges.resize(n);
  check_length("greek_hedges", s.greek_hedges.size(), n);
  for (std::size_t u = 0; u < n; ++u) check_greek_hedge(s.greek_hedges[u], in, u, numeraire);
  CostGate& gate = s.cost_gate;
  if (std::isnan(gate.risk_aversion) || gate.risk_aversion < 0.0 || std::isnan(gate.horizon_years) ||
      gate.horizon_years < 0.0) {
    throw std::invalid_argument("cost gate: risk_aversion and horizon_years must be at least 0, got " +
                                std::to_string(gate.risk_aversion) + " and " + std::to_string(gate.horizon_years));
  }
  if (gate.on()) check_length("cost gate vol", gate.vol.size(), n);
}

}  // namespace

Engine::Engine(std::shared_ptr<Book> book, std::shared_ptr<Market> market, Targets targets, Trigger trigger,
               EngineSettings settings)
    : instruments_(book->instruments()),
      book_(std::move(book)),
      market_(std::move(market)),
      targets_(std::move(targets)),
      trigger_(std::move(trigger)),
      settings_(std::move(settings)),
      trigger_state_(trigger_) {
  const Instruments& in = *instruments_;
  if (market_->instruments() != instruments_) {
    throw std::invalid_argument("book and market were made from different Instruments");
  }
  const std::size_t n = in.n_underlyings();
  targets_.complete(n);
  trigger_.check();
  if (trigger_.n_underlyings() != n) {
    throw std::invalid_argument("the trigger is for " + std::to_string(trigger_.n_underlyings()) +
                                " underlyings, but there are " + std::to_string(n));
  }
  check_settings(settings_, in, book_->numeraire());

  stddev_.assign(in.n_slots(), 1.0);
  inverse_stddev_.assign(in.n_slots(), 1.0);
  weight_.assign(in.n_slots(), 0.0);
  vol_slope_.assign(in.n_slots(), 0.0);
  block_sums_.assign(in.n_blocks() * kRemarkSums * kSumLanes, 0.0);
  block_gross_.assign(in.n_blocks(), 0.0);
  block_net_.assign(in.n_blocks(), 0.0);
  block_status_.assign(in.n_blocks(), RowStatus::ok);
  marks_.assign(in.n_nodes(),
                {.forward = kNaN, .index = kNaN, .rate = 0.0, .discount = 1.0, .years = 0.0, .sqrt_years = 0.0});
  work_.assign(in.n_nodes(), 0);
  const std::size_t node_lanes = (in.n_nodes() + kLanes - 1) / kLanes * kLanes;
  scaled_forward_.assign(node_lanes, 1.0);
  log_forward_.assign(node_lanes, 0.0);
  holdings_.assign(in.n_nodes(), {});
  held_status_.assign(in.n_nodes(), RowStatus::ok);
  underlying_dirty_.assign(n, 1);
  index_status_.assign(n, RowStatus::not_a_number);
  trigger_rows_.assign(n, {});
  weight_trades_.reserve(n);
  plan_.underlyings.assign(n, {});
  std::size_t most_trades = n;
  hedge_work_.resize(n);
  for (std::size_t u = 0; u < n; ++u) {
    const GreekHedge& h = settings_.greek_hedges[u];
    const std::size_t m = h.instruments.size();
    if (m == 0) continue;
    hedge_work_[u].emplace(HedgeWork{.solver = sizing::HedgeSolver(kHedgedGreeks, m),
                                     .greeks = std::vector<double>(kHedgedGreeks * m),
                                     .cost = std::vector<double>(m),
                                     .lower = std::vector<double>(m),
                                     .upper = std::vector<double>(m),
                                     .size = std::vector<double>(m),
                                     .premium = std::vector<double>(m),
                                     .usable = std::vector<std::uint8_t>(m),
                                     .fixed = std::vector<std::uint8_t>(m),
                                     .exposure = {},
                                     .risk_before = 0.0});
    sizing::HedgeUpdate worth;
    worth.penalty = h.penalty;
    worth.limit = h.limit;
    hedge_work_[u]->solver.update(worth);
    most_trades += m;
  }
  // One contract among slots that count for nothing.
  one_contract_.assign(7 * kBlockRows + kRemarkSums * kSumLanes, 1.0);
  std::fill_n(one_contract_.begin(), kBlockRows, 0.0);
  std::fill_n(one_contract_.begin() + 5 * kBlockRows, 2 * kBlockRows, 0.0);
  plan_.trades.reserve(most_trades);
  plan_.nodes.assign(in.n_nodes(), {});
  plan_.node_status.assign(in.n_nodes(), RowStatus::not_a_number);
  plan_.row_status.assign(in.size(), RowStatus::not_a_number);
}

void Engine::set_targets(Targets targets) {
  targets.complete(instruments_->n_underlyings());
  targets_ = std::move(targets);
  targets_changed_ = true;
}

Nanos Engine::pricing_clock(Nanos now_ns) const noexcept {
  return settings_.clock_step_ns > 0 ? now_ns - now_ns % settings_.clock_step_ns : now_ns;
}

/// The status of something quoted at `ts`: stale once it is older than the engine accepts.
RowStatus Engine::aged(RowStatus status, Nanos ts) noexcept {
  if (settings_.max_age_ns == 0) return status;
  if (ts == kNever) return RowStatus::stale;
  const Nanos stale_from = saturating_add(saturating_add(ts, settings_.max_age_ns), 1);
  if (last_now_ns_ >= stale_from) return RowStatus::stale;
  watch(stale_from);
  return status;
}

RowStatus Engine::quote_status(const Market::Quote& quote) noexcept {
  const RowStatus status = price_status(quote.price);
  return has_value(status) ? aged(status, quote.ts_event_ns) : status;
}

void Engine::watch(Nanos instant) noexcept { next_event_ns_ = std::min(next_event_ns_, instant); }

std::size_t Engine::rows_to_price(Nanos now_ns) const noexcept {
  if (pricing_clock(now_ns) != clock_ns_) return instruments_->n_slots();
  if (market_->version() == market_seen_) return 0;
  std::size_t rows = 0;
  for (std::size_t node = 0; node < marks_.size(); ++node) {
    if (market_->node_version(node) > market_seen_) rows += instruments_->nodes()[node].blocks() * kBlockRows;
  }
  return rows;
}

const Plan& Engine::tick(Nanos now_ns) noexcept {
  const bool nothing_moved = market_->version() == market_seen_ && book_->version() == book_seen_ &&
                             !targets_changed_ && pricing_clock(now_ns) == clock_ns_ && now_ns >= last_now_ns_ &&
                             now_ns < next_event_ns_;
  plan_.now_ns = now_ns;
  if (nothing_moved && !calendar_fired_ && !trigger_state_.calendar_due(trigger_, now_ns)) return plan_;

  if (!nothing_moved) {
    refresh(now_ns);
    measure();
  }
  calendar_fired_ = trigger_state_.calendar_due(trigger_, now_ns);
  trigger_state_.evaluate(trigger_, trigger_rows_, now_ns);
  size();
  return plan_;
}

// --- mark, price, aggregate ---

void Engine::refresh(Nanos now_ns) noexcept {
  const Nanos clock = pricing_clock(now_ns);
  const bool everything = clock != clock_ns_ || now_ns < last_now_ns_ || now_ns >= next_event_ns_;
  if (everything) next_event_ns_ = INT64_MAX;
  clock_ns_ = clock;
  last_now_ns_ = now_ns;

  for (std::size_t u = 0; u < instruments_->n_underlyings(); ++u) mark_underlying(u, everything);
  take_logs();
  for (std::size_t n = 0; n < marks_.size(); ++n) {
    price_node(n);
    if (work_[n] != 0) aggregate_node(n);
  }
  for (std::size_t u = 0; u < instruments_->n_underlyings(); ++u) {
    if (underlying_dirty_[u]) aggregate_underlying(u);
  }
  market_seen_ = market_->version();
  book_seen_ = book_->version();
}

/// Finds what changed at the nodes of u and renews their shared inputs.
void Engine::mark_underlying(std::size_t u, bool everything) noexcept {
  const bool index_moved = everything || market_->index_version(u) > market_seen_;
  // The index may be the spot price, which comes first among the nodes of u.
  const double index = market_->index_quote(u).price;
  for (std::size_t n = instruments_->node_begin(u); n < instruments_->node_begin(u + 1); ++n) {
    const bool spot = instruments_->nodes()[n].expiry_ns == kSpotExpiry;
    std::uint8_t work = 0;
    if (everything || market_->node_version(n) > market_seen_ || (spot && index_moved)) {
      work |= kMoved;
      const RowStatus before = plan_.node_status[n];
      mark_node(n);
      if (everything || plan_.node_status[n] != before) work |= kReload;
    }
    if (everything || book_->node_version(n) > book_seen_) {
      holdings_[n] = holdings(*instruments_, *book_, instruments_->nodes()[n]);
      work |= kAggregate;
    }
    if (marks_[n].index != index) work |= kAggregate;
    marks_[n].index = index;
    work_[n] = work;
    underlying_dirty_[u] |= work != 0 || index_moved;
  }
}

void Engine::mark_node(std::size_t n) noexcept {
  const Node& node = instruments_->nodes()[n];
  const Market::Quote quote = market_->node_quote(n);
  NodeMark& mark = marks_[n];
  RowStatus status = quote_status(quote);
  const double rate = market_->rate()[n];
  const double years = dated(node) ? static_cast<double>(node.expiry_ns - clock_ns_) / kNanosPerYear : 0.0;
  if (has_value(status) && !std::isfinite(rate)) status = RowStatus::not_a_number;
  if (has_value(status) && std::fabs(rate * years) > pricing::kMaxExponent) status = RowStatus::infinite;
  if (dated(node)) {
    if (last_now_ns_ >= node.expiry_ns) {
      status = RowStatus::expired;
    } else {
      watch(node.expiry_ns);
    }
  }
  if (has_value(status)) {
    mark.forward = quote.price;
    if (rate != mark.rate || years != mark.years) {
      mark.rate = rate;
      mark.years = years;
      mark.sqrt_years = std::sqrt(years);
      mark.discount = rate == 0.0 ? 1.0 : pricing::discount(S(rate), S(years)).v;
    }
  }
  scaled_forward_[n] =
      has_value(status) ? quote.price / instruments_->anchor(static_cast<std::size_t>(node.underlying)) : 1.0;
  plan_.node_status[n] = status;
  for (std::size_t i = node.first_delta_one; i < node.first_delta_one + node.delta_one_rows; ++i) {
    plan_.row_status[static_cast<std::size_t>(instruments_->delta_one_rows()[i])] = status;
  }
}

/// ln(forward / anchor) of the nodes that moved and have options, kLanes at a time.
void Engine::take_logs() noexcept {
  for (std::size_t first = 0; first < log_forward_.size(); first += kLanes) {
    const std::size_t end = std::min(first + kLanes, marks_.size());
    bool wanted = false;
    for (std::size_t n = first; n < end; ++n)
      wanted |= (work_[n] & kMoved) != 0 && instruments_->nodes()[n].blocks() > 0;
    if (wanted) active_kernels().log(scaled_forward_.data() + first, log_forward_.data() + first, kLanes);
  }
}

/// Loads and prices what changed among the option blocks of a node.
void Engine::price_node(std::size_t n) noexcept {
  const Node& node = instruments_->nodes()[n];
  const bool moved = (work_[n] & kMoved) != 0;
  for (std::size_t b = node.first_block; b < node.first_block + node.blocks(); ++b) {
    if ((work_[n] & kReload) == 0 && market_->block_version(b) <= market_seen_ &&
        book_->block_version(b) <= book_seen_) {
      continue;
    }
    load_block(n, b);
    if (!moved) price_blocks(n, b, 1);
    work_[n] |= kAggregate;
    underlying_dirty_[static_cast<std::size_t>(node.underlying)] = 1;
  }
  if (moved) price_blocks(n, node.first_block, node.blocks());
}

void Engine::load_block(std::size_t n, std::size_t block) noexcept {
  const Instruments& in = *instruments_;
  const RowStatus node_status = plan_.node_status[n];
  const double sqrt_years = has_value(node_status) ? marks_[n].sqrt_years : 0.0;
  double gross = 0.0, net = 0.0;
  RowStatus worst = RowStatus::ok;
  for (std::size_t slot = block * kBlockRows; slot < (block + 1) * kBlockRows; ++slot) {
    if (in.slot_row()[slot] == Instruments::kInert) continue;
    const auto row = static_cast<std::size_t>(in.slot_row()[slot]);
    RowStatus status = node_status;
    if (has_value(status)) status = vol_status(market_->vol()[row]);
    if (has_value(status)) status = aged(status, market_->vol_ts()[row]);
    plan_.row_status[row] = status;
    const double quantity = book_->quantity()[row];
    if (quantity != 0.0) keep_worse(worst, status);
    const bool counts = has_value(status);
    const double stddev = counts ? market_->vol()[row] * sqrt_years : 1.0;
    stddev_[slot] = std::clamp(stddev, kLeastStddev, kMostStddev);
    inverse_stddev_[slot] = 1.0 / stddev_[slot];
    vol_slope_[slot] = counts ? market_->vol_slope()[row] : 0.0;
    weight_[slot] = counts ? quantity * in.columns().multiplier[row] : 0.0;
    gross += std::fabs(weight_[slot]);
    net += weight_[slot];
  }
  block_gross_[block] = gross;
  block_net_[block] = net;
  block_status_[block] = worst;
}

void Engine::price_blocks(std::size_t n, std::size_t first, std::size_t count) noexcept {
  if (count == 0 || !has_value(plan_.node_status[n])) return;
  const std::size_t slot = first * kBlockRows;
  const KernelTable& kernels = active_kernels();
  const bool smile = market_->smile_moves(static_cast<std::size_t>(instruments_->nodes()[n].underlying));
  (smile ? kernels.remark_smile : kernels.remark)(marks_[n].forward, log_forward_[n],
                                                  {.log_strike = instruments_->slot_log_strike() + slot,
                                                   .strike = instruments_->slot_strike() + slot,
                                                   .phi = instruments_->slot_phi() + slot,
                                                   .stddev = stddev_.data() + slot,
                                                   .inverse_stddev = inverse_stddev_.data() + slot,
                                                   .weight = weight_.data() + slot,
                                                   .vol_slope = vol_slope_.data() + slot,
                                                   .blocks = count,
                                                   .sums = block_sums_.data() + first * kRemarkSums * kSumLanes});
}

void Engine::aggregate_node(std::size_t n) noexcept {
  const Node& node = instruments_->nodes()[n];
  RowStatus& held = held_status_[n];
  held = RowStatus::ok;
  for (std::size_t b = node.first_block; b < node.first_block + node.blocks(); ++b) keep_worse(held, block_status_[b]);
  if (holdings_[n].held) keep_worse(held, plan_.node_status[n]);

  plan_.nodes[n] = {};
  if (!has_value(plan_.node_status[n])) return;
  OptionSums sums[2];
  const std::size_t counts[2] = {node.linear_blocks, node.inverse_blocks};
  std::size_t block = node.first_block;
  for (int k = 0; k < 2; ++k) {
    if (counts[k] == 0) continue;
    active_kernels().add_blocks(block_sums_.data() + block * kRemarkSums * kSumLanes, counts[k], sums[k].sum);
    for (const std::size_t end = block + counts[k]; block < end; ++block) {
      sums[k].gross_units += block_gross_[block];
      sums[k].net_units += block_net_[block];
    }
  }
  plan_.nodes[n] = node_exposure(marks_[n], holdings_[n], sums[0], sums[1]);
}

void Engine::aggregate_underlying(std::size_t u) noexcept {
  UnderlyingPlan& p = plan_.underlyings[u];
  const Market::Quote quote = market_->index_quote(u);
  const double coins = book_->coin_cash()[u];
  p.before = {};
  p.status = RowStatus::ok;
  p.index = quote.price;
  bool held = coins != 0.0;
  for (std::size_t n = instruments_->node_begin(u); n < instruments_->node_begin(u + 1); ++n) {
    add(p.before, plan_.nodes[n]);
    keep_worse(p.status, held_status_[n]);
    held = held || plan_.nodes[n].gross_notional != 0.0 || plan_.nodes[n].value != 0.0;
  }
  if (coins != 0.0) {
    p.before.value += coins * quote.price;
    p.before.value_coin += coins;
    p.before.delta += coins;
    p.before.gross_notional += std::fabs(coins) * quote.price;
    p.before.net_notional += coins * quote.price;
  }
  index_status_[u] = quote_status(quote);
  if (held) keep_worse(p.status, index_status_[u]);
  underlying_dirty_[u] = 0;
}

// --- drift ---

void Engine::measure() noexcept {
  double equity = book_->cash();
  for (const UnderlyingPlan& p : plan_.underlyings) equity += stops_trading(p.status) ? kNaN : p.before.value;
  plan_.equity = equity;

  const Numeraire numeraire = book_->numeraire();
  for (std::size_t u = 0; u < plan_.underlyings.size(); ++u) {
    UnderlyingPlan& p = plan_.underlyings[u];
    p.measured = measured(p.before, numeraire, p.index, equity);
    p.weight = p.measured[Quantity::weight];
    const PerQuantity target = target_of(targets_, u);
    for (int q = 0; q < kQuantityCount; ++q) {
      p.drift.of[q] = stops_trading(p.status) ? kNaN : p.measured.of[q] - target.of[q];
    }
    trigger_rows_[u] = {&p.before, p.drift, target, p.index, delta_slope(p.before, numeraire, p.index)};
  }
  targets_changed_ = false;
}

// --- size, gate, lots ---

double Engine::hedge_price(std::size_t u) const noexcept {
  const auto row = static_cast<std::size_t>(settings_.hedge[u]);
  return marks_[static_cast<std::size_t>(instruments_->row_node()[row])].forward;
}

/// Delta of one contract of the hedge instrument, the same in both numeraires for a contract entered at its mark.
double Engine::hedge_unit(std::size_t u) const noexcept {
  const auto row = static_cast<std::size_t>(settings_.hedge[u]);
  const double multiplier = instruments_->columns().multiplier[row];
  return is_inverse(instruments_->kind(row)) ? multiplier / hedge_price(u) : multiplier;
}

Outcome Engine::refusal(std::size_t u) const noexcept {
  const UnderlyingPlan& p = plan_.underlyings[u];
  const bool weight = !std::isnan(targets_.weight[u]), delta = !std::isnan(targets_.delta[u]);
  if (stops_trading(p.status) || (weight && stops_trading(index_status_[u]))) return Outcome::bad_data;
  if (!weight && !delta && std::isnan(targets_.gamma[u]) && std::isnan(targets_.vega[u])) return Outcome::no_target;
  if (weight && !(plan_.equity > 0.0)) return Outcome::no_equity;
  if (!trigger_state_.fired(u)) return Outcome::hold;
  if (hedges_greeks(u)) return Outcome::trade;
  if (!weight && !delta) return Outcome::not_hedgeable;
  if (settings_.hedge[u] < 0) return Outcome::no_hedge;
  const auto row = static_cast<std::size_t>(settings_.hedge[u]);
  if (!has_value(plan_.row_status[row])) return Outcome::bad_data;
  return Outcome::trade;
}

void Engine::size() noexcept {
  plan_.trades.clear();
  plan_.cost = 0.0;
  weight_trades_.clear();
  for (std::size_t u = 0; u < plan_.underlyings.size(); ++u) {
    UnderlyingPlan& p = plan_.underlyings[u];
    p.reasons = trigger_state_.fired(u) ? trigger_state_.reasons(u) : 0;
    p.outcome = refusal(u);
    p.drift_after = p.drift;
    p.hedge = {};
    if (p.outcome != Outcome::trade || std::isnan(targets_.weight[u])) continue;
    const auto row = static_cast<std::size_t>(settings_.hedge[u]);
    const double notional = contract_notional(*instruments_, row, hedge_price(u));
    const double left =
        destination(settings_.action, settings_.fraction, p.drift[Quantity::weight],
                    trigger_state_.edge(u, Quantity::weight), trigger_state_.destination(u, Quantity::weight));
    weight_trades_.push_back({p.weight * plan_.equity, targets_.weight[u] + left,
                              contract_cost(*instruments_, row, notional, 0.0) / notional});
  }
  const double after = weight_trades_.empty()
                           ? plan_.equity
                           : equity_after_costs(plan_.equity, weight_trades_.data(), weight_trades_.size());
  for (std::size_t u = 0; u < plan_.underlyings.size(); ++u) {
    if (plan_.underlyings[u].outcome == Outcome::trade) size_one(u, after);
  }
  plan_.equity_after = plan_.equity - plan_.cost;
}

/// The mark moved by half the spread against the trade, away from the mark to a whole tick.
double Engine::limit_price(std::size_t row, double price, double half_spread, double size) const noexcept {
  const double side = size > 0.0 ? 1.0 : -1.0, tick = instruments_->columns().tick_size[row];
  const double limit = price + side * half_spread;
  if (!(tick > 0.0)) return limit;
  // One part in 10^9 of a tick is rounding.
  return tick * (side > 0.0 ? std::ceil(limit / tick - 1e-9) : std::floor(limit / tick + 1e-9));
}

void Engine::size_one(std::size_t u, double equity_after) noexcept {
  if (hedges_greeks(u)) {
    size_greeks(u);
    return;
  }
  UnderlyingPlan& p = plan_.underlyings[u];
  const InstrumentColumns& c = instruments_->columns();
  const bool weight = !std::isnan(targets_.weight[u]);
  const Quantity quantity = weight ? Quantity::weight : Quantity::delta;
  const double drift = p.drift[quantity], edge = trigger_state_.edge(u, quantity);
  const double left =
      destination(settings_.action, settings_.fraction, drift, edge, trigger_state_.destination(u, quantity));
  if (weight && !(equity_after > 0.0)) {
    p.outcome = Outcome::no_equity;
    return;
  }

  // Everything from here on in units of the underlying.
  const double per_unit = weight ? p.index / equity_after : 1.0;
  const auto change_to = [&](double remaining) {
    return weight ? (targets_.weight[u] + remaining) / per_unit - p.before.delta : remaining - drift;
  };
  const auto row = static_cast<std::size_t>(settings_.hedge[u]);
  const double unit = hedge_unit(u), price = hedge_price(u), wanted = change_to(left) / unit;
  const double notional = contract_notional(*instruments_, row, price);

  // Whole lots must not end outside the band that they are to enter, if the band is wide enough for one.
  const bool enters = (settings_.action == Action::to_edge || settings_.action == Action::to_band) &&
                      c.lot_size[row] * unit * per_unit <= 2.0 * edge;
  const double at_edge = destination(Action::to_edge, 0.0, drift, edge, edge);
  const LotTrade lots = round_to_lots(wanted, enters ? change_to(at_edge) / unit : 0.0,
                                      {.lot_size = c.lot_size[row],
                                       .min_notional = c.min_notional[row],
                                       .notional_per_lot = c.lot_size[row] * notional,
                                       .position = book_->quantity()[row],
                                       .reduce_only = settings_.reduce_only[u] != 0});
  switch (lots.outcome) {
    case LotOutcome::traded: break;
    case LotOutcome::below_lot: p.outcome = Outcome::below_lot; return;
    case LotOutcome::below_min_notional: p.outcome = Outcome::below_min_notional; return;
    case LotOutcome::reduce_only: p.outcome = Outcome::reduce_only; return;
  }

  const double cost = std::fabs(lots.size) * contract_cost(*instruments_, row, notional, 0.0);
  const double drift_after =
      weight ? (p.before.delta + lots.size * unit) * per_unit - targets_.weight[u] : drift + lots.size * unit;
  double removed = kNaN;
  if (settings_.cost_gate.on()) {
    removed = settings_.cost_gate.risk_removed(u, price, drift / per_unit, drift_after / per_unit);
    if (!(removed >= cost)) {
      p.outcome = Outcome::cost_above_benefit;
      return;
    }
  }
  p.drift_after.of[static_cast<int>(quantity)] = drift_after;
  plan_.cost += cost;
  plan_.trades.push_back({.instrument = settings_.hedge[u],
                          .underlying = static_cast<std::int64_t>(u),
                          .size = lots.size,
                          .price = price,
                          .limit_price = limit_price(row, price, price * c.half_spread_bps[row] * 1e-4, lots.size),
                          .notional = lots.size * notional,
                          .cost = cost,
                          .drift_before = drift,
                          .drift_after = drift_after,
                          .risk_removed = removed,
                          .reasons = p.reasons});
}

}  // namespace rebalance
