/// pricing.black76, bsm, inverse: arguments in, a Greeks out.
///
/// These three are plain vectorcall functions rather than pybind11 ones: a single option is priced in about the time
/// that pybind11 takes to match keyword arguments.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <new>
#include <thread>

#include "american.hpp"
#include "bind.hpp"
#include "broadcast.hpp"
#include "greeks.hpp"
#include "rebalance/kernels.hpp"
#include "rebalance/pricing/models.hpp"
#include "rebalance/status.hpp"

namespace rebalance::bindings {
namespace {

using pricing::Greek;
using Kernel = void (*)(const PriceColumns&) noexcept;

constexpr int kMaxInputs = 8, kMaxOutputs = 9;

template <class Model>
constexpr ModelInfo kInfo = {Model::kName, Model::kInputs, sizeof Model::kInputs / sizeof(char*), Model::kOutputs,
                             sizeof Model::kOutputs / sizeof(Greek)};

using AmericanFast = pricing::American<pricing::AmericanFast>;

const ModelInfo* const kModels[] = {&kInfo<pricing::Black76>, &kInfo<pricing::Bsm>, &kInfo<pricing::Inverse>,
                                    &kInfo<AmericanFast>};

/// How many of a model's inputs have no default: rates and yields are 0 unless given.
template <class Model>
constexpr int kRequired = 5;

/// The kernel to use, given the arguments: a rate of 0 needs no discount factor.
template <class Model>
Kernel kernel_for(std::span<const Argument> arguments, [[maybe_unused]] PyObject* accuracy) {
  const KernelTable& k = active_kernels();
  if constexpr (std::is_same_v<Model, AmericanFast>) return american_kernel(k, accuracy);
  if constexpr (std::is_same_v<Model, pricing::Inverse>) return k.inverse;
  if constexpr (std::is_same_v<Model, pricing::Bsm>) return k.bsm;
  const Argument& rate = arguments[5];
  return rate.is_number() && rate.number() == 0.0 ? k.black76_undiscounted : k.black76;
}

/// Fewer than kLanes rows: the lanes left over repeat the first row, and their results are dropped.
void price_tail(std::span<const Argument> in, Kernel kernel, const GreeksColumns& out, npy_intp first,
                npy_intp count) noexcept {
  alignas(64) double rows[kMaxInputs][kLanes], results[kMaxOutputs][kLanes];
  std::uint8_t status[kLanes];
  PriceColumns c{};
  c.rows = kLanes;
  c.status = status;
  for (std::size_t j = 0; j < in.size(); ++j) {
    double gathered[kLanes];
    const double* read = in[j].is_number() ? nullptr : in[j].rows(first, count, gathered);
    const double repeated = read == nullptr ? in[j].number() : read[0];
    for (double& row : rows[j]) row = repeated;
    if (read != nullptr) {
      for (npy_intp i = 1; i < count; ++i) rows[j][i] = read[i];
    }
    c.in[j] = rows[j];
  }
  const ModelInfo& model = *out.model;
  for (int j = 0; j < model.n_outputs; ++j) c.out[j] = results[j];
  kernel(c);
  for (int j = 0; j < model.n_outputs; ++j) {
    double* column = out.data[static_cast<std::size_t>(model.outputs[j])] + first;
    for (npy_intp i = 0; i < count; ++i) column[i] = results[j][i];
  }
  for (npy_intp i = 0; i < count; ++i) out.status_data[first + i] = status[i];
}

/// Rows [first, last), a block at a time.
void price_range(std::span<const Argument> in, Kernel kernel, const GreeksColumns& out, npy_intp first,
                 npy_intp last) noexcept {
  constexpr npy_intp kBlock = Argument::kBlock;
  const npy_intp tail = (last - first) % static_cast<npy_intp>(kLanes), whole = last - tail;
  if (first < whole) {
    alignas(64) double buffers[kMaxInputs][kBlock];
    for (std::size_t j = 0; j < in.size(); ++j) in[j].fill_number(buffers[j], std::min(kBlock, whole - first));
    const ModelInfo& model = *out.model;
    const bool direct = std::all_of(in.begin(), in.end(), [](const Argument& a) { return a.is_direct(); });
    const npy_intp step = direct ? whole - first : kBlock;
    for (npy_intp row = first; row < whole; row += step) {
      const npy_intp count = std::min(step, whole - row);
      PriceColumns c{};
      c.rows = static_cast<std::size_t>(count);
      c.status = out.status_data + row;
      for (std::size_t j = 0; j < in.size(); ++j) c.in[j] = in[j].rows(row, count, buffers[j]);
      for (int j = 0; j < model.n_outputs; ++j) {
        c.out[j] = out.data[static_cast<std::size_t>(model.outputs[j])] + row;
      }
      kernel(c);
    }
  }
  if (tail > 0) price_tail(in, kernel, out, whole, tail);
}

/// Threads that are waited for, whatever happens in between.
struct Workers {
  std::vector<std::thread> threads;
  template <class Work>
  void start(Work work) {
    threads.emplace_back(std::move(work));
  }
  ~Workers() {
    for (std::thread& thread : threads) thread.join();
  }
};

/// The same on several threads, each a run of whole blocks: no row's result depends on where the runs are cut.
void price_all(std::span<const Argument> in, Kernel kernel, const GreeksColumns& out, long threads) {
  constexpr npy_intp kRowsWorthAThread = 4096, kRowsWorthTheLock = 512;
  const npy_intp most = std::max<npy_intp>(out.rows / kRowsWorthAThread, 1);
  const npy_intp n = std::min<npy_intp>(threads, most);
  if (out.rows < kRowsWorthTheLock) {
    price_range(in, kernel, out, 0, out.rows);
    return;
  }
  const py::gil_scoped_release release;
  const npy_intp run = (out.rows / n + Argument::kBlock) / Argument::kBlock * Argument::kBlock;
  Workers workers;
  for (npy_intp first = run; first < out.rows; first += run) {
    workers.start([&, first] { price_range(in, kernel, out, first, std::min(first + run, out.rows)); });
  }
  price_range(in, kernel, out, 0, std::min(run, out.rows));
}

/// Positional and keyword arguments of one call, each at most once; nullptr where left out.
template <class Model>
struct Call {
  static constexpr int kInputs = kInfo<Model>.n_inputs;
  PyObject* input[kInputs] = {};
  PyObject* order = nullptr;
  PyObject* out = nullptr;
  PyObject* threads = nullptr;
  PyObject* accuracy = nullptr;  ///< american only

