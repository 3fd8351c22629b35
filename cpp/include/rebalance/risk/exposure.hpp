/// What the rows of one underlying, or of one (underlying, expiry), add up to, in both numeraires.
#pragma once

#include <cstdint>
#include <string_view>

#include "rebalance/book/book.hpp"
#include "rebalance/book/market.hpp"

namespace rebalance {

/// Exposures of one node or underlying.
///
/// In quote currency, as venues report them: the derivatives of each row's quote value in its own forward, added up.
/// A coin-settled option has the Black-76 delta, gamma, vega and theta; its value is its coin value at the index.
/// In coin: delta_pa is F d(V/F)/dF and gamma_pa is F^2 d2(V/F)/dF2, the premium-adjusted pair; the others are the
/// quote number over the node's own forward.
///
///   delta = delta_pa + value_coin            for coin-settled rows and coin cash: what holding the quote value flat
///                                            takes, against what holding the coin value flat takes
///   gamma_pa = F gamma - 2 delta_pa          at a fixed vol
///
/// Where vols come from a surface that moves with the forward, delta and delta_pa are total derivatives: both hold
/// delta_smile = sum of vega dvol/dF. Every other field is taken at a fixed vol.
struct Exposure {
  double value;           ///< quote currency
  double value_coin;      ///< coin
  double delta;           ///< units of underlying
  double delta_pa;        ///< coin
  double gamma;           ///< units of underlying per quote unit of forward
  double gamma_pa;        ///< coin
  double vega;            ///< quote currency per 1.00 of vol
  double vega_coin;       ///< coin per 1.00 of vol
  double theta;           ///< quote currency per year
  double theta_coin;      ///< coin per year
  double rho;             ///< quote currency per 1.00 of rate
  double rho_coin;        ///< coin per 1.00 of rate
  double gross_notional;  ///< quote currency: the sum of |quantity| x contract notional
  double net_notional;    ///< the same with the sign of the quantity
  double delta_smile;     ///< units of underlying: the part of delta, and of delta_pa, that comes through vol
};

inline constexpr int kExposureFields = sizeof(Exposure) / sizeof(double);

inline constexpr std::string_view kExposureNames[kExposureFields] = {
    "value", "value_coin", "delta", "delta_pa", "gamma",          "gamma_pa",     "vega",       "vega_coin",
    "theta", "theta_coin", "rho",   "rho_coin", "gross_notional", "net_notional", "delta_smile"};

inline void add(Exposure& sum, const Exposure& part) noexcept {
  auto* s = reinterpret_cast<double*>(&sum);
  const auto* p = reinterpret_cast<const double*>(&part);
  for (int i = 0; i < kExposureFields; ++i) s[i] += p[i];
}

/// What a node's rows that are not options hold, before any price: changes only with fills.
struct DeltaOneHoldings {
  double spot = 0.0;             ///< coins
  double linear = 0.0;           ///< units of underlying in linear futures and perpetuals
  double linear_tracked = 0.0;   ///< of these, on rows whose profit is kept
  double linear_basis = 0.0;     ///< quote currency paid for them
  double inverse = 0.0;          ///< quote notional in inverse futures and perpetuals
  double inverse_tracked = 0.0;  ///< of these, on rows whose profit is kept
  double inverse_basis = 0.0;    ///< coin received for them
  double gross_units = 0.0, gross_quote = 0.0;
  bool held = false;
};

[[nodiscard]] DeltaOneHoldings holdings(const Instruments& instruments, const Book& book, const Node& node) noexcept;

/// Market inputs of a node that is usable: everything that its rows share.
struct NodeMark {
  double forward;
  double index;
  double rate;
  double discount;
  double years;
  double sqrt_years;
};

/// What the option blocks of a node add up to: one number per RemarkSum, and notional in units of underlying.
struct OptionSums {
  double sum[kRemarkSums] = {};
  double gross_units = 0.0, net_units = 0.0;
};

/// From sums to derivatives.
[[nodiscard]] Exposure node_exposure(const NodeMark& mark, const DeltaOneHoldings& held, const OptionSums& linear,
                                     const OptionSums& inverse) noexcept;

}  // namespace rebalance
