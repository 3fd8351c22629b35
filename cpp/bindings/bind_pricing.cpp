/// pricing.black76, bsm, bachelier, inverse, digital: arguments in, a Greeks out.
///
/// These are plain vectorcall functions rather than pybind11 ones: a single option is priced in about the time
/// that pybind11 takes to match keyword arguments.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>
#include <thread>

#include "bind.hpp"
#include "broadcast.hpp"
#include "greeks.hpp"
#include "pricing_docs.hpp"
#include "rebalance/kernels.hpp"

namespace rebalance::bindings {
namespace {

using pricing::Greek;

constexpr std::size_t kMaxInputs = 8, kMaxOutputs = pricing::kGreekCount;

/// Fewer than kLanes rows: the lanes left over repeat the first row, and their results are dropped.
void price_tail(std::span<const Argument> in, PriceKernel kernel, const GreeksColumns& out, npy_intp first,
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
  const std::span<const Greek> outputs = out.outputs();
  for (std::size_t j = 0; j < outputs.size(); ++j) c.out[j] = results[j];
  kernel(c);
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    double* column = out.data[static_cast<std::size_t>(outputs[j])] + first;
    for (npy_intp i = 0; i < count; ++i) column[i] = results[j][i];
  }
  for (npy_intp i = 0; i < count; ++i) out.status_data[first + i] = status[i];
}

/// Rows [first, last), a block at a time.
void price_range(std::span<const Argument> in, PriceKernel kernel, const GreeksColumns& out, npy_intp first,
                 npy_intp last) noexcept {
  constexpr npy_intp kBlock = Argument::kBlock;
  const npy_intp tail = (last - first) % static_cast<npy_intp>(kLanes), whole = last - tail;
  if (first < whole) {
    alignas(64) double buffers[kMaxInputs][kBlock];
    for (std::size_t j = 0; j < in.size(); ++j) in[j].fill_number(buffers[j], std::min(kBlock, whole - first));
    const std::span<const Greek> outputs = out.outputs();
    const bool direct = std::all_of(in.begin(), in.end(), [](const Argument& a) { return a.is_direct(); });
    const npy_intp step = direct ? whole - first : kBlock;
    for (npy_intp row = first; row < whole; row += step) {
      const npy_intp count = std::min(step, whole - row);
      PriceColumns c{};
      c.rows = static_cast<std::size_t>(count);
      c.status = out.status_data + row;
      for (std::size_t j = 0; j < in.size(); ++j) c.in[j] = in[j].rows(row, count, buffers[j]);
      for (std::size_t j = 0; j < outputs.size(); ++j) {
        c.out[j] = out.data[static_cast<std::size_t>(outputs[j])] + row;
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
void price_all(std::span<const Argument> in, PriceKernel kernel, const GreeksColumns& out, long threads) {
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
struct Call {
  const ModelInfo& model;
  PyObject* input[kMaxInputs] = {};
  PyObject* order = nullptr;
  PyObject* out = nullptr;
  PyObject* threads = nullptr;
  PyObject* choice = nullptr;

  Call(const ModelInfo& called, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) : model(called) {
    const auto most = static_cast<Py_ssize_t>(model.inputs.size());
    if (positional > most) {
      throw py::type_error(std::string(model.name) + "() takes at most " + std::to_string(most) +
                           " positional arguments (" + std::to_string(positional) + " given)");
    }
    std::copy(args, args + positional, input);
    const Py_ssize_t n = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t i = 0; i < n; ++i) put(PyTuple_GET_ITEM(keywords, i), args[positional + i]);
    for (std::size_t j = 0; j < ModelInfo::kRequired; ++j) {
      if (input[j] == nullptr) {
        throw py::type_error(std::string(model.name) + "() is missing the argument '" + model.inputs[j] + "'");
      }
    }
  }

  /// Which of the model's variants the caller wants; the first unless told.
  [[nodiscard]] std::size_t variant() const {
    if (choice == nullptr) return 0;
    const char* text = PyUnicode_Check(choice) ? PyUnicode_AsUTF8(choice) : nullptr;
    std::string known;
    for (std::size_t k = 0; k < model.choices.size(); ++k) {
      if (text != nullptr && std::strcmp(text, model.choices[k]) == 0) return k;
      known += (k == 0 ? "'" : ", '") + std::string(model.choices[k]) + "'";
    }
    throw py::value_error(std::string(model.name) + ": " + model.choice + " must be one of " + known + ", got " +
                          std::string(py::repr(choice)));
  }

 private:
  void put(PyObject* keyword, PyObject* value) {
    const char* text = PyUnicode_AsUTF8(keyword);
    if (text == nullptr) throw py::error_already_set();
    const std::string_view name = text;
    PyObject** place = nullptr;
    if (name == "out") place = &out;
    if (name == "order") place = &order;
    if (name == "threads") place = &threads;
    if (model.choice != nullptr && name == model.choice) place = &choice;
    for (std::size_t j = 0; j < model.inputs.size() && place == nullptr; ++j) {
      if (name == model.inputs[j]) place = &input[j];
    }
    if (place == nullptr) {
      throw py::type_error(std::string(model.name) + "() has no argument '" + text + "'");
    }
    if (*place != nullptr) {
      throw py::type_error(std::string(model.name) + "() got more than one value for '" + text + "'");
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

/// The caller's Greeks, checked against the model.
GreeksColumns& as_out(PyObject* object, const ModelInfo& model) {
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
  return out;
}

/// Throws ValueError unless the inputs, broadcast to `shape`, can be written to `out`.
void check_fits(const GreeksColumns& out, const Shape& shape) {
  const int extra = out.shape.n - shape.n;
  bool fits = extra >= 0;
  for (int k = 0; fits && k < shape.n; ++k) fits = shape[k] == 1 || shape[k] == out.shape[extra + k];
  if (!fits) {
    throw py::value_error(std::string(out.model->name) + ": out has shape " + out.shape.text() +
                          ", but the inputs broadcast to " + shape.text());
  }
  out.check_writeable();
}

PyObject* price(const Call& call) {
  const ModelInfo& model = call.model;
  const bool fresh = call.out == nullptr || call.out == Py_None;
  GreeksColumns* given = fresh ? nullptr : &as_out(call.out, model);
  const long order = whole_number(call.order, "order", fresh ? 1 : given->order);
  model.check_order(order);
  if (!fresh && given->order != order) {
    throw py::value_error(std::string(model.name) + ": order is " + std::to_string(order) + ", but out has order " +
                          std::to_string(given->order) + "; make one with Greeks(shape, order=" +
                          std::to_string(order) + ", model=\"" + model.name + "\")");
  }
  const long threads = whole_number(call.threads, "threads", 1);
  Argument arguments[kMaxInputs];
  const std::span<const Argument> in(arguments, model.inputs.size());
  static const py::object* zero = new py::object(py::float_(0.0));
  bool numbers = true, undiscounted = true;
  for (std::size_t j = 0; j < in.size(); ++j) {
    arguments[j].read(call.input[j] != nullptr ? call.input[j] : zero->ptr(), model.inputs[j]);
    numbers = numbers && in[j].is_number();
    if (j >= ModelInfo::kRequired) undiscounted = undiscounted && in[j].is_number() && in[j].number() == 0.0;
  }
  const PriceKernel kernel =
      model.kernels(active_kernels(), call.variant(), undiscounted)[static_cast<std::size_t>(order - 1)];

  if (numbers && fresh) {
    alignas(64) double rows[kMaxInputs][kLanes], results[kMaxOutputs][kLanes], values[kMaxOutputs];
    std::uint8_t status[kLanes];
    PriceColumns c{};
    c.rows = kLanes;
    c.status = status;
    for (std::size_t j = 0; j < in.size(); ++j) {
      in[j].fill_number(rows[j], kLanes);
      c.in[j] = rows[j];
    }
    const auto outputs = static_cast<std::size_t>(model.counts[static_cast<std::size_t>(order - 1)]);
    for (std::size_t j = 0; j < outputs; ++j) c.out[j] = results[j];
    kernel(c);
    for (std::size_t j = 0; j < outputs; ++j) values[j] = results[j][0];
    return py::cast(GreeksColumns(model, static_cast<int>(order), values, status[0])).release().ptr();
  }

  const Shape shape = common_shape(in, model.name);
  py::object result = fresh ? py::cast(GreeksColumns(model, static_cast<int>(order), shape))
                            : py::reinterpret_borrow<py::object>(call.out);
  auto& out = fresh ? py::cast<GreeksColumns&>(result) : *given;
  if (!fresh) check_fits(out, shape);
  for (Argument& a : std::span(arguments, in.size())) {
    a.broadcast_to(out.shape);
    if (fresh) continue;
    for (const Greek greek : out.outputs()) {
      const auto bytes = static_cast<std::size_t>(out.rows) * sizeof(double);
      if (a.disturbed_by(out.data[static_cast<std::size_t>(greek)], bytes)) a.detach(out.shape);
    }
  }
  if (out.rows > 0) price_all(in, kernel, out, threads);
  return result.release().ptr();
}

/// A model's name, as a template argument.
template <std::size_t N>
struct Name {
  char text[N];
  constexpr Name(const char (&literal)[N]) { std::copy(literal, literal + N, text); }
};

/// Between Python's calling convention and C++: the one place where an exception becomes a Python error.
template <Name kName>
PyObject* price_entry(PyObject*, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) noexcept {
  try {
    static const ModelInfo& model = find_model(kName.text);
    return price(Call(model, args, positional, keywords));
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

template <Name kName>
PyMethodDef method(const char* doc) {
  return {kName.text, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(price_entry<kName>)),
          METH_FASTCALL | METH_KEYWORDS, doc};
}

PyMethodDef pricing_methods[] = {method<"black76">(docs::kBlack76),     method<"bsm">(docs::kBsm),
                                 method<"bachelier">(docs::kBachelier), method<"inverse">(docs::kInverse),
                                 method<"digital">(docs::kDigital),     {nullptr, nullptr, 0, nullptr}};

}  // namespace

void bind_pricing(py::module_& m) {
  if (PyModule_AddFunctions(m.ptr(), pricing_methods) != 0) throw py::error_already_set();
}

}  // namespace rebalance::bindings
