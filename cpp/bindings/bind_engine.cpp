/// Trigger, Engine, Plan.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <atomic>
#include <chrono>

#include "bind.hpp"
#include "columns.hpp"
#include "rebalance/engine.hpp"

namespace rebalance::bindings {
namespace {

/// The C++ engine, the Python plan it hands out, and a flag that catches use from two threads.
struct BoundEngine {
  std::shared_ptr<Engine> engine;
  py::object plan = py::none();
  std::atomic<bool> busy = false;
};

/// Held while an engine works. The lock-free way to say no: a second thread gets an error, not a race.
class InUse {
 public:
  explicit InUse(BoundEngine& engine) : engine_(engine) {
    if (engine_.busy.exchange(true, std::memory_order_acquire)) {
      throw std::runtime_error("this Engine is at work in another thread; give each thread an engine of its own");
    }
  }
  ~InUse() { engine_.busy.store(false, std::memory_order_release); }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

 private:
  BoundEngine& engine_;
};

/// A plan: the engine's own, overwritten by each tick, or a copy that stays.
struct BoundPlan {
  std::shared_ptr<const Plan> plan;
};

std::vector<double> optional_column(const py::object& column, const char* name, std::size_t n) {
  if (column.is_none()) return {};
  return as_column(column, name, n, "underlyings").copy();
}

Targets make_targets(const py::dict& columns, std::size_t n) {
  Targets t;
  std::vector<double>* members[kQuantityCount] = {&t.weight, &t.delta, &t.gamma, &t.vega};
  for (int q = 0; q < kQuantityCount; ++q) {
    const std::string name(kQuantityNames[q]);
    if (columns.contains(name.c_str())) *members[q] = optional_column(columns[name.c_str()], name.c_str(), n);
  }
  return t;
}

Quantity quantity_named(const std::string& name) {
  for (int q = 0; q < kQuantityCount; ++q) {
    if (name == kQuantityNames[q]) return static_cast<Quantity>(q);
  }
  throw py::value_error("unknown quantity '" + name + "'; the quantities are: weight, delta, gamma, vega");
}

Action action_named(const std::string& name) {
  if (name == "target") return Action::to_target;
  if (name == "edge") return Action::to_edge;
  if (name == "fraction") return Action::fraction;
  if (name == "band") return Action::to_band;
  throw py::value_error("unknown action '" + name +
                        "'; the actions are: target, edge, band, or a fraction between 0 and 1");
}

/// Per underlying: rows, penalty, limit, max_size.
using GreekHedges = std::vector<std::tuple<ArrayLike, ArrayLike, ArrayLike, ArrayLike>>;

std::unique_ptr<BoundEngine> make_engine(std::shared_ptr<Book> book, std::shared_ptr<Market> market,
                                         const py::typing::Dict<py::str, Floats>& targets, Trigger trigger,
                                         const ArrayLike& hedge, const ArrayLike& reduce_only,
                                         const std::string& action, double fraction, double risk_aversion,
                                         double horizon_years, const ArrayLike& vol, Nanos clock_step_ns,
                                         Nanos max_age_ns, const GreekHedges& greek_hedges) {
  const std::size_t n = book->instruments()->n_underlyings();
  EngineSettings s;
  s.clock_step_ns = clock_step_ns;
  s.max_age_ns = max_age_ns;
  s.action = action_named(action);
  s.fraction = fraction;
  s.cost_gate = {risk_aversion, horizon_years, optional_column(vol, "vol", n)};
  s.hedge = ArrayColumn<std::int32_t>(hedge, "hedge", NPY_INT32).copy();
  s.reduce_only = ArrayColumn<std::uint8_t>(reduce_only, "reduce_only", NPY_UINT8).copy();
  for (const auto& [instruments, penalty, limit, max_size] : greek_hedges) {
    GreekHedge hedge_of;
    hedge_of.instruments = ArrayColumn<std::int32_t>(instruments, "instruments", NPY_INT32).copy();
    hedge_of.penalty = ArrayColumn<double>(penalty, "penalty", NPY_DOUBLE).copy();
    hedge_of.limit = ArrayColumn<double>(limit, "limit", NPY_DOUBLE).copy();
    hedge_of.max_size = ArrayColumn<double>(max_size, "max_size", NPY_DOUBLE).copy();
    s.greek_hedges.push_back(std::move(hedge_of));
  }
  auto bound = std::make_unique<BoundEngine>();
  bound->engine = std::make_shared<Engine>(std::move(book), std::move(market), make_targets(targets, n),
                                           std::move(trigger), std::move(s));
  return bound;
}

/// Below this many option rows a tick is shorter than letting go of the lock and taking it back is worth.
constexpr std::size_t kRowsWorthTheLock = 4096;

py::object tick(BoundEngine& self, Nanos now_ns) {
  const InUse in_use(self);
  if (self.engine->rows_to_price(now_ns) < kRowsWorthTheLock) {
    self.engine->tick(now_ns);
  } else {
    const py::gil_scoped_release release;
    self.engine->tick(now_ns);
  }
  return self.plan;
}

// Columns of a plan are views of one field in an array of structs.

template <class T, class Row>
Array<Element<T>> field_view(const py::object& owner, const std::vector<Row>& rows, std::size_t offset) {
  static const Row kNone{};
  const auto* first = reinterpret_cast<const char*>(rows.empty() ? &kNone : rows.data());
  return py::reinterpret_steal<Array<Element<T>>>(
      view_of(owner, first + offset, numpy_type<T>(), rows.size(), sizeof(Row)).release());
}

std::size_t exposure_offset(const std::string& name) {
  for (std::size_t i = 0; i < kExposureFields; ++i) {
    if (name == kExposureNames[i]) return i * sizeof(double);
  }
  throw py::key_error("unknown exposure '" + name + "'");
}

const Plan& plan_of(const py::object& self) { return *py::cast<const BoundPlan&>(self).plan; }

}  // namespace

void bind_trigger(py::module_& m) {
  py::class_<Trigger> trigger(m, "Trigger", "A tree of conditions in postfix order; built by rebalance_core.triggers.");
  trigger.def(py::init<std::size_t>(), py::arg("n_underlyings"));
  trigger.def(
      "add_calendar", [](Trigger& self, Nanos period_ns, Nanos anchor_ns) { self.add(Calendar{period_ns, anchor_ns}); },
      py::arg("period_ns"), py::arg("anchor_ns"));
  trigger.def(
      "add_threshold",
      [](Trigger& self, const std::string& quantity, const ArrayLike& absolute, const ArrayLike& relative,
         double release) {
        const std::size_t n = self.n_underlyings();
        self.add(Threshold{quantity_named(quantity), as_column(absolute, "absolute", n, "underlyings").copy(),
                           as_column(relative, "relative", n, "underlyings").copy(), release});
      },
      py::arg("quantity"), py::arg("absolute"), py::arg("relative"), py::arg("release"));
  trigger.def(
      "add_delta_gamma",
      [](Trigger& self, const ArrayLike& band, const ArrayLike& move, double release) {
        const std::size_t n = self.n_underlyings();
        self.add(DeltaGamma{as_column(band, "band", n, "underlyings").copy(),
                            as_column(move, "move", n, "underlyings").copy(), release});
      },
      py::arg("band"), py::arg("move"), py::arg("release"));
  trigger.def(
      "add_local_band",
      [](Trigger& self, const std::string& quantity, const ArrayLike& width, const ArrayLike& destination) {
        const std::size_t n = self.n_underlyings();
        self.add(LocalBand{quantity_named(quantity), as_column(width, "trigger", n, "underlyings").copy(),
                           as_column(destination, "destination", n, "underlyings").copy()});
      },
      py::arg("quantity"), py::arg("trigger"), py::arg("destination"));
  trigger.def(
      "add_hedge_band",
      [](Trigger& self, const ArrayLike& risk_aversion, const ArrayLike& cost, const ArrayLike& fixed_cost,
         const ArrayLike& vol, const ArrayLike& least) {
        const std::size_t n = self.n_underlyings();
        self.add(HedgeBand{as_column(risk_aversion, "risk_aversion", n, "underlyings").copy(),
                           as_column(cost, "cost", n, "underlyings").copy(),
                           as_column(fixed_cost, "fixed_cost", n, "underlyings").copy(),
                           as_column(vol, "vol", n, "underlyings").copy(),
                           as_column(least, "least", n, "underlyings").copy()});
      },
      py::arg("risk_aversion"), py::arg("cost"), py::arg("fixed_cost"), py::arg("vol"), py::arg("least"));
  trigger.def(
      "join",
      [](Trigger& self, const std::string& how, std::uint32_t count) {
        self.join(how == "all" ? Trigger::Step::all : Trigger::Step::any, count);
      },
      py::arg("how"), py::arg("count"));
}

void bind_plan(py::module_& m) {
  py::class_<BoundPlan> plan(m, "Plan");
  plan.def(py::init([](const BoundEngine& engine) {
             return BoundPlan{std::shared_ptr<const Plan>(engine.engine, &engine.engine->plan())};
           }),
           py::arg("engine"));
  plan.def(py::init([](const BoundPlan& other) { return BoundPlan{std::make_shared<const Plan>(*other.plan)}; }),
           py::arg("other"));
  plan.def_property_readonly("now_ns", [](const BoundPlan& p) { return p.plan->now_ns; }, "The moment of the tick.");
  plan.def_property_readonly(
      "equity", [](const BoundPlan& p) { return p.plan->equity; },
      "Quote currency; NaN while a row that is held has no value.");
  plan.def_property_readonly(
      "equity_after", [](const BoundPlan& p) { return p.plan->equity_after; },
      "Equity less the expected cost of the trades.");
  plan.def_property_readonly(
      "cost", [](const BoundPlan& p) { return p.plan->cost; },
      "Expected cost of the trades: fees and half-spreads, quote currency.");
  plan.def_property_readonly("n_trades", [](const BoundPlan& p) { return p.plan->trades.size(); });
  plan.def(
      "_exposure",
      [](const py::object& self, const std::string& name) {
        return field_view<double>(self, plan_of(self).underlyings,
                                  offsetof(UnderlyingPlan, before) + exposure_offset(name));
      },
      py::arg("name"));
  plan.def(
      "_node_exposure",
      [](const py::object& self, const std::string& name) {
        return field_view<double>(self, plan_of(self).nodes, exposure_offset(name));
      },
      py::arg("name"));
  const auto per_quantity = [&](const char* name, std::size_t offset) {
    plan.def(
        name,
        [offset](const py::object& self, const std::string& quantity) {
          const auto q = static_cast<std::size_t>(quantity_named(quantity));
          return field_view<double>(self, plan_of(self).underlyings, offset + q * sizeof(double));
        },
        py::arg("quantity"));
  };
  per_quantity("_measured", offsetof(UnderlyingPlan, measured));
  per_quantity("_drift", offsetof(UnderlyingPlan, drift));
  per_quantity("_drift_after", offsetof(UnderlyingPlan, drift_after));
  const auto per_underlying = [&]<class T>(const char* name, std::size_t offset, T) {
    plan.def_property_readonly(
        name, [offset](const py::object& self) { return field_view<T>(self, plan_of(self).underlyings, offset); });
  };
  per_underlying("weight", offsetof(UnderlyingPlan, weight), double{});
  per_underlying("index", offsetof(UnderlyingPlan, index), double{});
  per_underlying("_reasons", offsetof(UnderlyingPlan, reasons), std::uint64_t{});
  per_underlying("_outcome", offsetof(UnderlyingPlan, outcome), std::uint8_t{});
  per_underlying("_status", offsetof(UnderlyingPlan, status), std::uint8_t{});
  constexpr std::size_t kHedge = offsetof(UnderlyingPlan, hedge);
  per_underlying("_hedge_status", kHedge + offsetof(HedgeReport, status), std::uint8_t{});
  per_underlying("_hedge_risk_before", kHedge + offsetof(HedgeReport, risk_before), double{});
  per_underlying("_hedge_risk_after", kHedge + offsetof(HedgeReport, risk_after), double{});
  per_underlying("_hedge_binding", kHedge + offsetof(HedgeReport, binding), std::uint64_t{});
  per_underlying("_hedge_next_best", kHedge + offsetof(HedgeReport, next_best), std::int64_t{});
  per_underlying("_hedge_next_best_excess", kHedge + offsetof(HedgeReport, next_best_excess), double{});
  plan.def_property_readonly(
      "row_status", [](const py::object& self) { return view(self, plan_of(self).row_status); },
      "RowStatus of every instrument, as uint8.");
  plan.def_property_readonly(
      "node_status", [](const py::object& self) { return view(self, plan_of(self).node_status); },
      "RowStatus of every node, as uint8.");
  const auto per_trade = [&]<class T>(const char* name, std::size_t offset, T) {
    plan.def_property_readonly((std::string("_trade_") + name).c_str(), [offset](const py::object& self) {
      return field_view<T>(self, plan_of(self).trades, offset);
    });
  };
  per_trade("instrument", offsetof(Trade, instrument), std::int64_t{});
  per_trade("underlying", offsetof(Trade, underlying), std::int64_t{});
  per_trade("size", offsetof(Trade, size), double{});
  per_trade("price", offsetof(Trade, price), double{});
  per_trade("limit_price", offsetof(Trade, limit_price), double{});
  per_trade("notional", offsetof(Trade, notional), double{});
  per_trade("cost", offsetof(Trade, cost), double{});
  per_trade("drift_before", offsetof(Trade, drift_before), double{});
  per_trade("drift_after", offsetof(Trade, drift_after), double{});
  per_trade("risk_removed", offsetof(Trade, risk_removed), double{});
  per_trade("reasons", offsetof(Trade, reasons), std::uint64_t{});

  const auto names = [&](const char* attribute, const std::string_view* words, int n) {
    py::tuple all(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) all[static_cast<std::size_t>(i)] = py::str(std::string(words[i]));
    m.attr(attribute) = all;
  };
  names("EXPOSURES", kExposureNames, kExposureFields);
  names("QUANTITIES", kQuantityNames, kQuantityCount);
  names("OUTCOMES", kOutcomeWords, kOutcomeCount);
}

void bind_engine(py::module_& m) {
  bind_trigger(m);
  py::class_<BoundEngine> engine(m, "Engine");
  engine.def(py::init(&make_engine), py::arg("book"), py::arg("market"), py::arg("targets"), py::arg("trigger"),
             py::kw_only(), py::arg("hedge"), py::arg("reduce_only"), py::arg("action"), py::arg("fraction"),
             py::arg("risk_aversion"), py::arg("horizon_years"), py::arg("vol"), py::arg("clock_step_ns"),
             py::arg("max_age_ns"), py::arg("greek_hedges"));
  engine.def(
      "tick", &tick, py::arg("now_ns"),
      "One look at the market: exposures, drift, trades and why.\n\n"
      "Parameters\n----------\nnow_ns : int\n    Nanoseconds since 1970, UTC. Options past their expiry are marked "
      "expired, not priced.\n\n"
      "Returns\n-------\nPlan\n    The engine's own plan: it holds until the next tick. Keep one with "
      "``plan.copy()``.\n\n"
      "Raises\n------\nRuntimeError\n    If the engine is at work in another thread.");
  engine.def(
      "_set_targets",
      [](BoundEngine& self, const py::typing::Dict<py::str, Floats>& targets) {
        const InUse in_use(self);
        self.engine->set_targets(make_targets(targets, self.engine->instruments().n_underlyings()));
      },
      py::arg("targets"));
  engine.def(
      "_time_moves",
      [](BoundEngine& self, std::size_t underlying, const ArrayLike& prices, Nanos now_ns, Nanos step_ns) {
        const InUse in_use(self);
        const ArrayColumn<double> path(prices, "prices", NPY_DOUBLE);
        const NewColumn took(path.span().size());
        if (underlying >= self.engine->instruments().n_underlyings())
          throw py::index_error("underlying is out of range");
        {
          const py::gil_scoped_release release;
          for (std::size_t i = 0; i < path.span().size(); ++i) {
            const auto start = std::chrono::steady_clock::now();
            self.engine->market()->move(underlying, path.span()[i], now_ns);
            self.engine->tick(now_ns);
            took.data[i] = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
            now_ns += step_ns;
          }
        }
        return took.array;
      },
      py::arg("underlying"), py::arg("prices"), py::arg("now_ns"), py::arg("step_ns"),
      "Nanoseconds that each tick took, move of the underlying included, clocked in here; for benches.");
  engine.def(
      "_row_marks",
      [](const BoundEngine& self) {
        const Engine& e = *self.engine;
        const auto column = [&](double NodeMark::* field) {
          const NewColumn rows(e.instruments().size());
          for (std::size_t i = 0; i < e.instruments().size(); ++i) {
            rows.data[i] = e.node_mark(static_cast<std::size_t>(e.instruments().row_node()[i])).*field;
          }
          return rows.array;
        };
        return std::tuple(column(&NodeMark::forward), column(&NodeMark::years), column(&NodeMark::rate));
      },
      "Forward, years and rate of every instrument's node at the last tick.");
  engine.def("_set_plan", [](BoundEngine& self, py::object plan) { self.plan = std::move(plan); }, py::arg("plan"));
  engine.def_property_readonly("plan", [](const BoundEngine& self) { return self.plan; }, "The plan of the last tick.");
  bind_plan(m);
}

}  // namespace rebalance::bindings
