/// RebalanceSolver and its results.
#include <pybind11/typing.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <memory>

#include "bind.hpp"
#include "columns.hpp"
#include "rebalance/sizing/rebalance.hpp"

namespace rebalance::bindings {
namespace {

/// What one solve found, kept: the solver's own columns are overwritten by the next.
struct RebalanceResult {
  RebalanceSizes sizes;
  Floats trades, multipliers;
  std::string message;
};

/// A flag that says no to a second thread, beside the solver.
class BoundRebalanceSolver {
 public:
  BoundRebalanceSolver(std::size_t n_assets, std::size_t n_factors, int max_iterations, double tolerance)
      : solver_(n_assets, n_factors, {.max_iterations = max_iterations, .tolerance = tolerance}) {
    if (max_iterations < 1) {
      throw py::value_error("max_iterations must be at least 1, got " + std::to_string(max_iterations));
    }
    if (!(tolerance > 0.0 && tolerance < 1e-3)) {
      throw py::value_error("tolerance must be between 0 and 1e-3, got " + std::to_string(tolerance));
    }
  }

  template <class Work>
  auto use(Work work) {
    if (busy_.exchange(true, std::memory_order_acquire)) {
      throw std::runtime_error("this RebalanceSolver is at work in another thread; give each thread one of its own");
    }
    struct Release {
      std::atomic<bool>& busy;
      ~Release() { busy.store(false, std::memory_order_release); }
    } release{busy_};
    return work(solver_);
  }
  [[nodiscard]] const RebalanceSolver& solver() const noexcept { return solver_; }

 private:
  RebalanceSolver solver_;
  std::atomic<bool> busy_ = false;
};

/// The arrays of an update, which its spans look into.
class UpdateReader {
 public:
  UpdateReader(std::size_t n_assets, std::size_t n_factors) : n_assets_(n_assets), n_factors_(n_factors) {}

  void read(std::string_view name, py::handle value) {
    for (int c = 0; c < kRebalanceColumns; ++c) {
      if (name != kRebalanceColumnNames[c]) continue;
      PyArrayObject* array = take(value, kRebalanceColumnNames[c].data());
      const bool fits = PyArray_NDIM(array) == 0 ||
                        (PyArray_NDIM(array) == 1 && static_cast<std::size_t>(PyArray_DIM(array, 0)) == n_assets_);
      if (!fits) refuse(name, array, "one number, or shape (" + std::to_string(n_assets_) + ",)");
      update_.columns[static_cast<std::size_t>(c)] = span_of(array);
      return;
    }
    for (int v = 0; v < kRebalanceNumbers; ++v) {
      if (name != kRebalanceNumberNames[v]) continue;
      const bool cap = v >= static_cast<int>(RebalanceNumber::turnover);
      const double number = cap && value.is_none() ? HUGE_VAL : PyFloat_AsDouble(value.ptr());
      if (number == -1.0 && PyErr_Occurred()) throw py::error_already_set();
      update_.numbers[static_cast<std::size_t>(v)] = number;
      return;
    }
    if (name == "loadings") {
      PyArrayObject* array = take(value, "loadings");
      if (PyArray_NDIM(array) != 2 || static_cast<std::size_t>(PyArray_DIM(array, 0)) != n_assets_ ||
          static_cast<std::size_t>(PyArray_DIM(array, 1)) != n_factors_) {
        refuse(name, array, "shape (" + std::to_string(n_assets_) + ", " + std::to_string(n_factors_) + ")");
      }
      update_.loadings = span_of(array);
      return;
    }
    if (name == "factor_cov") {
      PyArrayObject* array = take(value, "factor_cov");
      const auto length = [&](int axis) { return static_cast<std::size_t>(PyArray_DIM(array, axis)); };
      const bool fits = (PyArray_NDIM(array) == 1 && length(0) == n_factors_) ||
                        (PyArray_NDIM(array) == 2 && length(0) == n_factors_ && length(1) == n_factors_);
      if (!fits) {
        const std::string k = std::to_string(n_factors_);
        refuse(name, array, "shape (" + k + ", " + k + ") or (" + k + ",)");
      }
      update_.factor_cov = span_of(array);
      return;
    }
    std::string known;
    for (const auto n : kRebalanceColumnNames) known += std::string(n) + ", ";
    for (const auto n : kRebalanceNumberNames) known += std::string(n) + ", ";
    throw py::type_error("update() has no argument '" + std::string(name) + "'; there are: " + known +
                         "loadings, factor_cov");
  }
  [[nodiscard]] const RebalanceUpdate& update() const noexcept { return update_; }

 private:
  PyArrayObject* take(py::handle value, const char* name) {
    owners_[count_] = as_array(value, name, NPY_DOUBLE);
    return reinterpret_cast<PyArrayObject*>(owners_[count_++].ptr());
  }
  static std::span<const double> span_of(PyArrayObject* array) {
    return {static_cast<const double*>(PyArray_DATA(array)), static_cast<std::size_t>(PyArray_SIZE(array))};
  }
  [[noreturn]] static void refuse(std::string_view name, PyArrayObject* array, const std::string& wanted) {
    throw py::value_error(std::string(name) + " must be " + wanted + ", got shape " + shape_text(array));
  }

