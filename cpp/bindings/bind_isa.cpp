/// Instruction sets: which there are, which one is in use.
#include <pybind11/stl.h>

#include <algorithm>

#include "bind.hpp"
#include "columns.hpp"
#include "rebalance/kernels.hpp"

namespace rebalance::bindings {
namespace {

std::vector<std::string> supported() {
  std::vector<std::string> names;
  for (const simd::Isa isa : simd::supported_isas()) names.emplace_back(simd::to_string(isa));
  return names;
}

/// One of the functions that the formulas stand on, at every entry of a column.
Floats map_column(const std::string& function, const ArrayLike& x) {
  const KernelTable& k = active_kernels();
  const std::pair<const char*, void (*)(const double*, double*, std::size_t) noexcept> functions[] = {
      {"exp", k.exp}, {"log", k.log}, {"normal_density", k.normal_density}, {"normal_cdf", k.normal_cdf}};
  for (const auto& [name, apply] : functions) {
    if (function != name) continue;
    std::vector<double> in = ArrayColumn<double>(x, "x", NPY_DOUBLE).copy();
    const std::size_t rows = in.size();
    NewColumn result(in.size());
    in.resize((in.size() + kLanes - 1) / kLanes * kLanes, 1.0);
    std::vector<double> out(in.size());
    apply(in.data(), out.data(), in.size());
    std::copy_n(out.begin(), rows, result.data);
    return result.array;
  }
  throw py::value_error("unknown function '" + function + "'");
}

}  // namespace

void bind_isa(py::module_& m) {
  if (!isa_complaint().empty()) throw py::import_error(std::string(isa_complaint()));
  m.def("supported_isas", &supported, "Instruction sets that this build has and this processor runs, best first.");
  m.def(
      "active_isa", [] { return std::string(simd::to_string(active_kernels().isa)); },
      "The instruction set in use: the best one, or the one that the environment variable REBALANCE_ISA names.");
  m.def(
      "_use_isa",
      [](const std::string& name) {
        if (!use_isa(name)) throw py::value_error("'" + name + "' is not one of the instruction sets of this machine");
      },
      py::arg("name"), "Switch instruction sets; for tests and benches. Not while another thread computes.");
  m.def("_map", &map_column, py::arg("function"), py::arg("x"),
        "exp, log, normal_density or normal_cdf of a column, as the kernels compute it; for tests.");
}

}  // namespace rebalance::bindings
