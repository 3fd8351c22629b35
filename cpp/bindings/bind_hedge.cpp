/// The hedge optimum: one call, or a solver that stays warm.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <thread>

#include "bind.hpp"
#include "columns.hpp"
#include "hedge_docs.hpp"
#include "rebalance/sizing/hedge.hpp"

namespace rebalance::bindings {
namespace {

using sizing::HedgeSolution;
using sizing::HedgeSolver;
using sizing::HedgeUpdate;

/// The arguments of an update while they are read: arrays kept alive, numbers repeated.
class HedgeArguments {
 public:
  HedgeArguments(std::size_t greeks, std::size_t instruments, std::size_t rows)
      : greeks_(greeks), instruments_(instruments), rows_(rows) {}

  HedgeUpdate update;

  /// A matrix of exactly this shape.
  void matrix(Column& to, py::handle object, const char* name, std::size_t rows, const char* of_rows) {
    if (object.is_none()) return;
    PyArrayObject* array = take(object, name);
    if (PyArray_NDIM(array) != 2 || PyArray_DIM(array, 0) != static_cast<npy_intp>(rows) ||
        PyArray_DIM(array, 1) != static_cast<npy_intp>(instruments_)) {
      throw py::value_error(std::string(name) + " has shape " + shape_text(array) + ", but there are " +
                            std::to_string(rows) + " " + of_rows + " and " + std::to_string(instruments_) +
                            " instruments: (" + std::to_string(rows) + ", " + std::to_string(instruments_) + ")");
    }
    to = column(array, rows * instruments_);
  }

  /// A column of n, or one number for all.
  void vector(Column& to, py::handle object, const char* name, std::size_t n, const char* of_what) {
    if (object.is_none()) return;
    PyArrayObject* array = take(object, name);
    if (PyArray_NDIM(array) == 0) {
      repeated_.emplace_back(n, *static_cast<const double*>(PyArray_DATA(array)));
      to = repeated_.back();
      return;
    }
    if (PyArray_NDIM(array) != 1 || PyArray_DIM(array, 0) != static_cast<npy_intp>(n)) {
      throw py::value_error(std::string(name) + " has shape " + shape_text(array) + ", but there are " +
                            std::to_string(n) + " " + of_what);
    }
    to = column(array, n);
  }

  void penalty(py::handle object) {
    if (object.is_none()) return;
    PyArrayObject* array = take(object, "penalty");
    const auto k = static_cast<npy_intp>(greeks_);
    const int n = PyArray_NDIM(array);
    const bool diagonal = n == 1 && PyArray_DIM(array, 0) == k;
    const bool square = n == 2 && PyArray_DIM(array, 0) == k && PyArray_DIM(array, 1) == k;
    if (!diagonal && !square) {
      throw py::value_error("penalty has shape " + shape_text(array) + ", but there are " + std::to_string(k) +
                            " Greeks: (" + std::to_string(k) + ",) or (" + std::to_string(k) + ", " +
                            std::to_string(k) + ")");
    }
    update.penalty = column(array, static_cast<std::size_t>(PyArray_SIZE(array)));
  }

  [[nodiscard]] std::size_t greeks() const noexcept { return greeks_; }
  [[nodiscard]] std::size_t instruments() const noexcept { return instruments_; }
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }

 private:
  PyArrayObject* take(py::handle object, const char* name) {
    owners_[used_] = as_array(object, name, NPY_DOUBLE);
    return reinterpret_cast<PyArrayObject*>(owners_[used_++].ptr());
  }
  static Column column(PyArrayObject* array, std::size_t n) {
    return {static_cast<const double*>(PyArray_DATA(array)), n};
  }

  std::size_t greeks_, instruments_, rows_;
  py::object owners_[16];
  std::size_t used_ = 0;
  std::vector<std::vector<double>> repeated_;
};

/// What was found, for keeps.
struct HedgeResult {
  HedgeSolution solution;
};

std::string short_number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", x);
  return text;
}

/// "limit[1] and rows[0] cannot hold together ...": empty where they can.
std::string message(const HedgeResult& result) {
  const HedgeSolution& s = result.solution;
  if (s.status == SolveStatus::iteration_limit) return "stopped before the optimum was proven";
  if (s.status != SolveStatus::infeasible) return "";
  const std::size_t k = s.residual.size();
  const auto name = [k](std::size_t b) {
    return b < k ? "limit[" + std::to_string(b) + "]" : "rows[" + std::to_string(b - k) + "]";
  };
  std::vector<std::string> clash, relaxed;
  for (std::size_t b = 0; b < s.clash.size(); ++b) {
    if (s.clash[b] != 0) clash.push_back(name(b));
    if (s.relaxation[b] > 0.0) relaxed.push_back(name(b) + " by " + short_number(s.relaxation[b]));
  }
  const auto list = [](const std::vector<std::string>& parts) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i)
      text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
    return text;
  };
  std::string text = list(clash) + (clash.size() > 1 ? " cannot hold together" : " cannot hold") +
                     " within lower and upper; the trades exceed " + list(relaxed) + ", the least that can be";
  return clash.empty() ? "no whole lots satisfy every limit; the trades exceed them least" : text;
}