  std::size_t n_assets_, n_factors_;
  py::object owners_[kRebalanceColumns + 2];
  std::size_t count_ = 0;
  RebalanceUpdate update_;
};

void update(BoundRebalanceSolver& self, const py::KWArgs<py::object>& values) {
  UpdateReader reader(self.solver().n_assets(), self.solver().n_factors());
  for (const auto& [name, value] : values) {
    Py_ssize_t length = 0;
    const char* text = PyUnicode_AsUTF8AndSize(name.ptr(), &length);
    if (text == nullptr) throw py::error_already_set();
    reader.read({text, static_cast<std::size_t>(length)}, value);
  }
  self.use([&](RebalanceSolver& solver) { solver.update(reader.update()); });
}

/// Below this many assets a solve is shorter than letting go of the lock and taking it back is worth.
constexpr std::size_t kAssetsWorthTheLock = 256;

RebalanceResult solve(BoundRebalanceSolver& self) {
  return self.use([](RebalanceSolver& solver) {
    if (solver.n_assets() < kAssetsWorthTheLock) {
      solver.solve();
    } else {
      const py::gil_scoped_release release;
      solver.solve();
    }
    RebalanceResult result;
    result.sizes = solver.sizes();
    const NewColumn trades(solver.n_assets()), multipliers(solver.multipliers().size());
    std::copy(solver.trades().begin(), solver.trades().end(), trades.data);
    std::copy(solver.multipliers().begin(), solver.multipliers().end(), multipliers.data);
    result.trades = trades.array;
    result.multipliers = multipliers.array;
    if (solver.sizes().status != SolveStatus::solved) result.message = solver.message();
    return result;
  });
}

std::string repr(const RebalanceResult& r) {
  const auto n = PyArray_DIM(reinterpret_cast<PyArrayObject*>(r.trades.ptr()), 0);
  const auto* x = static_cast<const double*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(r.trades.ptr())));
  std::size_t traded = 0;
  for (npy_intp i = 0; i < n; ++i) traded += x[i] != 0.0;
  char text[320];
  std::snprintf(text, sizeof text,
                "RebalanceResult: %s in %d iterations, %zu of %zu assets traded\n"
                "  objective %.6g  cost %.6g  tracking error %.6g\n  turnover %.6g  leverage %.6g",
                std::string(to_string(r.sizes.status)).c_str(), r.sizes.iterations, traded, static_cast<std::size_t>(n),
                r.sizes.objective, r.sizes.cost, std::sqrt(r.sizes.risk), r.sizes.turnover, r.sizes.leverage);
  return r.message.empty() ? text : std::string(text) + "\n  " + r.message;
}

}  // namespace

void bind_rebalance(py::module_& m) {
  py::class_<RebalanceResult> result(m, "RebalanceResult", "What to trade, and what it costs and leaves.");
  const auto field = [&]<class T>(const char* name, T RebalanceSizes::* member, const char* doc) {
    result.def_property_readonly(name, [member](const RebalanceResult& r) { return r.sizes.*member; }, doc);
  };
  result.def_property_readonly(
      "trades", [](const RebalanceResult& r) { return r.trades; },
      "Change of each weight, shape (n_assets,); bought > 0.");
  field("status", &RebalanceSizes::status, "How the solve ended; trades of anything but ``solved`` are not optimal.");
  field("objective", &RebalanceSizes::objective, "The objective at the trades.");
  field("cost", &RebalanceSizes::cost, "Linear cost and impact of the trades.");
  field("risk", &RebalanceSizes::risk, "Tracking variance after the trades, (w + x - t)'(B F B' + D)(w + x - t).");
  field("turnover", &RebalanceSizes::turnover, "Sum of absolute trades.");
  field("leverage", &RebalanceSizes::leverage, "Sum of absolute weights after the trades.");
  field("iterations", &RebalanceSizes::iterations, "Newton steps taken.");
  result.def_property_readonly(
      "multipliers", [](const RebalanceResult& r) { return r.multipliers; },
      "Of the n_factors factors, the budget, turnover and leverage: a warm start, and what one "
      "unit more of each cap would take off the objective.");
  result.def_property_readonly(
      "message", [](const RebalanceResult& r) { return r.message; },
      "Which rows cannot hold together and what would let them; empty if solved.");
  result.def_property_readonly(
      "relaxation",
      [](const RebalanceResult& r) {
        py::typing::Dict<py::str, py::float_> moved;
        const RebalanceRelaxation& by = r.sizes.relaxation;
        if (by.budget != 0.0) moved["budget"] = by.budget;
        if (by.turnover != 0.0) moved["turnover"] = by.turnover;
        if (by.leverage != 0.0) moved["leverage"] = by.leverage;
        return moved;
      },
      "What was added to rows that nothing satisfies, by name; empty if there was no need.");
  result.def("__repr__", &repr);

  py::class_<BoundRebalanceSolver> solver(m, "RebalanceSolver");
  solver.def(py::init<std::size_t, std::size_t, int, double>(), py::arg("n_assets"), py::arg("n_factors"),
             py::kw_only(), py::arg("max_iterations") = RebalanceSettings{}.max_iterations,
             py::arg("tolerance") = RebalanceSettings{}.tolerance);
  solver.def("update", &update);
  solver.def("solve", &solve);
  solver.def(
      "start_cold", [](BoundRebalanceSolver& self) { self.use([](RebalanceSolver& s) { s.start_cold(); }); },
      "Let the next solve start from nothing.");
  solver.def(
      "start_from",
      [](BoundRebalanceSolver& self, const ArrayLike& multipliers) {
        const ArrayColumn<double> column(multipliers, "multipliers", NPY_DOUBLE);
        self.use([&](RebalanceSolver& s) { s.start_from(column.span()); });
      },
      py::arg("multipliers"), "Let the next solve start from the multipliers of another.");
  solver.def_property_readonly("n_assets", [](const BoundRebalanceSolver& s) { return s.solver().n_assets(); });
  solver.def_property_readonly("n_factors", [](const BoundRebalanceSolver& s) { return s.solver().n_factors(); });
}

}  // namespace rebalance::bindings
