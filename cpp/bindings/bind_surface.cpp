/// Surface: smiles in, vol and its derivatives out.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

#include "bind.hpp"
#include "broadcast.hpp"
#include "rebalance/surface/surface.hpp"

namespace rebalance::bindings {
namespace {

constexpr int kInputs = 3, kOutputs = 4;
constexpr const char* kInputNames[kInputs] = {"forward", "strike", "years"};
constexpr const char* kOutputNames[kOutputs] = {"vol", "dvol_dstrike", "dvol_dforward", "d2vol_dstrike2"};

/// What evaluate returns: columns of doubles and the row status, or plain numbers for one option.
struct Vols {
  Shape shape;
  bool scalar = false;
  npy_intp rows = 1;
  py::object column[kOutputs], status;
  double* data[kOutputs] = {};
  std::uint8_t* status_data = nullptr;

  explicit Vols(const Shape& wanted) : shape(wanted) {
    const ColumnBlock block(shape, kOutputs);
    rows = block.rows();
    for (std::size_t j = 0; j < kOutputs; ++j) {
      column[j] = block.column(j);
      data[j] = block.data(j);
    }
    status = block.status();
    status_data = block.status_data();
  }

  Vols(const double* values, std::uint8_t row_status) : scalar(true) {
    for (int j = 0; j < kOutputs; ++j) column[j] = py::float_(values[j]);
    status = py::cast(static_cast<RowStatus>(row_status));
  }
};

/// Rows [first, first + count), as many as kBlock, by way of buffers where they are not whole lanes side by side.
void evaluate_block(SurfaceColumns c, const Argument (&in)[kInputs], double (&buffers)[kInputs][Argument::kBlock],
                    const Vols& out, npy_intp first, npy_intp count) noexcept {
  const auto lanes = static_cast<npy_intp>(kLanes), padded = (count + lanes - 1) / lanes * lanes;
  const double* column[kInputs];
  for (int j = 0; j < kInputs; ++j) column[j] = in[j].rows(first, count, buffers[j]);
  c.rows = static_cast<std::size_t>(padded);
  if (padded == count) {
    c.forward = column[0], c.strike = column[1], c.years = column[2];
    c.vol = out.data[0] + first, c.dvol_dstrike = out.data[1] + first;
    c.dvol_dforward = out.data[2] + first, c.d2vol_dstrike2 = out.data[3] + first;
    c.status = out.status_data + first;
    active_kernels().surface(c);
    return;
  }
  // The lanes left over repeat the first row; their results are dropped.
  double rows[kInputs][Argument::kBlock], results[kOutputs][Argument::kBlock];
  std::uint8_t status[Argument::kBlock];
  for (int j = 0; j < kInputs; ++j) {
    std::copy_n(column[j], count, rows[j]);
    std::fill(rows[j] + count, rows[j] + padded, column[j][0]);
  }
  c.forward = rows[0], c.strike = rows[1], c.years = rows[2];
  c.vol = results[0], c.dvol_dstrike = results[1], c.dvol_dforward = results[2], c.d2vol_dstrike2 = results[3];
  c.status = status;
  active_kernels().surface(c);
  for (int j = 0; j < kOutputs; ++j) std::copy_n(results[j], count, out.data[j] + first);
  std::copy_n(status, count, out.status_data + first);
}

void evaluate_rows(const SurfaceColumns& c, const Argument (&in)[kInputs], const Vols& out) noexcept {
  alignas(64) double buffers[kInputs][Argument::kBlock];
  for (int j = 0; j < kInputs; ++j) in[j].fill_number(buffers[j], Argument::kBlock);
  for (npy_intp row = 0; row < out.rows; row += Argument::kBlock) {
    evaluate_block(c, in, buffers, out, row, std::min(Argument::kBlock, out.rows - row));
  }
}

void check_out(const Vols& out, const Shape& shape) {
  const int extra = out.shape.n - shape.n;
  bool fits = !out.scalar && extra >= 0;
  for (int k = 0; fits && k < shape.n; ++k) fits = shape[k] == 1 || shape[k] == out.shape[extra + k];
  if (!fits) {
    throw py::value_error("evaluate: out has shape " + out.shape.text() + ", but the inputs broadcast to " +
                          shape.text());
  }
  for (int j = 0; j <= kOutputs; ++j) {
    const py::object& array = j < kOutputs ? out.column[j] : out.status;
    if (PyArray_ISWRITEABLE(reinterpret_cast<PyArrayObject*>(array.ptr()))) continue;
    throw py::value_error("evaluate: out." + std::string(j < kOutputs ? kOutputNames[j] : "status") + " is read-only");
  }
}

py::object evaluate(const Surface& self, const ArrayLike& forward, const ArrayLike& strike, const ArrayLike& years,
                    double moneyness_share, const py::object& given) {
  constexpr npy_intp kRowsWorthTheLock = 512;
  Argument in[kInputs];
  const py::object* objects[kInputs] = {&forward, &strike, &years};
  bool numbers = given.is_none();
  for (int j = 0; j < kInputs; ++j) {
    in[j].read(objects[j]->ptr(), kInputNames[j]);
    numbers = numbers && in[j].is_number();
  }
  SurfaceColumns c{};
  c.slices = self.slices();
  c.moneyness_share = moneyness_share;

  if (!given.is_none() && !py::isinstance<Vols>(given)) {
    throw py::type_error(std::string("evaluate: out must be a Vols, got ") + Py_TYPE(given.ptr())->tp_name);
  }
  const Shape shape = common_shape(in, "evaluate");
  py::object result = given.is_none() ? py::cast(Vols(shape)) : given;
  auto& out = py::cast<Vols&>(result);
  if (!given.is_none()) check_out(out, shape);
  for (Argument& a : in) {
    a.broadcast_to(out.shape);
    if (given.is_none()) continue;
    const auto bytes = static_cast<std::size_t>(out.rows) * sizeof(double);
    for (const double* data : out.data) {
      if (a.disturbed_by(data, bytes)) a.detach(out.shape);
    }
  }
  if (out.rows >= kRowsWorthTheLock) {
    const py::gil_scoped_release release;
    evaluate_rows(c, in, out);
  } else if (out.rows > 0) {
    evaluate_rows(c, in, out);
  }
  if (!numbers) return result;
  const double values[kOutputs] = {*out.data[0], *out.data[1], *out.data[2], *out.data[3]};
  return py::cast(Vols(values, *out.status_data));
}

/// (a, b, rho, m, sigma), or (low, high, pieces, left_slope, right_slope) of a spline.
Smile smile_of(double years, const py::tuple& p) {
  if (p.size() != 5) throw py::value_error("a smile has 5 parameters, got " + std::to_string(p.size()));
  const auto number = [&](std::size_t i) { return py::cast<double>(p[i]); };
  if (py::isinstance<py::float_>(p[2])) {
    return {years, SviParameters{number(0), number(1), number(2), number(3), number(4)}};
  }
  return {years, SplineParameters{number(0), number(1), ArrayColumn<double>(p[2], "pieces", NPY_DOUBLE).copy(),
                                  number(3), number(4)}};
}

std::shared_ptr<Surface> make_surface(const ArrayLike& years, const py::typing::List<py::object>& smiles) {
  const auto times = as_column(years, "years", smiles.size(), "smiles");
  std::vector<Smile> all;
  for (std::size_t i = 0; i < smiles.size(); ++i) {
    all.push_back(smile_of(times.span()[i], py::cast<py::tuple>(smiles[i])));
  }
  return std::make_shared<Surface>(all);
}

}  // namespace

void bind_surface(py::module_& m) {
  py::class_<Vols> vols(m, "Vols", "Vol and its derivatives, one number or array each, and a status per row.");
  vols.def(py::init([](const py::object& shape) {
             std::vector<npy_intp> dims;
             if (py::isinstance<py::int_>(shape)) {
               dims.push_back(py::cast<npy_intp>(shape));
             } else {
               dims = py::cast<std::vector<npy_intp>>(py::list(shape));
             }
             for (const npy_intp d : dims) {
               if (d < 0) throw py::value_error("shape must not be negative, got " + std::to_string(d));
             }
             if (dims.size() > Shape::kMaxDims) throw py::value_error("shape has too many dimensions");
             return Vols(Shape(dims));
           }),
           py::arg("shape"), "Uninitialised arrays to hand to ``evaluate`` as ``out=``.");
  const char* const docs[kOutputs] = {"Per square root of a year.", "At a fixed forward.",
                                      "At a fixed strike, by the dynamics asked for.", "At a fixed forward."};
  for (int j = 0; j < kOutputs; ++j) {
    vols.def_property_readonly(kOutputNames[j], [j](const Vols& self) { return self.column[j]; }, docs[j]);
  }
  vols.def_property_readonly(
      "status", [](const Vols& self) { return self.status; },
      "RowStatus of each row: ok, at_expiry, or why it has no value.");
  vols.def_property_readonly("shape", [](const Vols& self) {
    py::typing::Tuple<py::int_, py::ellipsis> shape(static_cast<std::size_t>(self.shape.n));
    for (int i = 0; i < self.shape.n; ++i) shape[static_cast<std::size_t>(i)] = self.shape[i];
    return shape;
  });
  vols.def("__repr__", [](const Vols& self) {
    std::string text = self.scalar ? "Vols(" : "Vols(shape " + self.shape.text() + ", ";
    for (int j = 0; j < kOutputs; ++j) {
      const py::object shown = self.scalar ? self.column[j]
                                           : py::module_::import("numpy").attr("array2string")(
                                                 self.column[j], py::arg("threshold") = 6, py::arg("edgeitems") = 2);
      text += std::string(j == 0 ? "" : ", ") + kOutputNames[j] + " " + std::string(py::str(shown));
    }
    return text + ")";
  });

  py::class_<Surface, std::shared_ptr<Surface>> surface(m, "Surface", "Smiles of several expiries, as evaluated.");
  surface.def(py::init(&make_surface), py::arg("years"), py::arg("smiles"));
  surface.def("__len__", &Surface::size);
  surface.def("_evaluate", &evaluate, py::arg("forward"), py::arg("strike"), py::arg("years"),
              py::arg("moneyness_share"), py::arg("out"));
}

}  // namespace rebalance::bindings
