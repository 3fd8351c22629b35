/// The extension module: its table of contents.
#define REBALANCE_IMPORTS_NUMPY
#include <pybind11/native_enum.h>

#include "bind.hpp"
#include "columns.hpp"
#include "rebalance/sizing/solve_status.hpp"
#include "rebalance/status.hpp"
#include "rebalance/version.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_core, m) {
  using namespace rebalance;
  if (_import_array() < 0) throw py::error_already_set();
  m.doc() = "Compiled engine of rebalance_core. Use the package, which re-exports what is public.";
  m.attr("__version__") = REBALANCE_VERSION;

  py::native_enum<RowStatus> status(m, "RowStatus", "enum.IntEnum", "What can be said of one row.");
  for (int i = 0; i < kRowStatusCount; ++i) {
    status.value(std::string(to_string(static_cast<RowStatus>(i))).c_str(), static_cast<RowStatus>(i));
  }
  status.finalize();
  py::native_enum<SolveStatus> solve_status(m, "SolveStatus", "enum.IntEnum", "How an optimisation ended.");
  for (int i = 0; i < kSolveStatusCount; ++i) {
    solve_status.value(std::string(to_string(static_cast<SolveStatus>(i))).c_str(), static_cast<SolveStatus>(i));
  }
  solve_status.finalize();

  bindings::bind_isa(m);
  bindings::bind_greeks(m);
  bindings::bind_pricing(m);
  bindings::bind_implied_vol(m);
  bindings::bind_surface(m);
  bindings::bind_band(m);
  bindings::bind_book(m);
  bindings::bind_engine(m);
  bindings::bind_sizing(m);
  bindings::bind_hedge(m);
  bindings::bind_rules(m);
  bindings::bind_rebalance(m);
}
