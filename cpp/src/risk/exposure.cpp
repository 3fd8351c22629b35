#include "rebalance/risk/exposure.hpp"

#include <cmath>

namespace rebalance {

DeltaOneHoldings holdings(const Instruments& instruments, const Book& book, const Node& node) noexcept {
  DeltaOneHoldings h;
  for (std::size_t i = node.first_delta_one; i < node.first_delta_one + node.delta_one_rows; ++i) {
    const auto row = static_cast<std::size_t>(instruments.delta_one_rows()[i]);
    const double multiplier = instruments.columns().multiplier[row], size = book.quantity()[row] * multiplier;
    if (size == 0.0 && book.basis()[row] == 0.0) continue;
    h.held = true;
    const Kind kind = instruments.kind(row);
    (is_inverse(kind) ? h.gross_quote : h.gross_units) += std::fabs(size);
    if (kind == Kind::spot) {
      h.spot += size;
      continue;
    }
    const bool tracked = book.tracks_entry(row);
    (is_inverse(kind) ? h.inverse : h.linear) += size;
    if (tracked) {
      (is_inverse(kind) ? h.inverse_tracked : h.linear_tracked) += size;
      (is_inverse(kind) ? h.inverse_basis : h.linear_basis) += multiplier * book.basis()[row];
    }
  }
  return h;
}

Exposure node_exposure(const NodeMark& m, const DeltaOneHoldings& h, const OptionSums& linear,
                       const OptionSums& inverse) noexcept {
  const double f = m.forward, d = m.discount;
  const double theta_scale = m.years > 0.0 ? -0.5 * f / m.years : 0.0;

  // Linear rows: worth quote currency.
  const double option_value = d * linear.sum[kSumValue];
  const double quote_value = option_value + (h.linear_tracked * f - h.linear_basis) + h.spot * f;
  // Coin-settled rows: worth coin.
  const double inverse_option = inverse.sum[kSumValue] / f;
  const double inverse_profit = h.inverse_basis - h.inverse_tracked / f;
  const double coin_value = inverse_option + inverse_profit;

  Exposure e{};
  e.value = quote_value + coin_value * m.index;
  e.value_coin = coin_value + quote_value / m.index;
  e.delta = d * linear.sum[kSumDelta] + h.linear + h.spot + inverse.sum[kSumDelta] + h.inverse / f + inverse_profit;
  e.gamma = (d * linear.sum[kSumDensityOverS] + inverse.sum[kSumDensityOverS]) / f;
  e.vega = f * m.sqrt_years * (d * linear.sum[kSumDensity] + inverse.sum[kSumDensity]);
  e.theta = theta_scale * (d * linear.sum[kSumDensityTimesS] + inverse.sum[kSumDensityTimesS]) + m.rate * option_value;
  e.rho = -m.years * option_value;
  e.gross_notional = f * (linear.gross_units + inverse.gross_units + h.gross_units) + h.gross_quote;
  e.net_notional = f * (linear.net_units + inverse.net_units + h.linear + h.spot) + h.inverse;

  e.delta_pa = e.delta - quote_value / f - coin_value;
  e.gamma_pa = f * e.gamma - 2.0 * e.delta_pa;
  e.vega_coin = e.vega / f;
  e.theta_coin = e.theta / f;
  e.rho_coin = e.rho / f;

  // vega dvol/dF of a row is F n(d1) sqrt(years) x -(1/F) dvol/dk.
  e.delta_smile = -m.sqrt_years * (d * linear.sum[kSumDensityTimesSlope] + inverse.sum[kSumDensityTimesSlope]);
  e.delta += e.delta_smile;
  e.delta_pa += e.delta_smile;
  return e;
}

}  // namespace rebalance
