/// Sizing and routing rules by themselves.
#include <pybind11/stl.h>

#include <cmath>

#include "bind.hpp"
#include "columns.hpp"
#include "rebalance/routing/lots.hpp"
#include "rebalance/sizing/weights.hpp"

namespace rebalance::bindings {
namespace {

std::pair<Floats, double> restore_weights(const ArrayLike& value, const ArrayLike& weight, double equity,
                                          const ArrayLike& cost_rate) {
  const ArrayColumn<double> values(value, "value", NPY_DOUBLE);
  const std::size_t n = values.span().size();
  const auto weights = as_column(weight, "weight", n, "values");
  const ArrayColumn<double> rates(cost_rate, "cost_rate", NPY_DOUBLE);
  if (rates.span().size() != 1 && rates.span().size() != n) {
    throw py::value_error("cost_rate has " + std::to_string(rates.span().size()) + " rows, but there are " +
                          std::to_string(n) + " values");
  }
  if (!(equity > 0.0 && std::isfinite(equity))) {
    throw py::value_error("equity must be above 0 and finite, got " + std::to_string(equity));
  }
  std::vector<WeightTrade> trades;
  double slope = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double rate = rates.span()[rates.span().size() == 1 ? 0 : i];
    if (!std::isfinite(values.span()[i]) || !std::isfinite(weights.span()[i]) ||
        !(rate >= 0.0 && std::isfinite(rate))) {
      throw py::value_error("row " + std::to_string(i) +
                            ": value, weight and cost_rate must be finite and cost_rate at "
                            "least 0, got " +
                            std::to_string(values.span()[i]) + ", " + std::to_string(weights.span()[i]) + " and " +
                            std::to_string(rate));
    }
    slope += rate * std::fabs(weights.span()[i]);
    trades.push_back({values.span()[i], weights.span()[i], rate});
  }
  if (slope >= 1.0) {
    throw py::value_error("the costs of moving (" + std::to_string(slope) + " of what is moved) leave nothing to move");
  }
  const double after = equity_after_costs(equity, trades.data(), n);
  const NewColumn sizes(n);
  for (std::size_t i = 0; i < n; ++i) sizes.data[i] = trades[i].weight * after - trades[i].value;
  return {sizes.array, after};
}

Floats round_lots(const ArrayLike& wanted, const ArrayLike& lot_size, const ArrayLike& min_notional,
                  const ArrayLike& contract_notional, const ArrayLike& position, bool reduce_only) {
  const ArrayColumn<double> size(wanted, "wanted", NPY_DOUBLE);
  const std::size_t n = size.span().size();
  const auto lot = as_column(lot_size, "lot_size", n, "trades"),
             least = as_column(min_notional, "min_notional", n, "trades"),
             notional = as_column(contract_notional, "contract_notional", n, "trades"),
             held = as_column(position, "position", n, "trades");
  const NewColumn trades(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double l = lot.span()[i];
    if (!(l > 0.0 && std::isfinite(l))) {
      throw py::value_error("lot_size[" + std::to_string(i) + "] must be above 0 and finite, got " + std::to_string(l));
    }
    if (!std::isfinite(size.span()[i])) {
      throw py::value_error("wanted[" + std::to_string(i) + "] must be finite, got " + std::to_string(size.span()[i]));
    }
    trades.data[i] = round_to_lots(size.span()[i], 0.0,
                                   {.lot_size = l,
                                    .min_notional = least.span()[i],
                                    .notional_per_lot = l * notional.span()[i],
                                    .position = held.span()[i],
                                    .reduce_only = reduce_only})
                         .size;
  }
  return trades.array;
}

}  // namespace

void bind_sizing(py::module_& m) {
  m.def("restore_weights", &restore_weights, py::arg("value"), py::arg("weight"), py::arg("equity"),
        py::arg("cost_rate"));
  m.def("round_to_lots", &round_lots, py::arg("wanted"), py::arg("lot_size"), py::arg("min_notional"),
        py::arg("contract_notional"), py::arg("position"), py::arg("reduce_only"));
}

}  // namespace rebalance::bindings