std::string repr(const HedgeResult& result) {
  const HedgeSolution& s = result.solution;
  const auto traded = std::count_if(s.trades.begin(), s.trades.end(), [](double x) { return x != 0.0; });
  std::string text = "HedgeResult(" + std::string(to_string(s.status)) + ": risk " + short_number(s.risk_before) +
                     " -> " + short_number(s.risk) + ", cost " + short_number(s.cost) + ", " + std::to_string(traded) +
                     " of " + std::to_string(s.trades.size()) + " instruments traded, " + std::to_string(s.iterations) +
                     " iterations";
  const std::string why = message(result);
  return text + (why.empty() ? "" : "; " + why) + ")";
}

void read(HedgeArguments& a, py::handle greeks, py::handle exposure, py::handle penalty, py::handle cost_buy,
          py::handle cost_sell, py::handle impact, py::handle lower, py::handle upper, py::handle limit,
          py::handle rows, py::handle rows_sell, py::handle row_lower, py::handle row_upper) {
  const std::size_t m = a.instruments();
  a.matrix(a.update.greeks, greeks, "greeks", a.greeks(), "Greeks");
  a.vector(a.update.exposure, exposure, "exposure", a.greeks(), "Greeks");
  a.penalty(penalty);
  a.vector(a.update.cost_buy, cost_buy, "cost_buy", m, "instruments");
  a.vector(a.update.cost_sell, cost_sell, "cost_sell", m, "instruments");
  a.vector(a.update.impact, impact, "impact", m, "instruments");
  a.vector(a.update.lower, lower, "lower", m, "instruments");
  a.vector(a.update.upper, upper, "upper", m, "instruments");
  a.vector(a.update.limit, limit, "limit", a.greeks(), "Greeks");
  a.matrix(a.update.use_buy, rows, "rows", a.rows(), "rows");
  a.matrix(a.update.use_sell, rows_sell.is_none() ? rows : rows_sell, "rows_sell", a.rows(), "rows");
  a.vector(a.update.row_lower, row_lower, "row_lower", a.rows(), "rows");
  a.vector(a.update.row_upper, row_upper, "row_upper", a.rows(), "rows");
}

/// The solver kept for the next problem of the same size, one a thread.
HedgeSolver& solver_for(std::size_t greeks, std::size_t instruments, std::size_t rows) {
  thread_local std::optional<HedgeSolver> solver;
  if (!solver || solver->n_greeks() != greeks || solver->n_instruments() != instruments || solver->n_rows() != rows) {
    solver.emplace(greeks, instruments, rows);
  }
  return *solver;
}

/// How many Greeks, instruments and rows a call is about.
struct Size {
  std::size_t greeks, instruments, rows = 0;

  Size(const py::object& matrix, const py::object& rows_matrix) {
    auto* array = reinterpret_cast<PyArrayObject*>(matrix.ptr());
    if (PyArray_NDIM(array) != 2) {
      throw py::value_error("greeks must be a matrix (Greeks, instruments), got shape " + shape_text(array));
    }
    greeks = static_cast<std::size_t>(PyArray_DIM(array, 0));
    instruments = static_cast<std::size_t>(PyArray_DIM(array, 1));
    if (rows_matrix.is_none()) return;
    auto* shape = reinterpret_cast<PyArrayObject*>(rows_matrix.ptr());
    rows = PyArray_NDIM(shape) == 2 ? static_cast<std::size_t>(PyArray_DIM(shape, 0)) : 1;
  }
};

py::object converted(const py::object& object, const char* name) {
  return object.is_none() ? object : as_array(object, name, NPY_DOUBLE);
}

