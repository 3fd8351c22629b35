/// pricing.black76, bsm, bachelier, inverse, digital: arguments in, a Greeks out.
///
/// These are plain vectorcall functions rather than pybind11 ones: a single option is priced in about the time
/// that pybind11 takes to match keyword arguments.
#include <algorithm>
#include <cstddef>

#include "batch.hpp"
#include "bind.hpp"
#include "call.hpp"
#include "greeks.hpp"
#include "pricing_docs.hpp"
#include "rebalance/kernels.hpp"

namespace rebalance::bindings {
namespace {

using pricing::Greek;

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

Destination destination(const GreeksColumns& g) {
  Destination to{.status = g.status_data, .rows = g.rows};
  for (const Greek greek : g.outputs()) to.column[to.columns++] = g.data[static_cast<std::size_t>(greek)];
  return to;
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
  Inputs inputs(call);
  const std::span<Argument> in = inputs.span();
  const PriceKernel kernel =
      model.kernels(active_kernels(), call.variant(), inputs.undiscounted)[static_cast<std::size_t>(order - 1)];

  if (inputs.numbers && fresh) {
    double values[kMaxOutputs];
    const auto outputs = static_cast<std::size_t>(model.counts[static_cast<std::size_t>(order - 1)]);
    const std::uint8_t status = price_one(in, kernel, outputs, values);
    return py::cast(GreeksColumns(model, static_cast<int>(order), values, status)).release().ptr();
  }

  const Shape shape = common_shape(in, model.name);
  py::object result = fresh ? py::cast(GreeksColumns(model, static_cast<int>(order), shape))
                            : py::reinterpret_borrow<py::object>(call.out);
  auto& out = fresh ? py::cast<GreeksColumns&>(result) : *given;
  if (!fresh) check_fits(out, shape);
  for (Argument& a : in) {
    a.broadcast_to(out.shape);
    if (fresh) continue;
    for (const Greek greek : out.outputs()) {
      const auto bytes = static_cast<std::size_t>(out.rows) * sizeof(double);
      if (a.disturbed_by(out.data[static_cast<std::size_t>(greek)], bytes)) a.detach(out.shape);
    }
  }
  if (out.rows > 0) price_all(in, kernel, destination(out), threads);
  return result.release().ptr();
}

/// A model's name, as a template argument.
template <std::size_t N>
struct Name {
  char text[N];
  constexpr Name(const char (&literal)[N]) { std::copy(literal, literal + N, text); }
};

template <Name kName>
PyObject* price_entry(PyObject*, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) noexcept {
  return answered([&] {
    static const ModelInfo& model = find_model(kName.text);
    return price(Call(model, args, positional, keywords));
  });
}

template <Name kName>
PyMethodDef method(const char* doc) {
  return fast_method(kName.text, price_entry<kName>, doc);
}

PyMethodDef pricing_methods[] = {method<"black76">(docs::kBlack76),     method<"bsm">(docs::kBsm),
                                 method<"bachelier">(docs::kBachelier), method<"inverse">(docs::kInverse),
                                 method<"digital">(docs::kDigital),     method<"american">(docs::kAmerican),
                                 {nullptr, nullptr, 0, nullptr}};

}  // namespace

void bind_pricing(py::module_& m) {
  if (PyModule_AddFunctions(m.ptr(), pricing_methods) != 0) throw py::error_already_set();
}

}  // namespace rebalance::bindings