  Call(PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
    if (positional > kInputs) {
      throw py::type_error(std::string(Model::kName) + "() takes at most " + std::to_string(kInputs) +
                           " positional arguments (" + std::to_string(positional) + " given)");
    }
    std::copy(args, args + positional, input);
    const Py_ssize_t n = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t i = 0; i < n; ++i) put(PyTuple_GET_ITEM(keywords, i), args[positional + i]);
    for (int j = 0; j < kRequired<Model>; ++j) {
      if (input[j] == nullptr) {
        throw py::type_error(std::string(Model::kName) + "() is missing the argument '" + Model::kInputs[j] + "'");
      }
    }
  }

 private:
  void put(PyObject* keyword, PyObject* value) {
    const char* name = PyUnicode_AsUTF8(keyword);
    if (name == nullptr) throw py::error_already_set();
    PyObject** place = nullptr;
    if (std::strcmp(name, "out") == 0) place = &out;
    if (std::strcmp(name, "order") == 0) place = &order;
    if (std::strcmp(name, "threads") == 0) place = &threads;
    if (std::is_same_v<Model, AmericanFast> && std::strcmp(name, "accuracy") == 0) place = &accuracy;
    for (int j = 0; j < kInputs && place == nullptr; ++j) {
      if (std::strcmp(name, Model::kInputs[j]) == 0) place = &input[j];
    }
    if (place == nullptr) {
      throw py::type_error(std::string(Model::kName) + "() has no argument '" + name + "'");
    }
    if (*place != nullptr) {
      throw py::type_error(std::string(Model::kName) + "() got more than one value for '" + name + "'");
    }
    *place = value;
  }
};

long whole_number(PyObject* object, const char* name, long missing) {
  if (object == nullptr) return missing;
  const long value = PyLong_AsLong(object);
  if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
  if (value < 1) throw py::value_error(std::string(name) + " must be at least 1, got " + std::to_string(value));
  return value;
}

/// The caller's Greeks, checked against the model and the shape of the inputs.
GreeksColumns& checked_out(PyObject* object, const ModelInfo& model, const Shape& shape) {
  py::detail::make_caster<GreeksColumns> caster;
  if (!caster.load(object, false)) {
    throw py::type_error(std::string(model.name) + ": out must be a Greeks, got " + Py_TYPE(object)->tp_name);
  }
  auto& out = py::detail::cast_op<GreeksColumns&>(caster);
  if (out.scalar || out.model != &model) {
    throw py::value_error(std::string(model.name) + ": out is a Greeks of " +
                          (out.scalar ? "one contract" : std::string("model ") + out.model->name) +
                          "; make one with Greeks(shape, model=\"" + model.name + "\")");
  }
  const int extra = out.shape.n - shape.n;
  bool fits = extra >= 0;
  for (int k = 0; fits && k < shape.n; ++k) fits = shape[k] == 1 || shape[k] == out.shape[extra + k];
  if (!fits) {
    throw py::value_error(std::string(model.name) + ": out has shape " + out.shape.text() +
                          ", but the inputs broadcast to " + shape.text());
  }
  out.check_writeable();
  return out;
}

template <class Model>
PyObject* price(const Call<Model>& call) {
  const ModelInfo& model = kInfo<Model>;
  const long order = whole_number(call.order, "order", 1);
  if (order != 1) {
    throw py::value_error(std::string(model.name) +
                          ": order must be 1 (value and first derivatives, with gamma), got " + std::to_string(order));
  }
  const long threads = whole_number(call.threads, "threads", 1);
  Argument arguments[kMaxInputs];
  const std::span<const Argument> in(arguments, static_cast<std::size_t>(model.n_inputs));
  static const py::object* zero = new py::object(py::float_(0.0));
  bool numbers = true;
  for (int j = 0; j < model.n_inputs; ++j) {
    arguments[j].read(call.input[j] != nullptr ? call.input[j] : zero->ptr(), model.inputs[j]);
    numbers = numbers && arguments[j].is_number();
  }
  const Kernel kernel = kernel_for<Model>(in, call.accuracy);
  const bool fresh = call.out == nullptr || call.out == Py_None;

  if (numbers && fresh) {
    alignas(64) double rows[kMaxInputs][kLanes], results[kMaxOutputs][kLanes], values[kMaxOutputs];
    std::uint8_t status[kLanes];
    PriceColumns c{};
    c.rows = kLanes;
    c.status = status;
    for (int j = 0; j < model.n_inputs; ++j) {
      arguments[j].fill_number(rows[j], kLanes);
      c.in[j] = rows[j];
    }
    for (int j = 0; j < model.n_outputs; ++j) c.out[j] = results[j];
    kernel(c);
    for (int j = 0; j < model.n_outputs; ++j) values[j] = results[j][0];
    return py::cast(GreeksColumns(model, values, status[0])).release().ptr();
  }

  const Shape shape = common_shape(in, model.name);
  py::object result = fresh ? py::cast(GreeksColumns(model, shape)) : py::reinterpret_borrow<py::object>(call.out);
  auto& out = fresh ? py::cast<GreeksColumns&>(result) : checked_out(call.out, model, shape);
  for (Argument& a : std::span(arguments, in.size())) {
    a.broadcast_to(out.shape);
    for (int j = 0; !fresh && j < model.n_outputs; ++j) {
      const auto bytes = static_cast<std::size_t>(out.rows) * sizeof(double);
      if (a.disturbed_by(out.data[static_cast<std::size_t>(model.outputs[j])], bytes)) a.detach(out.shape);
    }
  }
  if (out.rows > 0) price_all(in, kernel, out, threads);
  return result.release().ptr();
}

/// Between Python's calling convention and C++: the one place where an exception becomes a Python error.
template <class Model>
PyObject* price_entry(PyObject*, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) noexcept {
  try {
    return price<Model>(Call<Model>(args, positional, keywords));
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

#define REBALANCE_PRICING_TAIL                                                                                       \
  "    order : int\n"                                                                                                \
  "        1: value, delta, gamma, vega, theta, rho.\n"                                                              \
  "    out : Greeks, optional\n"                                                                                     \
  "        Where to write; its shape must be what the inputs broadcast to. Nothing is allocated then.\n"             \
  "    threads : int\n"                                                                                              \
  "        For large batches. Results do not depend on it.\n"                                                        \
  "\n"                                                                                                               \
  "Returns\n"                                                                                                        \
  "-------\n"                                                                                                        \
  "Greeks\n"                                                                                                         \
  "    Bare partial derivatives: vega per 1.00 of vol, rho per 1.00 of rate, theta per year of calendar time.\n"     \
  "    Numbers for numbers, arrays for arrays. ``status`` says of each row whether it is a limit or has no value:\n" \
  "    years = 0 or vol = 0 give the payoff; a NaN, an infinity, a price at or below 0, a negative vol or time and " \
  "a\n"                                                                                                              \
  "    phi other than +1 or -1 give NaN in every column of that row and leave the others alone.\n"                   \
  "\n"                                                                                                               \
  "Raises\n"                                                                                                         \
  "------\n"                                                                                                         \
  "ValueError\n"                                                                                                     \
  "    If the shapes do not broadcast, or ``out`` does not fit. Both shapes are given.\n"                            \
  "TypeError\n"                                                                                                      \
  "    If an argument is not made of real numbers. It is named.\n"

constexpr const char* kBlack76Doc =
    "black76(forward: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, vol: numpy.typing.ArrayLike, years: "
    "numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, rate: numpy.typing.ArrayLike "
    "= 0.0, *, order: int = 1, out: Greeks | None = None, threads: int = 1) -> Greeks\n"
    "\n"
    "Value and Greeks of European options on a forward (Black-76), in quote currency.\n"
    "\n"
    "Derivatives hold the forward fixed: rho = -years value. Accuracy: 1e-14 relative in value, delta, gamma, vega "
    "and\n"
    "rho wherever they exceed 1e-300. Black (1976), J. Financial Economics 3:167-179.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "forward, strike : array_like\n"
    "    Quote currency per unit of underlying, above 0.\n"
    "vol : array_like\n"
    "    Per square root of a year: 0.6 is 60 %.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n"
    "rate : array_like\n"
    "    Continuous, per year.\n" REBALANCE_PRICING_TAIL;

constexpr const char* kBsmDoc =
    "bsm(spot: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, vol: numpy.typing.ArrayLike, years: "
    "numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, rate: numpy.typing.ArrayLike = 0.0, "
    "dividend_yield: numpy.typing.ArrayLike = 0.0, *, order: int = 1, out: Greeks | None = None, threads: int = 1) -> "
    "Greeks\n"
    "\n"
    "Value and Greeks of European options on a spot price with a dividend yield (Black-Scholes-Merton).\n"
    "\n"
    "Derivatives hold the spot fixed. ``rho_dividend`` is the derivative in the dividend yield. Black and Scholes\n"
    "(1973), J. Political Economy 81:637-654; Merton (1973), Bell J. Economics 4:141-183.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "spot, strike : array_like\n"
    "    Quote currency per unit of underlying, above 0.\n"
    "vol : array_like\n"
    "    Per square root of a year: 0.6 is 60 %.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n"
    "rate, dividend_yield : array_like\n"
    "    Continuous, per year.\n" REBALANCE_PRICING_TAIL;

constexpr const char* kInverseDoc =
    "inverse(forward: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, vol: numpy.typing.ArrayLike, years: "
    "numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, *, order: int = "
    "1, out: Greeks | None = None, threads: int = 1) -> Greeks\n"
    "\n"
    "Value in coin and Greeks of coin-settled (inverse) European options.\n"
    "\n"
    "The value is black76 / forward; delta and gamma are plain derivatives of it in the forward. ``delta_pa`` =\n"
    "F dC/dF and ``gamma_pa`` = F^2 d2C/dF2 are the premium-adjusted pair that coin-margined venues report. rho is 0:\n"
    "the carry is in the forward. Alexander and Imeraj (2023), arXiv:2107.12041.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "forward, strike : array_like\n"
    "    Quote currency per coin, above 0.\n"
    "vol : array_like\n"
    "    Per square root of a year: 0.6 is 60 %.\n"
    "years : array_like\n"
    "    Time to expiry in years of 365 days.\n"
    "phi : array_like\n"
    "    +1 for calls, -1 for puts.\n" REBALANCE_PRICING_TAIL;

constexpr const char* kAmericanDoc =
    "american(spot: numpy.typing.ArrayLike, strike: numpy.typing.ArrayLike, vol: numpy.typing.ArrayLike, years: "
    "numpy.typing.ArrayLike, phi: numpy.typing.ArrayLike, rate: numpy.typing.ArrayLike = 0.0, "
    "dividend_yield: numpy.typing.ArrayLike = 0.0, *, accuracy: typing.Literal['fast', 'accurate'] = 'fast', "
    "order: int = 1, out: Greeks | None = None, threads: int = 1) -> Greeks\n" REBALANCE_AMERICAN_DOC
        REBALANCE_PRICING_TAIL;

template <class Model>
PyMethodDef method(const char* doc) {
  return {Model::kName, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(price_entry<Model>)),
          METH_FASTCALL | METH_KEYWORDS, doc};
}

PyMethodDef pricing_methods[] = {method<pricing::Black76>(kBlack76Doc),
                                 method<pricing::Bsm>(kBsmDoc),
                                 method<pricing::Inverse>(kInverseDoc),
                                 method<AmericanFast>(kAmericanDoc),
                                 {nullptr, nullptr, 0, nullptr}};

}  // namespace

const ModelInfo& find_model(const std::string& name) {
  std::string known;
  for (const ModelInfo* model : kModels) {
    if (name == model->name) return *model;
    known += (known.empty() ? "" : ", ") + std::string(model->name);
  }
  throw py::value_error("unknown model '" + name + "'; the models are: " + known);
}

GreeksColumns::GreeksColumns(const ModelInfo& info, const Shape& wanted) : model(&info), shape(wanted) {
  // All columns in one block, each from a cache line's start: NumPy's own arrays begin 16 bytes into one, and then
  // every wide store touches two.
  constexpr std::size_t kLine = 64;
  std::size_t cells = 1;
  for (int i = 0; i < shape.n; ++i) {
    if (shape[i] != 0 && cells > static_cast<std::size_t>(PTRDIFF_MAX) / 1024 / static_cast<std::size_t>(shape[i])) {
      throw py::value_error("shape " + shape.text() + " is too large");
    }
    cells *= static_cast<std::size_t>(shape[i]);
  }
  rows = static_cast<npy_intp>(cells);
  const auto padded = [](std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; };
  const std::size_t column_bytes = padded(cells * sizeof(double)), status_bytes = padded(cells);
  auto* block = static_cast<std::byte*>(::operator new(
      column_bytes* static_cast<std::size_t>(info.n_outputs) + status_bytes + 1, std::align_val_t{kLine}));
  const py::capsule owner(block, [](void* p) { ::operator delete(p, std::align_val_t{kLine}); });

  const auto make = [&](int type, std::byte* at) {
    PyObject* array = PyArray_SimpleNewFromData(shape.n, shape.dim, type, at);
    if (array == nullptr) throw py::error_already_set();
    auto made = py::reinterpret_steal<py::object>(array);
    if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner.inc_ref().ptr()) < 0) {
      throw py::error_already_set();
    }
    return made;
  };
  column.fill(py::none());
  std::byte* at = block;
  for (int j = 0; j < info.n_outputs; ++j, at += column_bytes) {
    const auto g = static_cast<std::size_t>(info.outputs[j]);
    column[g] = make(NPY_DOUBLE, at);
    data[g] = reinterpret_cast<double*>(at);
  }
  status = make(NPY_UINT8, at);
  status_data = reinterpret_cast<std::uint8_t*>(at);
}

