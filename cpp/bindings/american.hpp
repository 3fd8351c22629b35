/// What pricing.american adds to the other pricing functions: its keyword `accuracy`, and its page of documentation.
#pragma once

#include <string>

#include "columns.hpp"
#include "rebalance/kernels.hpp"

namespace rebalance::bindings {

/// The kernel that the caller's `accuracy` names; fast where it was left out.
inline auto american_kernel(const KernelTable& kernels, PyObject* accuracy) {
  if (accuracy == nullptr) return kernels.american_fast;
  if (!PyUnicode_Check(accuracy)) {
    throw py::type_error(std::string("american: accuracy must be 'fast' or 'accurate', got ") +
                         Py_TYPE(accuracy)->tp_name);
  }
  const auto name = py::cast<std::string>(accuracy);
  if (name == "fast") return kernels.american_fast;
  if (name == "accurate") return kernels.american_accurate;
  std::string message = "american: accuracy must be 'fast' or 'accurate', got '";
  message += name;
  message += "'";
  throw py::value_error(message);
}

}  // namespace rebalance::bindings

#define REBALANCE_AMERICAN_DOC                                                                                        \
  "\n"                                                                                                                \
  "Value, Greeks and exercise boundary of American options on a spot price with a dividend yield.\n"                  \
  "\n"                                                                                                                \
  "``boundary`` is the spot at which to exercise now: at or below it a put, at or above it a call is worth its\n"     \
  "payoff, with delta ``phi`` and every other derivative 0. vega, rho and rho_dividend include the movement of the\n" \
  "boundary. Where early exercise never pays (a put with rate <= 0 and dividend_yield >= rate, a call with the two\n" \
  "exchanged) the result is that of ``bsm``, and the boundary is 0 or infinity. With dividend_yield < rate < 0 a "    \
  "put\n"                                                                                                             \
  "(with rate < dividend_yield < 0 a call) has two boundaries: such rows get NaN and ``RowStatus.two_boundaries``.\n" \
  "Andersen, Lake and Offengenden (2016), J. Computational Finance 20(1):39-87.\n"                                    \
  "\n"                                                                                                                \
  "Parameters\n"                                                                                                      \
  "----------\n"                                                                                                      \
  "spot, strike : array_like\n"                                                                                       \
  "    Quote currency per unit of underlying, above 0.\n"                                                             \
  "vol : array_like\n"                                                                                                \
  "    Per square root of a year: 0.6 is 60 %.\n"                                                                     \
  "years : array_like\n"                                                                                              \
  "    Time to expiry in years of 365 days.\n"                                                                        \
  "phi : array_like\n"                                                                                                \
  "    +1 for calls, -1 for puts.\n"                                                                                  \
  "rate, dividend_yield : array_like\n"                                                                               \
  "    Continuous, per year.\n"                                                                                       \
  "accuracy : {'fast', 'accurate'}\n"                                                                                 \
  "    Error of the value at most 1e-8 or 1e-9 of the strike (3e-12 for puts with rate >= dividend_yield).\n"
