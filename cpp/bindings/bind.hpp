/// What each binding file adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace rebalance::bindings {

void bind_isa(pybind11::module_& m);
void bind_greeks(pybind11::module_& m);
void bind_pricing(pybind11::module_& m);
void bind_implied_vol(pybind11::module_& m);
void bind_book(pybind11::module_& m);
void bind_engine(pybind11::module_& m);
void bind_sizing(pybind11::module_& m);
void bind_hedge(pybind11::module_& m);
void bind_rules(pybind11::module_& m);
void bind_rebalance(pybind11::module_& m);
void bind_surface(pybind11::module_& m);
void bind_band(pybind11::module_& m);

}  // namespace rebalance::bindings
