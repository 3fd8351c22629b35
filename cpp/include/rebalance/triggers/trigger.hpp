/// Is it time to act? A trigger is a small tree: calendars, thresholds and bands, joined by any and all.
#pragma once

#include <cstdint>
#include <vector>

#include "rebalance/drift/drift.hpp"

namespace rebalance {

/// Fires at UTC instants: at anchor + k period for whole k, whenever the process was started.
struct Calendar {
  Nanos period_ns;
  Nanos anchor_ns = 0;

  /// The number of the last instant at or before now.
  [[nodiscard]] Nanos slot(Nanos now_ns) const noexcept;
};

/// Fires while |drift| is beyond a band. Columns of one entry per underlying.
///
/// The half-width is max(absolute, relative x |target|). Once fired it stays on until |drift| is back at
/// release x half-width (give or take a twentieth of the way there), so that a drift at the border does not chatter.
struct Threshold {
  Quantity quantity;
  std::vector<double> absolute;  ///< in the quantity's unit; 0 where only the relative band counts
  std::vector<double> relative;  ///< fraction of |target|; 0 where only the absolute band counts
  double release = 1.0;          ///< in (0, 1]

  [[nodiscard]] double half_width(std::size_t u, double target) const noexcept;
};

/// Fires when the delta would leave its band before the next look: for a move dF = z vol F sqrt(interval),
/// |drift + slope dF| > band in one direction or the other, that is |drift| + |slope| dF > band.
struct DeltaGamma {
  std::vector<double> band;  ///< as Exposure::delta, or delta_pa in the coin numeraire
  std::vector<double> move;  ///< z vol sqrt(interval): the relative move of the forward to be safe against
  double release = 1.0;      ///< of what the move leaves of the band, in (0, 1]
};

/// Fires while |drift| is beyond the trigger of a local band (triggers/band.hpp), and says where trades should take it.
/// Columns of one entry per underlying; an infinite trigger never fires.
struct LocalBand {
  Quantity quantity;
  std::vector<double> trigger;      ///< in the quantity's unit
  std::vector<double> destination;  ///< at most the trigger
};

/// The local band of the delta of an option book, from its gamma and the index as they are at each tick:
///
///   variance_rate (slope vol F)^2    penalty risk_aversion (vol F)^2    linear_cost cost F
///
/// with slope = d delta/dF of the delta that is held, in the book's numeraire. Columns of one entry per underlying; an
/// infinite cost never trades.
struct HedgeBand {
  std::vector<double> risk_aversion;  ///< per quote unit, above 0
  std::vector<double> cost;           ///< one way, as a fraction of what is traded
  std::vector<double> fixed_cost;     ///< quote currency per trade
  std::vector<double> vol;            ///< of the index, per square root of a year, above 0
  std::vector<double> least;          ///< the trigger is at least this, as the delta target
};

/// The tree, flattened: leaves in the order they are evaluated, then joins in postfix order.
class Trigger {
 public:
  struct Step {
    enum Op : std::uint8_t { calendar, threshold, delta_gamma, local_band, hedge_band, any, all } op;
    std::uint32_t argument;  ///< leaf: index into its vector; join: how many results it takes
  };

  // Building, in postfix order. Each checks what it is given against n_underlyings and throws std::invalid_argument.
  explicit Trigger(std::size_t n_underlyings) : n_underlyings_(n_underlyings) {}
  void add(Calendar leaf);
  void add(Threshold leaf);
  void add(DeltaGamma leaf);
  void add(LocalBand leaf);
  void add(HedgeBand leaf);
  void join(Step::Op op, std::uint32_t count);

  /// One result must be left. Throws std::invalid_argument otherwise.
  void check() const;

  [[nodiscard]] const std::vector<Step>& steps() const noexcept { return steps_; }
  [[nodiscard]] const std::vector<Calendar>& calendars() const noexcept { return calendars_; }
  [[nodiscard]] const std::vector<Threshold>& thresholds() const noexcept { return thresholds_; }
  [[nodiscard]] const std::vector<DeltaGamma>& delta_gammas() const noexcept { return delta_gammas_; }
  [[nodiscard]] const std::vector<LocalBand>& local_bands() const noexcept { return local_bands_; }
  [[nodiscard]] const std::vector<HedgeBand>& hedge_bands() const noexcept { return hedge_bands_; }
  [[nodiscard]] std::size_t n_underlyings() const noexcept { return n_underlyings_; }
  [[nodiscard]] std::size_t leaves() const noexcept {
    return calendars_.size() + thresholds_.size() + delta_gammas_.size() + local_bands_.size() + hedge_bands_.size();
  }

 private:
  void push(Step step);

  std::size_t n_underlyings_;
  std::vector<Step> steps_;
  std::vector<Calendar> calendars_;
  std::vector<Threshold> thresholds_;
  std::vector<DeltaGamma> delta_gammas_;
  std::vector<LocalBand> local_bands_;
  std::vector<HedgeBand> hedge_bands_;
  std::size_t depth_ = 0;
};

/// Leaves are numbered in the order of the steps; reasons are bit sets of them.
inline constexpr std::size_t kMaxLeaves = 64;

/// What a trigger remembers between ticks, and the room it works in. Allocates when made, never after.
class TriggerState {
 public:
  explicit TriggerState(const Trigger& trigger);

  struct Row {
    const Exposure* exposure;
    PerQuantity drift;
    PerQuantity target;
    double forward;  ///< what dF is a fraction of
    double slope;    ///< delta_slope
  };

  /// Evaluate for every underlying; afterwards fired(u), reasons(u), edge(u, q) and destination(u, q) tell.
  void evaluate(const Trigger& trigger, const std::vector<Row>& rows, Nanos now_ns) noexcept;

  [[nodiscard]] bool fired(std::size_t u) const noexcept { return fired_[u] != 0; }
  [[nodiscard]] std::uint64_t reasons(std::size_t u) const noexcept { return reasons_[u]; }

  /// How far from its target the quantity may stay for the bands that fired: the narrowest of them; 0 if none did.
  [[nodiscard]] double edge(std::size_t u, Quantity q) const noexcept {
    return edge_[u * kQuantityCount + static_cast<int>(q)];
  }

  /// Where that narrowest band wants its quantity after a trade: inside its edge if trades have a fixed cost.
  [[nodiscard]] double destination(std::size_t u, Quantity q) const noexcept {
    return destination_[u * kQuantityCount + static_cast<int>(q)];
  }

  /// Whether a calendar would fire at this moment.
  [[nodiscard]] bool calendar_due(const Trigger& trigger, Nanos now_ns) const noexcept;

 private:
  void note(std::size_t u, std::size_t leaf, Quantity q, double edge, double destination) noexcept;
  void evaluate(const HedgeBand& band, const std::vector<Row>& rows) noexcept;

  std::vector<std::uint8_t> active_;   ///< leaf x underlying: hysteresis
  std::vector<std::uint8_t> results_;  ///< stack of rows of one byte per underlying
  std::vector<std::uint8_t> fired_;
  std::vector<std::uint64_t> reasons_;
  std::vector<double> edge_, destination_;
  std::vector<Nanos> last_slot_;
  // of hedge bands: inputs and outputs of kernels/band.inl, in whole lanes
  std::vector<double> band_in_, band_out_;
  std::vector<std::uint8_t> band_status_;
  bool started_ = false;
};

}  // namespace rebalance