/// Everything of a one-shot problem into the kept solver; what is left out is as if it had never been given.
HedgeSolver& prepared(const ArrayLike& greeks, const ArrayLike& exposure, const ArrayLike& penalty,
                      const ArrayLike& cost_buy, const ArrayLike& cost_sell, const ArrayLike& impact,
                      const ArrayLike& lower, const ArrayLike& upper, const py::object& limit, const py::object& rows,
                      const py::object& rows_sell, const py::object& row_lower, const py::object& row_upper) {
  const py::object matrix = as_array(greeks, "greeks", NPY_DOUBLE), row_matrix = converted(rows, "rows");
  const Size size(matrix, row_matrix);
  HedgeArguments arguments(size.greeks, size.instruments, size.rows);
  read(arguments, matrix, exposure, penalty, cost_buy, cost_sell, impact, lower, upper, limit, row_matrix, rows_sell,
       row_lower, row_upper);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> none(std::max(size.greeks, size.rows), kInfinity), below(size.rows, -kInfinity);
  if (limit.is_none()) arguments.update.limit = {none.data(), size.greeks};
  if (row_upper.is_none()) arguments.update.row_upper = {none.data(), size.rows};
  if (row_lower.is_none()) arguments.update.row_lower = below;
  HedgeSolver& solver = solver_for(size.greeks, size.instruments, size.rows);
  solver.update(arguments.update);
  return solver;
}

HedgeResult hedge(const ArrayLike& greeks, const ArrayLike& exposure, const ArrayLike& penalty,
                  const ArrayLike& cost_buy, const ArrayLike& cost_sell, const ArrayLike& impact,
                  const ArrayLike& lower, const ArrayLike& upper, const py::object& limit, const py::object& rows,
                  const py::object& rows_sell, const py::object& row_lower, const py::object& row_upper,
                  const py::object& warm_start) {
  HedgeSolver& solver = prepared(greeks, exposure, penalty, cost_buy, cost_sell, impact, lower, upper, limit, rows,
                                 rows_sell, row_lower, row_upper);
  if (warm_start.is_none()) return {solver.solve(false)};
  if (py::isinstance<HedgeResult>(warm_start)) {
    return {solver.solve_from(warm_start.cast<const HedgeResult&>().solution.trades)};
  }
  return {solver.solve_from(ArrayColumn<double>(warm_start, "warm_start", NPY_DOUBLE).span())};
}

/// A column of n, or one number for all, kept for the call.
std::vector<double> filled(const ArrayLike& object, const char* name, std::size_t n) {
  const py::object owner = as_array(object, name, NPY_DOUBLE);
  auto* array = reinterpret_cast<PyArrayObject*>(owner.ptr());
  if (PyArray_NDIM(array) == 0) return std::vector<double>(n, *static_cast<const double*>(PyArray_DATA(array)));
  return as_column(owner, name, n, "instruments").copy();
}

HedgeResult solve_lots(HedgeSolver& solver, const ArrayLike& lot_size, const ArrayLike& min_size,
                       const ArrayLike& position, const ArrayLike& ticket, std::size_t max_trades, int max_nodes) {
  const std::size_t m = solver.n_instruments();
  const auto lots = filled(lot_size, "lot_size", m), least = filled(min_size, "min_size", m),
             held = filled(position, "position", m), tickets = filled(ticket, "ticket", m);
  return {solver.solve_lots({lots, least, held, tickets, max_trades, max_nodes})};
}

/// Many books: the same instruments, costs and bounds, each with exposures and, if three-dimensional, Greeks of its
/// own.
using HedgedBooks = py::typing::Tuple<Floats, Floats, Floats, Floats, Bytes>;

