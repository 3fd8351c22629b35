#include "rebalance/drift/drift.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

namespace rebalance {

void Targets::complete(std::size_t n_underlyings) {
  std::vector<double>* columns[kQuantityCount] = {&weight, &delta, &gamma, &vega};
  for (int q = 0; q < kQuantityCount; ++q) {
    std::vector<double>& column = *columns[q];
    const std::string name(kQuantityNames[q]);
    if (column.empty()) column.assign(n_underlyings, kNaN);
    if (column.size() != n_underlyings) {
      throw std::invalid_argument("target " + name + " has " + std::to_string(column.size()) +
                                  " entries, but there are " + std::to_string(n_underlyings) + " underlyings");
    }
    for (std::size_t u = 0; u < n_underlyings; ++u) {
      if (std::isinf(column[u])) {
        throw std::invalid_argument("target " + name + "[" + std::to_string(u) +
                                    "] is infinite; use NaN for no target");
      }
    }
  }
  for (std::size_t u = 0; u < n_underlyings; ++u) {
    if (!std::isnan(weight[u]) && !std::isnan(delta[u])) {
      throw std::invalid_argument("underlying " + std::to_string(u) + " has a weight target of " +
                                  std::to_string(weight[u]) + " and a delta target of " + std::to_string(delta[u]) +
                                  "; give one of them, since one hedge instrument serves both");
    }
  }
}

PerQuantity measured(const Exposure& e, Numeraire numeraire, double index, double equity) noexcept {
  const bool coin = numeraire == Numeraire::coin;
  const double weight = equity > 0.0 ? e.delta * index / equity : kNaN;
  return {{weight, coin ? e.delta_pa : e.delta, coin ? e.gamma_pa : e.gamma, coin ? e.vega_coin : e.vega}};
}

PerQuantity target_of(const Targets& t, std::size_t u) noexcept {
  return {{t.weight[u], t.delta[u], t.gamma[u], t.vega[u]}};
}

double delta_slope(const Exposure& e, Numeraire numeraire, double index) noexcept {
  // delta_pa = F C', so d(delta_pa)/dF = C' + F C'' = (delta_pa + gamma_pa) / F.
  return numeraire == Numeraire::coin ? (e.delta_pa + e.gamma_pa) / index : e.gamma;
}

}  // namespace rebalance
