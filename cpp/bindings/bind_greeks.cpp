/// The models by name, and the class Greeks that holds what they answer.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <cstddef>

#include "bind.hpp"
#include "greeks.hpp"
#include "rebalance/kernels.hpp"
#include "rebalance/pricing/models.hpp"
#include "rebalance/status.hpp"

namespace rebalance::bindings {
namespace {

using pricing::Greek;

template <class Model>
constexpr ModelInfo info(PriceKernels (*kernels)(const KernelTable&, std::size_t, bool)) {
  return {.name = Model::kName,
          .inputs = Model::kInputs,
          .outputs = Model::kOutputs,
          .counts = Model::kCounts,
          .kernels = kernels};
}

constexpr const char* kPayoffs[] = {"cash", "asset"};

constexpr const char* kAccuracies[] = {"fast", "accurate"};

constexpr ModelInfo american() {
  ModelInfo model =
      info<pricing::American<pricing::AmericanFast>>([](const KernelTable& k, std::size_t accuracy, bool) {
        return PriceKernels{accuracy == 0 ? k.american_fast : k.american_accurate};
      });
  model.choice = "accuracy";
  model.choices = kAccuracies;
  return model;
}

constexpr ModelInfo digital() {
  ModelInfo model = info<pricing::Digital<pricing::Payoff::cash>>(
      [](const KernelTable& k, std::size_t payoff, bool) { return payoff == 0 ? k.digital_cash : k.digital_asset; });
  model.choice = "payoff";
  model.choices = kPayoffs;
  return model;
}

constexpr ModelInfo kModels[] = {
    info<pricing::Black76>([](const KernelTable& k, std::size_t, bool undiscounted) {
      return undiscounted ? k.black76_undiscounted : k.black76;
    }),
    info<pricing::Bsm>([](const KernelTable& k, std::size_t, bool) { return k.bsm; }),
    info<pricing::Bachelier>([](const KernelTable& k, std::size_t, bool) { return k.bachelier; }),
    info<pricing::Inverse>([](const KernelTable& k, std::size_t, bool) { return k.inverse; }),
    digital(),
    american(),
};

}  // namespace

const ModelInfo& find_model(std::string_view name) {
  std::string known;
  for (const ModelInfo& model : kModels) {
    if (name == model.name) return model;
    known += (known.empty() ? "" : ", ") + std::string(model.name);
  }
  throw py::value_error("unknown model '" + std::string(name) + "'; the models are: " + known);
}

void ModelInfo::check_order(long order) const {
  if (order >= 1 && order <= max_order()) return;
  throw py::value_error(std::string(name) + ": order must be 1 to " + std::to_string(max_order()) + ", got " +
                        std::to_string(order));
}

namespace {

/// Why a Greeks lacks an attribute: its model never has it, or not at its order.
std::string absent(const GreeksColumns& self, Greek greek) {
  const ModelInfo& model = *self.model;
  const std::string name(pricing::to_string(greek));
  for (int order = self.order + 1; order <= model.max_order(); ++order) {
    for (const Greek has :
         model.outputs.first(static_cast<std::size_t>(model.counts[static_cast<std::size_t>(order) - 1]))) {
      if (has == greek)
        return name + " needs order=" + std::to_string(order) + "; this Greeks has order " + std::to_string(self.order);
    }
  }
  return std::string(model.name) + " has no " + name;
}

}  // namespace

GreeksColumns::GreeksColumns(const ModelInfo& info, int wanted_order, const Shape& wanted)
    : model(&info), order(wanted_order), shape(wanted) {
  const ColumnBlock block(shape, outputs().size());
  rows = block.rows();
  for (std::size_t j = 0; j < outputs().size(); ++j) {
    const auto g = static_cast<std::size_t>(outputs()[j]);
    column[g] = block.column(j);
    data[g] = block.data(j);
  }
  status = block.status();
  status_data = block.status_data();
}

GreeksColumns::GreeksColumns(const ModelInfo& info, int wanted_order, const double* values, std::uint8_t row_status)
    : model(&info), order(wanted_order), scalar(true) {
  for (const Greek greek : outputs()) column[static_cast<std::size_t>(greek)] = py::float_(*values++);
  status = py::int_(row_status);
}

void GreeksColumns::check_writeable() const {
  const auto check = [](const py::object& array, std::string_view name) {
    if (PyArray_ISWRITEABLE(reinterpret_cast<PyArrayObject*>(array.ptr()))) return;
    throw py::value_error("out." + std::string(name) + " is read-only");
  };
  for (const Greek greek : outputs()) check(column[static_cast<std::size_t>(greek)], pricing::to_string(greek));
  check(status, "status");
}

void bind_greeks(py::module_& m) {
  py::class_<GreeksColumns> greeks(m, "Greeks",
                                   "Value and derivatives, one number or array each, and a status per row.");
  greeks.def(py::init([](const py::object& shape, int order, const std::string& model) {
               const ModelInfo& info = find_model(model);
               info.check_order(order);
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
               return GreeksColumns(info, order, Shape(dims));
             }),
             py::arg("shape"), py::kw_only(), py::arg("order") = 1, py::arg("model") = "black76",
             "Uninitialised arrays to hand to a pricing function as ``out=``.");
  for (int g = 0; g < pricing::kGreekCount; ++g) {
    const std::string name(pricing::to_string(static_cast<Greek>(g)));
    greeks.def_property_readonly(name.c_str(), [g, name](const GreeksColumns& self) {
      const py::object& column = self.column[static_cast<std::size_t>(g)];
      if (!column) throw py::attribute_error(absent(self, static_cast<Greek>(g)));
      return column;
    });
  }
  greeks.def_property_readonly("status", [](const GreeksColumns& self) -> py::object {
    if (!self.scalar) return self.status;
    return py::cast(static_cast<RowStatus>(py::cast<int>(self.status)));
  });
  greeks.def_property_readonly("order", [](const GreeksColumns& self) { return self.order; });
  greeks.def_property_readonly("model", [](const GreeksColumns& self) { return self.model->name; });
  greeks.def_property_readonly("shape", [](const GreeksColumns& self) {
    py::typing::Tuple<py::int_, py::ellipsis> shape(static_cast<std::size_t>(self.shape.n));
    for (int i = 0; i < self.shape.n; ++i) shape[static_cast<std::size_t>(i)] = self.shape[i];
    return shape;
  });
  greeks.def_property_readonly("names", [](const GreeksColumns& self) {
    py::typing::Tuple<py::str, py::ellipsis> names(self.outputs().size());
    for (std::size_t j = 0; j < self.outputs().size(); ++j) {
      names[j] = py::str(std::string(pricing::to_string(self.outputs()[j])));
    }
    return names;
  });
  greeks.def("__repr__", [](const GreeksColumns& self) {
    std::string text = "Greeks(" + std::string(self.model->name);
    if (!self.scalar) text += ", shape " + self.shape.text();
    for (const Greek g : self.outputs()) {
      const py::object& column = self.column[static_cast<std::size_t>(g)];
      const py::object shown = self.scalar ? column
                                           : py::module_::import("numpy").attr("array2string")(
                                                 column, py::arg("threshold") = 6, py::arg("edgeitems") = 3);
      text += (self.scalar ? ", " : "\n  ") + std::string(pricing::to_string(g)) + "=" + std::string(py::str(shown));
    }
    return text + ")";
  });
}

}  // namespace rebalance::bindings