HedgedBooks hedge_many(const ArrayLike& greeks, const ArrayLike& exposure, const ArrayLike& penalty,
                       const ArrayLike& cost_buy, const ArrayLike& cost_sell, const ArrayLike& impact,
                       const ArrayLike& lower, const ArrayLike& upper, const py::object& limit, int threads) {
  const py::object all_greeks = as_array(greeks, "greeks", NPY_DOUBLE);
  const py::object all_exposures = as_array(exposure, "exposure", NPY_DOUBLE);
  auto* g = reinterpret_cast<PyArrayObject*>(all_greeks.ptr());
  auto* e = reinterpret_cast<PyArrayObject*>(all_exposures.ptr());
  const bool own = PyArray_NDIM(g) == 3;
  if ((PyArray_NDIM(g) != 2 && !own) || PyArray_NDIM(e) != 2 || (own && PyArray_DIM(g, 0) != PyArray_DIM(e, 0)) ||
      PyArray_DIM(g, own ? 1 : 0) != PyArray_DIM(e, 1)) {
    throw py::value_error("greeks has shape " + shape_text(g) + " and exposure " + shape_text(e) +
                          ", but (Greeks, instruments) or (books, Greeks, instruments) and (books, Greeks) are needed");
  }
  if (threads < 1) throw py::value_error("threads must be at least 1, got " + std::to_string(threads));
  const auto books = static_cast<std::size_t>(PyArray_DIM(e, 0)), k = static_cast<std::size_t>(PyArray_DIM(e, 1)),
             m = static_cast<std::size_t>(PyArray_DIM(g, own ? 2 : 1));
  HedgeArguments arguments(k, m, 0);
  arguments.penalty(penalty);
  HedgeUpdate& u = arguments.update;
  arguments.vector(u.cost_buy, cost_buy, "cost_buy", m, "instruments");
  arguments.vector(u.cost_sell, cost_sell, "cost_sell", m, "instruments");
  arguments.vector(u.impact, impact, "impact", m, "instruments");
  arguments.vector(u.lower, lower, "lower", m, "instruments");
  arguments.vector(u.upper, upper, "upper", m, "instruments");
  arguments.vector(u.limit, limit, "limit", k, "Greeks");

  const auto shape = [books](std::size_t n) {
    return n == 0 ? py::array::ShapeContainer{books} : py::array::ShapeContainer{books, n};
  };
  py::array_t<double> trades(shape(m)), residual(shape(k)), objective(shape(0)), cost(shape(0));
  py::array_t<std::uint8_t> status(shape(0));
  const auto* greek = static_cast<const double*>(PyArray_DATA(g));
  const auto* exposed = static_cast<const double*>(PyArray_DATA(e));
  double *x = trades.mutable_data(), *y = residual.mutable_data(), *value = objective.mutable_data(),
         *paid = cost.mutable_data();
  std::uint8_t* ended = status.mutable_data();
  const std::size_t parts = std::min(static_cast<std::size_t>(threads), std::max<std::size_t>(books, 1));
  std::vector<std::exception_ptr> failed(parts);
  {
    const py::gil_scoped_release unlocked;
    const auto part = [&](std::size_t p) {
      try {
        HedgeSolver solver(k, m);
        HedgeUpdate shared = u;
        if (!own) shared.greeks = {greek, k * m};
        solver.update(shared);
        for (std::size_t b = books * p / parts; b < books * (p + 1) / parts; ++b) {
          HedgeUpdate moved;
          moved.exposure = {exposed + b * k, k};
          if (own) moved.greeks = {greek + b * k * m, k * m};
          solver.update(moved);
          const HedgeSolution& s = solver.solve(false);
          std::copy(s.trades.begin(), s.trades.end(), x + b * m);
          std::copy(s.residual.begin(), s.residual.end(), y + b * k);
          value[b] = s.objective;
          paid[b] = s.cost;
          ended[b] = static_cast<std::uint8_t>(s.status);
        }
      } catch (...) {
        failed[p] = std::current_exception();
      }
    };
    std::vector<std::thread> workers;
    for (std::size_t p = 1; p < parts; ++p) workers.emplace_back(part, p);
    part(0);
    for (std::thread& worker : workers) worker.join();
  }
  for (const std::exception_ptr& failure : failed) {
    if (failure) std::rethrow_exception(failure);
  }
  return py::reinterpret_steal<HedgedBooks>(py::make_tuple(trades, objective, cost, residual, status).release());
}

template <class T>
auto column_of(std::vector<T> HedgeSolution::* member) {
  return [member](const py::object& self) { return view(self, self.cast<const HedgeResult&>().solution.*member); };
}

}  // namespace

