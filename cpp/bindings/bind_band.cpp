/// triggers.local_band: what trading costs in, when to trade and where to out.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <string>
#include <vector>

#include "batch.hpp"
#include "bind.hpp"
#include "broadcast.hpp"
#include "rebalance/status.hpp"
#include "rebalance/triggers/band.hpp"

namespace rebalance::bindings {
namespace {

constexpr int kInputs = triggers::kBandInputs, kOutputs = triggers::kBandOutputs;
constexpr const char* kInputNames[kInputs] = {"variance_rate", "penalty", "linear_cost", "fixed_cost"};
constexpr const char* kOutputNames[kOutputs] = {"trigger",  "destination",     "mean_square",
                                                "turnover", "trades_per_year", "cost_rate"};
constexpr const char* kOutputDocs[kOutputs] = {
    "Trade once the deviation is this large: half the width of the band, in units.",
    "Trade until the deviation is this: the trigger without a fixed cost, 0 without a linear one.",
    "Mean square of the deviation in the long run, units squared.",
    "Units traded per year.",
    "Infinite without a fixed cost: the edge is met again at once. See ``watched_band`` for looks at intervals.",
    "Penalty and both costs, money per year."};

/// Columns of doubles and the row status, or plain numbers for one row.
struct BandColumns {
  Shape shape;
  bool scalar = false;
  npy_intp rows = 1;
  py::object column[kOutputs], status;
  Destination to;

  explicit BandColumns(const Shape& wanted) : shape(wanted) {
    const ColumnBlock block(shape, kOutputs);
    rows = block.rows();
    to.columns = kOutputs;
    to.rows = rows;
    for (std::size_t j = 0; j < kOutputs; ++j) {
      column[j] = block.column(j);
      to.column[j] = block.data(j);
    }
    status = block.status();
    to.status = block.status_data();
  }