GreeksColumns::GreeksColumns(const ModelInfo& info, const double* values, std::uint8_t row_status)
    : model(&info), scalar(true) {
  column.fill(py::none());
  for (int j = 0; j < info.n_outputs; ++j) column[static_cast<std::size_t>(info.outputs[j])] = py::float_(values[j]);
  status = py::int_(row_status);
}

void GreeksColumns::check_writeable() const {
  const auto check = [](const py::object& array, std::string_view name) {
    if (PyArray_ISWRITEABLE(reinterpret_cast<PyArrayObject*>(array.ptr()))) return;
    throw py::value_error("out." + std::string(name) + " is read-only");
  };
  for (int j = 0; j < model->n_outputs; ++j) {
    check(column[static_cast<std::size_t>(model->outputs[j])], pricing::to_string(model->outputs[j]));
  }
  check(status, "status");
}

void bind_pricing(py::module_& m) {
  py::class_<GreeksColumns> greeks(m, "Greeks",
                                   "Value and derivatives, one number or array each, and a status per row.");
  greeks.def(py::init([](const py::object& shape, int order, const std::string& model) {
               if (order != 1) throw py::value_error("order must be 1, got " + std::to_string(order));
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
               return GreeksColumns(find_model(model), Shape(dims));
             }),
             py::arg("shape"), py::kw_only(), py::arg("order") = 1, py::arg("model") = "black76",
             "Uninitialised arrays to hand to a pricing function as ``out=``.");
  for (int g = 0; g < pricing::kGreekCount; ++g) {
    const std::string name(pricing::to_string(static_cast<Greek>(g)));
    greeks.def_property_readonly(name.c_str(), [g, name](const GreeksColumns& self) {
      const py::object& column = self.column[static_cast<std::size_t>(g)];
      if (column.is_none()) throw py::attribute_error(std::string(self.model->name) + " has no " + name);
      return column;
    });
  }
  greeks.def_property_readonly("status", [](const GreeksColumns& self) -> py::object {
    if (!self.scalar) return self.status;
    return py::cast(static_cast<RowStatus>(py::cast<int>(self.status)));
  });
  greeks.def_property_readonly("model", [](const GreeksColumns& self) { return self.model->name; });
  greeks.def_property_readonly("shape", [](const GreeksColumns& self) {
    py::typing::Tuple<py::int_, py::ellipsis> shape(static_cast<std::size_t>(self.shape.n));
    for (int i = 0; i < self.shape.n; ++i) shape[static_cast<std::size_t>(i)] = self.shape[i];
    return shape;
  });
  greeks.def_property_readonly("names", [](const GreeksColumns& self) {
    py::typing::Tuple<py::str, py::ellipsis> names(static_cast<std::size_t>(self.model->n_outputs));
    for (int j = 0; j < self.model->n_outputs; ++j) {
      names[static_cast<std::size_t>(j)] = py::str(std::string(pricing::to_string(self.model->outputs[j])));
    }
    return names;
  });
  greeks.def("__repr__", [](const GreeksColumns& self) {
    std::string text = "Greeks(" + std::string(self.model->name);
    if (!self.scalar) text += ", shape " + self.shape.text();
    for (int j = 0; j < self.model->n_outputs; ++j) {
      const Greek g = self.model->outputs[j];
      const py::object& column = self.column[static_cast<std::size_t>(g)];
      const py::object shown = self.scalar ? column
                                           : py::module_::import("numpy").attr("array2string")(
                                                 column, py::arg("threshold") = 6, py::arg("edgeitems") = 3);
      text += (self.scalar ? ", " : "\n  ") + std::string(pricing::to_string(g)) + "=" + std::string(py::str(shown));
    }
    return text + ")";
  });

  if (PyModule_AddFunctions(m.ptr(), pricing_methods) != 0) throw py::error_already_set();
}

}  // namespace rebalance::bindings