void bind_hedge(py::module_& m) {
  py::class_<HedgeResult>(m, "HedgeResult", kHedgeResultDoc)
      .def_property_readonly("trades", column_of(&HedgeSolution::trades), "Contracts to trade, bought > 0: (m,).")
      .def_property_readonly("residual", column_of(&HedgeSolution::residual), "Exposures afterwards: (k,).")
      .def_property_readonly("marginal", column_of(&HedgeSolution::marginal),
                             "What one more contract would add to the risk, limits and rows priced in: (m,). An "
                             "instrument is left alone while -cost_buy <= marginal <= cost_sell.")
      .def_property_readonly(
          "limit_price", column_of(&HedgeSolution::limit_price),
          "What one more unit of each limit would save: (k,); < 0 where the exposure stands at -limit.")
      .def_property_readonly("row_use", column_of(&HedgeSolution::row_use), "What the trades use of each row: (r,).")
      .def_property_readonly("row_price", column_of(&HedgeSolution::row_price),
                             "What one more unit of row_upper would save, or < 0 one less of row_lower: (r,).")
      .def_property_readonly("relaxation", column_of(&HedgeSolution::relaxation),
                             "By how much each limit, then each row, had to be exceeded: (k + r,).")
      .def_property_readonly("clash", column_of(&HedgeSolution::clash),
                             "1 for the limits and rows that cannot hold together: (k + r,).")
      .def_property_readonly("objective", [](const HedgeResult& r) { return r.solution.objective; })
      .def_property_readonly("cost", [](const HedgeResult& r) { return r.solution.cost; })
      .def_property_readonly("risk", [](const HedgeResult& r) { return r.solution.risk; })
      .def_property_readonly("risk_before", [](const HedgeResult& r) { return r.solution.risk_before; })
      .def_property_readonly(
          "gap", [](const HedgeResult& r) { return r.solution.gap; },
          "How far the objective can be from the best there is; NaN unless solved.")
      .def_property_readonly("status", [](const HedgeResult& r) { return r.solution.status; })
      .def_property_readonly("iterations", [](const HedgeResult& r) { return r.solution.iterations; })
      .def_property_readonly("message", &message, "What stood in the way; empty if nothing did.")
      .def("__repr__", &repr);
  m.def("hedge", &hedge, py::arg("greeks"), py::arg("exposure"), py::arg("penalty"), py::kw_only(), py::arg("cost_buy"),
        py::arg("cost_sell"), py::arg("impact") = py::int_(0), py::arg("lower"), py::arg("upper"),
        py::arg("limit") = py::none(), py::arg("rows") = py::none(), py::arg("rows_sell") = py::none(),
        py::arg("row_lower") = py::none(), py::arg("row_upper") = py::none(), py::arg("warm_start") = py::none(),
        kHedgeDoc);
  m.def("hedge_many", &hedge_many, py::arg("greeks"), py::arg("exposure"), py::arg("penalty"), py::kw_only(),
        py::arg("cost_buy"), py::arg("cost_sell"), py::arg("impact") = py::int_(0), py::arg("lower"), py::arg("upper"),
        py::arg("limit") = py::none(), py::arg("threads") = 1, kHedgeManyDoc);
  py::class_<HedgeSolver>(m, "HedgeSolver", kHedgeSolverDoc)
      .def(py::init<std::size_t, std::size_t, std::size_t>(), py::arg("n_greeks"), py::arg("n_instruments"),
           py::arg("n_rows") = 0)
      .def_property_readonly("n_greeks", &HedgeSolver::n_greeks)
      .def_property_readonly("n_instruments", &HedgeSolver::n_instruments)
      .def_property_readonly("n_rows", &HedgeSolver::n_rows)
      .def(
          "update",
          [](HedgeSolver& self, const py::object& greeks, const py::object& exposure, const py::object& penalty,
             const py::object& cost_buy, const py::object& cost_sell, const py::object& impact, const py::object& lower,
             const py::object& upper, const py::object& limit, const py::object& rows, const py::object& rows_sell,
             const py::object& row_lower, const py::object& row_upper) {
            HedgeArguments arguments(self.n_greeks(), self.n_instruments(), self.n_rows());
            read(arguments, greeks, exposure, penalty, cost_buy, cost_sell, impact, lower, upper, limit, rows,
                 rows_sell, row_lower, row_upper);
            self.update(arguments.update);
          },
          py::kw_only(), py::arg("greeks") = py::none(), py::arg("exposure") = py::none(),
          py::arg("penalty") = py::none(), py::arg("cost_buy") = py::none(), py::arg("cost_sell") = py::none(),
          py::arg("impact") = py::none(), py::arg("lower") = py::none(), py::arg("upper") = py::none(),
          py::arg("limit") = py::none(), py::arg("rows") = py::none(), py::arg("rows_sell") = py::none(),
          py::arg("row_lower") = py::none(), py::arg("row_upper") = py::none(),
          "Change what is given and keep the rest; if anything is wrong, nothing changes.")
      .def(
          "solve", [](HedgeSolver& self, bool warm) { return HedgeResult{self.solve(warm)}; }, py::arg("warm") = true,
          "The optimum, found from where the last one was or, with warm=False, from nothing.")
      .def("solve_lots", &solve_lots, py::arg("lot_size"), py::kw_only(), py::arg("min_size") = py::int_(0),
           py::arg("position") = py::int_(0), py::arg("ticket") = py::int_(0), py::arg("max_trades") = 0,
           py::arg("max_nodes") = 1000, kSolveLotsDoc)
      .def("__repr__", [](const HedgeSolver& self) {
        return "HedgeSolver(n_greeks=" + std::to_string(self.n_greeks()) +
               ", n_instruments=" + std::to_string(self.n_instruments()) + ", n_rows=" + std::to_string(self.n_rows()) +
               ")";
      });
}

}  // namespace rebalance::bindings