  BandColumns(const double* values, std::uint8_t row_status) : scalar(true) {
    for (int j = 0; j < kOutputs; ++j) column[j] = py::float_(values[j]);
    status = py::cast(static_cast<RowStatus>(row_status));
  }
};

Shape shape_of(const py::object& given) {
  std::vector<npy_intp> dims;
  if (py::isinstance<py::int_>(given)) {
    dims.push_back(py::cast<npy_intp>(given));
  } else {
    dims = py::cast<std::vector<npy_intp>>(py::list(given));
  }
  for (const npy_intp d : dims) {
    if (d < 0) throw py::value_error("shape must not be negative, got " + std::to_string(d));
  }
  if (dims.size() > Shape::kMaxDims) throw py::value_error("shape has too many dimensions");
  return Shape(dims);
}

py::tuple shape_tuple(const Shape& shape) {
  py::tuple dims(static_cast<std::size_t>(shape.n));
  for (int i = 0; i < shape.n; ++i) dims[static_cast<std::size_t>(i)] = shape[i];
  return dims;
}

void check_out(const BandColumns& out, const Shape& shape) {
  const bool fits = !out.scalar && out.shape.n == shape.n && std::equal(shape.dim, shape.dim + shape.n, out.shape.dim);
  if (!fits) {
    throw py::value_error("local_band: out has shape " + out.shape.text() + ", but the inputs broadcast to " +
                          shape.text());
  }
  for (int j = 0; j <= kOutputs; ++j) {
    const py::object& array = j < kOutputs ? out.column[j] : out.status;
    if (PyArray_ISWRITEABLE(reinterpret_cast<PyArrayObject*>(array.ptr()))) continue;
    throw py::value_error("local_band: out." + std::string(j < kOutputs ? kOutputNames[j] : "status") +
                          " is read-only");
  }
}

py::object local_band(const ArrayLike& variance_rate, const ArrayLike& penalty, const ArrayLike& linear_cost,
                      const ArrayLike& fixed_cost, const py::object& given, long threads) {
  if (threads < 1) throw py::value_error("threads must be at least 1, got " + std::to_string(threads));
  if (!given.is_none() && !py::isinstance<BandColumns>(given)) {
    throw py::type_error(std::string("local_band: out must be a Band, got ") + Py_TYPE(given.ptr())->tp_name);
  }
  Argument in[kInputs];
  const py::object* objects[kInputs] = {&variance_rate, &penalty, &linear_cost, &fixed_cost};
  bool numbers = given.is_none();
  for (int j = 0; j < kInputs; ++j) {
    in[j].read(objects[j]->ptr(), kInputNames[j]);
    numbers = numbers && in[j].is_number();
  }
  const PriceKernel kernel = active_kernels().local_band;
  if (numbers) {
    double values[kOutputs];
    const std::uint8_t status = price_one(in, kernel, kOutputs, values);
    return py::cast(BandColumns(values, status));
  }
  const Shape shape = common_shape(in, "local_band");
  py::object result = given.is_none() ? py::cast(BandColumns(shape)) : given;
  auto& out = py::cast<BandColumns&>(result);
  if (!given.is_none()) check_out(out, shape);
  const auto bytes = static_cast<std::size_t>(out.rows) * sizeof(double);
  for (Argument& a : in) {
    a.broadcast_to(out.shape);
    if (given.is_none() || a.is_number()) continue;
    for (std::size_t j = 0; j < kOutputs; ++j) {
      if (a.disturbed_by(out.to.column[j], bytes)) a.detach(out.shape);
    }
  }
  if (out.rows > 0) price_all(in, kernel, out.to, threads);
  return result;
}

std::string text_of(const BandColumns& self) {
  std::string text = self.scalar ? "Band(" : "Band(shape " + self.shape.text();
  for (int j = 0; j < kOutputs; ++j) {
    const py::object shown = self.scalar ? self.column[j]
                                         : py::module_::import("numpy").attr("array2string")(
                                               self.column[j], py::arg("threshold") = 6, py::arg("edgeitems") = 3);
    const std::string before = !self.scalar ? "\n  " : j > 0 ? ", " : "";
    text += before + kOutputNames[j] + "=" + std::string(py::str(shown));
  }
  return text + ")";
}

using State = py::typing::Tuple<py::object, py::ellipsis>;

/// For pickle: the shape, or None for plain numbers, then the columns and the status.
State state_of(const BandColumns& self) {
  py::tuple state(kOutputs + 2);
  state[0] = self.scalar ? py::object(py::none()) : py::object(shape_tuple(self.shape));
  for (int j = 0; j < kOutputs; ++j) state[static_cast<std::size_t>(j) + 1] = self.column[j];
  state[kOutputs + 1] = self.scalar ? py::object(py::int_(py::cast<int>(py::int_(self.status)))) : self.status;
  return State(state);
}

BandColumns from_state(const State& state) {
  if (state.size() != kOutputs + 2) throw py::value_error("this is not the state of a Band");
  if (py::object(state[0]).is_none()) {
    double values[kOutputs];
    for (std::size_t j = 0; j < kOutputs; ++j) values[j] = py::cast<double>(state[j + 1]);
    return {values, py::cast<std::uint8_t>(state[kOutputs + 1])};
  }
  BandColumns band(shape_of(state[0]));
  const auto copy = [](const py::object& to, const py::object& from) { to[py::ellipsis()] = from; };
  for (std::size_t j = 0; j < kOutputs; ++j) copy(band.column[j], state[j + 1]);
  copy(band.status, state[kOutputs + 1]);
  return band;
}

}  // namespace

void bind_band(py::module_& m) {
  py::class_<BandColumns> band(m, "Band",
                               "When to trade and where to, one number or array each, and a status per row.");
  band.def(py::init([](const py::object& shape) { return BandColumns(shape_of(shape)); }), py::arg("shape"),
           "Uninitialised arrays to hand to ``local_band`` as ``out=``.");
  for (int j = 0; j < kOutputs; ++j) {
    band.def_property_readonly(
        kOutputNames[j], [j](const BandColumns& self) { return self.column[j]; }, kOutputDocs[j]);
  }
  band.def_property_readonly(
      "status", [](const BandColumns& self) { return self.status; },
      "RowStatus of each row: ok, zero_vol where nothing moves, or why it has no band.");
  band.def_property_readonly("shape", [](const BandColumns& self) {
    return py::typing::Tuple<py::int_, py::ellipsis>(shape_tuple(self.shape));
  });
  band.def("__repr__", &text_of);
  band.def(py::pickle(&state_of, &from_state));

  m.def("local_band", &local_band, py::arg("variance_rate"), py::arg("penalty"), py::arg("linear_cost"),
        py::arg("fixed_cost") = 0.0, py::kw_only(), py::arg("out") = py::none(), py::arg("threads") = 1,
        R"(When to trade, where to, and what that costs: the best rule for a deviation that must be paid to reduce.

While nobody trades, the deviation x from target wanders with ``variance_rate``; it is penalised at penalty x^2 / 2 a
year; a trade costs fixed_cost + linear_cost |trade|. The best rule trades once |x| reaches ``trigger`` a, until it is
``destination`` b, where with beta = penalty / (3 variance_rate)

    beta a b (a + b) = linear_cost        beta (a - b)^3 (a + b) = 4 fixed_cost

Without a fixed cost a = b: trade just enough to stay at the edge. Without a linear cost b = 0: jump to the target.

Parameters
----------
variance_rate
    Units squared per year. 0: nothing moves; every column is 0 and the status is ``zero_vol``.
penalty
    Money per unit squared and year, above 0.
linear_cost
    Money per unit traded, one way: half the spread and the fee.
fixed_cost
    Money per trade: gas, a ticket.
out : Band, optional
    To write into; it has the shape that the inputs broadcast to.
threads : int
    For large batches. No result depends on it.

Returns
-------
Band
    Numbers if every input is a number, else arrays of the shape that the inputs broadcast to. Rows with a bad input are
    NaN, and their status says why; the other rows are untouched.

Raises
------
ValueError
    If shapes do not broadcast together; both are given.

Notes
-----
The six numbers are within 2e-15 (relative) of 50-digit arithmetic for any positive doubles: ``tests/reference/bands.py``.
The long-run figures hold for a deviation that is watched without pause and does not drift.

From Whalley and Wilmott (1999), European J. Applied Mathematics 10:117-139; Kallsen and Muhle-Karbe (2017), Mathematical
Finance 27:659-703.

Examples
--------
>>> from rebalance_core.triggers import local_band
>>> band = local_band(0.2, 3.0, 0.5, 2.0)
>>> round(band.trigger, 12), round(band.destination, 11), round(band.cost_rate, 11)
(1.161221654745, 0.06994673048, 0.71727596733)
)");
}

}  // namespace rebalance::bindings
