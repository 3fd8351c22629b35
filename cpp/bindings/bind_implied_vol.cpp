/// pricing.implied_vol: prices in, vols and a status per row out.
#include "batch.hpp"
#include "bind.hpp"
#include "call.hpp"
#include "pricing_docs.hpp"
#include "rebalance/kernels.hpp"
#include "rebalance/pricing/implied_vol.hpp"
#include "rebalance/status.hpp"

namespace rebalance::bindings {
namespace {

constexpr const char* kInputs[] = {"price", "forward", "strike", "years", "phi", "rate"};
constexpr const char* kQuotes[] = {"black76", "bachelier", "inverse"};

PriceKernels solvers(const KernelTable& k, std::size_t quote, bool) {
  const PriceKernel kernel[] = {k.implied_vol_black76, k.implied_vol_bachelier, k.implied_vol_inverse};
  return {kernel[quote]};
}

constexpr ModelInfo kSolver = {.name = "implied_vol",
                               .inputs = kInputs,
                               .outputs = {},
                               .counts = {},
                               .choice = "model",
                               .choices = kQuotes,
                               .kernels = solvers};

/// One of the caller's two arrays: of this type and shape, in C order, and to be written to.
PyArrayObject* checked(PyObject* object, int type, const char* name, const Shape& shape) {
  if (!PyArray_Check(object) || PyArray_TYPE(reinterpret_cast<PyArrayObject*>(object)) != type) {
    throw py::type_error(std::string("implied_vol: out must be (vol, status), arrays of float64 and uint8; ") + name +
                         " is " + std::string(py::repr(py::type::of(py::handle(object)))));
  }
  auto* array = reinterpret_cast<PyArrayObject*>(object);
  const Shape has(std::span<const npy_intp>(PyArray_DIMS(array), static_cast<std::size_t>(PyArray_NDIM(array))));
  if (has.n != shape.n || !std::equal(has.dim, has.dim + has.n, shape.dim)) {
    throw py::value_error(std::string("implied_vol: out's ") + name + " has shape " + has.text() +
                          ", but the inputs broadcast to " + shape.text());
  }
  if (!PyArray_IS_C_CONTIGUOUS(array) || !PyArray_ISWRITEABLE(array)) {
    throw py::value_error(std::string("implied_vol: out's ") + name + " must be writeable and in C order");
  }
  return array;
}

PyObject* implied_vol(const Call& call) {
  if (call.order != nullptr) throw py::type_error("implied_vol() has no argument 'order'");
  const long threads = whole_number(call.threads, "threads", 1);
  Inputs inputs(call);
  const std::span<Argument> in = inputs.span();
  const PriceKernel kernel = kSolver.kernels(active_kernels(), call.variant(), false)[0];
  const bool fresh = call.out == nullptr || call.out == Py_None;
  if (inputs.numbers && fresh) {
    static const auto* words = [] {
      auto* all = new std::array<py::object, kRowStatusCount>;
      for (int i = 0; i < kRowStatusCount; ++i)
        (*all)[static_cast<std::size_t>(i)] = py::cast(static_cast<RowStatus>(i));
      return all;
    }();
    double vol = 0.0;
    const std::uint8_t status = price_one(in, kernel, 1, &vol);
    return PyTuple_Pack(2, py::float_(vol).ptr(), (*words)[status].ptr());
  }

  const Shape shape = common_shape(in, "implied_vol");
  py::object vol, status;
  if (fresh) {
    vol = py::reinterpret_steal<py::object>(PyArray_SimpleNew(shape.n, shape.dim, NPY_DOUBLE));
    status = py::reinterpret_steal<py::object>(PyArray_SimpleNew(shape.n, shape.dim, NPY_UINT8));
    if (!vol || !status) throw py::error_already_set();
  } else {
    if (!PyTuple_Check(call.out) || PyTuple_GET_SIZE(call.out) != 2) {
      throw py::type_error("implied_vol: out must be a tuple (vol, status)");
    }
    vol = py::reinterpret_borrow<py::object>(PyTuple_GET_ITEM(call.out, 0));
    status = py::reinterpret_borrow<py::object>(PyTuple_GET_ITEM(call.out, 1));
    checked(vol.ptr(), NPY_DOUBLE, "vol", shape);
    checked(status.ptr(), NPY_UINT8, "status", shape);
  }
  auto* vol_array = reinterpret_cast<PyArrayObject*>(vol.ptr());
  auto* status_array = reinterpret_cast<PyArrayObject*>(status.ptr());
  Destination to{
      .columns = 1, .status = static_cast<std::uint8_t*>(PyArray_DATA(status_array)), .rows = PyArray_SIZE(vol_array)};
  to.column[0] = static_cast<double*>(PyArray_DATA(vol_array));
  for (Argument& a : in) {
    a.broadcast_to(shape);
    const auto bytes = static_cast<std::size_t>(to.rows) * sizeof(double);
    if (!fresh && a.disturbed_by(to.column[0], bytes)) a.detach(shape);
  }
  if (to.rows > 0) price_all(in, kernel, to, threads);
  return PyTuple_Pack(2, vol.ptr(), status.ptr());
}

PyObject* entry(PyObject*, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) noexcept {
  return answered([&] { return implied_vol(Call(kSolver, args, positional, keywords)); });
}

PyMethodDef methods[] = {fast_method("implied_vol", entry, docs::kImpliedVol), {nullptr, nullptr, 0, nullptr}};

}  // namespace

void bind_implied_vol(py::module_& m) {
  if (PyModule_AddFunctions(m.ptr(), methods) != 0) throw py::error_already_set();
}

}  // namespace rebalance::bindings
