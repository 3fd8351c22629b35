/// Sizing rules: objects that follow one account, their walks over many paths, and risk budgets.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <tuple>

#include "bind.hpp"
#include "broadcast.hpp"
#include "columns.hpp"
#include "rebalance/sizing/risk_budget.hpp"
#include "rebalance/sizing/rules.hpp"

namespace rebalance::bindings {
namespace {

using sizing::PathColumns;
using sizing::StepReturns;
using S = simd::Vec<simd::Scalar>;

/// As Python writes it.
std::string number_text(double x) { return py::str(py::float_(x)); }

double checked(double x, const char* name, double least = -INFINITY) {
  if (std::isfinite(x) && x >= least) return x;
  throw py::value_error(std::string(name) + " must be finite" +
                        (least > -INFINITY ? " and at least " + number_text(least) : "") + ", got " + number_text(x));
}

double checked_growth(double growth) {
  if (growth > 0.0 && std::isfinite(growth)) return growth;
  throw py::value_error("growth must be above 0 and finite, got " + number_text(growth));
}

/// One account under one rule.
template <class Rule>
struct Account {
  Rule rule;
  double state[Rule::kStates];

  template <class Change>
  void change(Change apply) {
    S s[Rule::kStates];
    for (std::size_t k = 0; k < Rule::kStates; ++k) s[k] = state[k];
    apply(s);
    for (std::size_t k = 0; k < Rule::kStates; ++k) state[k] = s[k].v;
  }
};

using CppiAccount = Account<sizing::Cppi>;
using FractionAccount = Account<sizing::FixedFraction>;
using ScaleAccount = Account<sizing::VolatilityTarget>;

/// A fraction per step: a number, or one for each step.
struct PerStep {
  std::optional<ArrayColumn<double>> column;
  double number = 0.0;

  PerStep(const py::object& given, const char* name, std::size_t steps) {
    Argument argument;
    argument.read(given.ptr(), name);
    if (argument.is_number()) {
      number = checked(argument.number(), name, -1.0);
      return;
    }
    column = as_column(given, name, steps, "steps");
    for (std::size_t t = 0; t < steps; ++t) {
      checked(column->span()[t], (std::string(name) + "[" + std::to_string(t) + "]").c_str(), -1.0);
    }
  }
  [[nodiscard]] double operator[](std::size_t t) const { return column ? column->span()[t] : number; }
};

/// What all paths share: cash, carry and floor; carry and floor are the cash return unless given.
std::vector<StepReturns> shared_returns(const py::object& cash, const py::object& carry, const py::object& floor,
                                        std::size_t steps) {
  const PerStep c(cash, "cash_return", steps), h(carry.is_none() ? cash : carry, "carry", steps),
      f(floor.is_none() ? cash : floor, "floor_return", steps);
  std::vector<StepReturns> all(c.column || h.column || f.column ? steps : 1);
  for (std::size_t t = 0; t < all.size(); ++t) all[t] = {c[t], h[t], f[t]};
  return all;
}

bool overlap(const double* a, const double* b, std::size_t n) { return a < b + n && b < a + n; }

using Columns = py::typing::Tuple<Floats, py::ellipsis>;

/// The inputs of a walk as steps x paths, and the arrays that it fills.
template <class Rule>
Columns walk_paths(const Account<Rule>& account, const ArrayLike& input, const char* name,
                   const std::vector<StepReturns>& shared, const py::object& out) {
  const py::object owner = as_array(input, name, NPY_DOUBLE);
  auto* array = reinterpret_cast<PyArrayObject*>(owner.ptr());
  const int dims = PyArray_NDIM(array);
  if (dims != 1 && dims != 2) {
    throw py::value_error(std::string(name) + " must be (steps,) or (steps, paths), got shape " + shape_text(array));
  }
  PathColumns c{};
  c.input = static_cast<const double*>(PyArray_DATA(array));
  c.steps = static_cast<std::size_t>(PyArray_DIM(array, 0));
  c.paths = dims == 2 ? static_cast<std::size_t>(PyArray_DIM(array, 1)) : 1;
  double start[Rule::kStates];  // its own: the account may move on in another thread
  std::copy(std::begin(account.state), std::end(account.state), start);
  c.start = start;
  c.shared = shared.data();
  c.shared_step = shared.size() > 1 || c.steps == shared.size() ? 1 : 0;
  const std::size_t n = c.steps * c.paths;

  Columns result(Rule::kOutputs);
  if (out.is_none()) {
    const ColumnBlock block(Shape({PyArray_DIMS(array), static_cast<std::size_t>(dims)}), Rule::kOutputs);
    for (std::size_t k = 0; k < Rule::kOutputs; ++k) {
      c.out[k] = block.data(k);
      result[k] = block.column(k);
    }
  } else {
    const auto given = py::cast<py::tuple>(out);
    for (std::size_t k = 0; k < Rule::kOutputs; ++k) {
      const py::object column = given[k];
      auto* to = reinterpret_cast<PyArrayObject*>(column.ptr());
      if (!PyArray_Check(column.ptr()) || PyArray_TYPE(to) != NPY_DOUBLE || !PyArray_ISCARRAY(to) ||
          !PyArray_SAMESHAPE(to, array)) {
        throw py::value_error("out must hold writable C-contiguous float64 arrays of shape " + shape_text(array) +
                              (PyArray_Check(column.ptr()) ? ", got shape " + shape_text(to) : ""));
      }
      c.out[k] = static_cast<double*>(PyArray_DATA(to));
      bool shares_memory = overlap(c.out[k], c.input, n);
      for (std::size_t j = 0; j < k; ++j) shares_memory = shares_memory || overlap(c.out[k], c.out[j], n);
      if (shares_memory) throw py::value_error("out must not share memory with the input or within itself");
      result[k] = column;
    }
  }

  bool usable;
  {
    const py::gil_scoped_release unlocked;
    usable = walk(account.rule, c);
  }
  if (usable) return result;
  for (std::size_t i = 0; i < n; ++i) {
    if (Rule::usable(S(c.input[i])).m) continue;
    const std::string at = std::to_string(i / c.paths) + (dims == 2 ? ", " + std::to_string(i % c.paths) : "");
    throw py::value_error(std::string(name) + "[" + at + "] must be finite and at least " +
                          (std::is_same_v<Rule, sizing::VolatilityTarget> ? "0" : "-1") + ", got " +
                          number_text(c.input[i]));
  }
  return result;
}

StepReturns one_step(double cash, const std::optional<double>& carry, const std::optional<double>& floor) {
  return {checked(cash, "cash_return", -1.0), checked(carry.value_or(cash), "carry", -1.0),
          checked(floor.value_or(cash), "floor_return", -1.0)};
}

template <class Bound>
void bind_cppi(Bound cppi) {
  using Rule = sizing::Cppi;
  cppi.def(py::init([](double multiplier, double floor, double equity, double exposure, double max_leverage,
                       double ratchet, double lower, double upper, double cost_rate) {
             CppiAccount a{
                 Rule(multiplier, max_leverage, ratchet, lower, upper, cost_rate),
                 {checked(equity, "equity"), checked(exposure, "exposure", 0.0), checked(floor, "floor", 0.0)}};
             a.change([&](auto& s) { a.rule.trade(s, S(1.0)); });
             return a;
           }),
           py::arg("multiplier"), py::arg("floor"), py::arg("equity"), py::kw_only(), py::arg("exposure"),
           py::arg("max_leverage"), py::arg("ratchet"), py::arg("lower"), py::arg("upper"), py::arg("cost_rate"))
      .def(
          "update",
          [](CppiAccount& a, double equity, double exposure, double growth) {
            checked(equity, "equity"), checked(exposure, "exposure", 0.0), checked_growth(growth);
            a.state[Rule::equity] = equity;
            a.state[Rule::exposure] = exposure;
            a.change([&](auto& s) { a.rule.trade(s, S(growth)); });
            return a.state[Rule::exposure];
          },
          py::arg("equity"), py::arg("exposure"), py::arg("growth") = 1.0)
      .def(
          "step",
          [](CppiAccount& a, double asset_return, double cash_return, std::optional<double> carry,
             std::optional<double> floor_return) {
            checked(asset_return, "asset_return", -1.0);
            const StepReturns shared = one_step(cash_return, carry, floor_return);
            a.change([&](auto& s) { a.rule.step(s, S(asset_return), shared); });
            return a.state[Rule::exposure];
          },
          py::arg("asset_return"), py::arg("cash_return") = 0.0, py::arg("carry") = py::none(),
          py::arg("floor_return") = py::none())
      .def(
          "_walk",
          [](const CppiAccount& a, const ArrayLike& returns, const ArrayLike& cash_return, const py::object& carry,
             const py::object& floor_return, const py::object& out) {
            const std::size_t steps = py::len(returns);
            return walk_paths(a, returns, "asset_return", shared_returns(cash_return, carry, floor_return, steps), out);
          },
          py::arg("asset_return"), py::arg("cash_return"), py::arg("carry"), py::arg("floor_return"), py::arg("out"))
      .def_property_readonly("equity", [](const CppiAccount& a) { return a.state[Rule::equity]; })
      .def_property_readonly("exposure", [](const CppiAccount& a) { return a.state[Rule::exposure]; })
      .def_property_readonly("floor", [](const CppiAccount& a) { return a.state[Rule::floor]; })
      .def_property_readonly("multiplier", [](const CppiAccount& a) { return a.rule.multiplier; })
      .def_property_readonly("max_leverage", [](const CppiAccount& a) { return a.rule.max_leverage; });
}

template <class Bound>
void bind_fraction(Bound fraction) {
  using Rule = sizing::FixedFraction;
  fraction
      .def(py::init([](double share, double equity, double exposure, double band, double cost_rate) {
             FractionAccount a{Rule(share, band, cost_rate),
                               {checked(equity, "equity"), checked(exposure, "exposure")}};
             a.change([&](auto& s) { a.rule.trade(s); });
             return a;
           }),
           py::arg("fraction"), py::arg("equity"), py::kw_only(), py::arg("exposure"), py::arg("band"),
           py::arg("cost_rate"))
      .def(
          "update",
          [](FractionAccount& a, double equity, double exposure) {
            checked(equity, "equity"), checked(exposure, "exposure");
            a.state[Rule::equity] = equity;
            a.state[Rule::exposure] = exposure;
            a.change([&](auto& s) { a.rule.trade(s); });
            return a.state[Rule::exposure];
          },
          py::arg("equity"), py::arg("exposure"))
      .def(
          "step",
          [](FractionAccount& a, double asset_return, double cash_return, std::optional<double> carry) {
            checked(asset_return, "asset_return", -1.0);
            const StepReturns shared = one_step(cash_return, carry, std::nullopt);
            a.change([&](auto& s) { a.rule.step(s, S(asset_return), shared); });
            return a.state[Rule::exposure];
          },
          py::arg("asset_return"), py::arg("cash_return") = 0.0, py::arg("carry") = py::none())
      .def(
          "_walk",
          [](const FractionAccount& a, const ArrayLike& returns, const ArrayLike& cash_return, const py::object& carry,
             const py::object& out) {
            const std::size_t steps = py::len(returns);
            return walk_paths(a, returns, "asset_return", shared_returns(cash_return, carry, py::none(), steps), out);
          },
          py::arg("asset_return"), py::arg("cash_return"), py::arg("carry"), py::arg("out"))
      .def_property_readonly("equity", [](const FractionAccount& a) { return a.state[Rule::equity]; })
      .def_property_readonly("exposure", [](const FractionAccount& a) { return a.state[Rule::exposure]; })
      .def_property_readonly("fraction", [](const FractionAccount& a) { return a.rule.fraction; });
}

template <class Bound>
void bind_volatility_target(Bound target) {
  using Rule = sizing::VolatilityTarget;
  target
      .def(py::init([](double wanted, double cap, double band, double smoothing) {
             return ScaleAccount{Rule(wanted, cap, band, smoothing), {Rule::kNone, Rule::kNone}};
           }),
           py::arg("target"), py::kw_only(), py::arg("cap"), py::arg("band"), py::arg("smoothing"))
      .def(
          "update",
          [](ScaleAccount& a, double vol) {
            checked(vol, "vol", 0.0);
            a.change([&](auto& s) { a.rule.step(s, S(vol)); });
            return a.state[Rule::scale];
          },
          py::arg("vol"))
      .def(
          "_walk",
          [](const ScaleAccount& a, const ArrayLike& vol, const py::object& out) {
            return walk_paths(a, vol, "vol", std::vector<StepReturns>(1), out);
          },
          py::arg("vol"), py::arg("out"))
      .def_property_readonly(
          "scale", [](const ScaleAccount& a) { return a.state[Rule::scale] < 0.0 ? kNaN : a.state[Rule::scale]; })
      .def_property_readonly("target", [](const ScaleAccount& a) { return a.rule.target; })
      .def_property_readonly("cap", [](const ScaleAccount& a) { return a.rule.cap; });
}

/// A matrix of doubles, row by row, with its shape checked.
struct Matrix {
  py::object owner;
  const double* data = nullptr;

  Matrix(const py::object& given, const char* name, npy_intp rows, npy_intp columns)
      : owner(as_array(given, name, NPY_DOUBLE)), name_(name) {
    auto* array = reinterpret_cast<PyArrayObject*>(owner.ptr());
    if (PyArray_NDIM(array) != 2 || PyArray_DIM(array, 0) != rows || PyArray_DIM(array, 1) != columns) {
      throw py::value_error(std::string(name) + " must have shape (" + std::to_string(rows) + ", " +
                            std::to_string(columns) + "), got " + shape_text(array));
    }
    data = static_cast<const double*>(PyArray_DATA(array));
    rows_ = rows;
    columns_ = columns;
  }

  [[nodiscard]] std::string entry(npy_intp i, npy_intp j) const {
    return std::string(name_) + "[" + std::to_string(i) + ", " + std::to_string(j) + "]";
  }

  void check_finite() const {
    for (npy_intp i = 0; i < rows_ * columns_; ++i) {
      if (std::isfinite(data[i])) continue;
      throw py::value_error(entry(i / columns_, i % columns_) + " must be finite, got " + number_text(data[i]));
    }
  }

  /// Refuse what cannot be a covariance: not symmetric, a variance below `least`, a correlation beyond 1.
  void check_covariance(bool positive) const {
    const npy_intp n = rows_;
    std::vector<double> deviation(static_cast<std::size_t>(n));
    for (npy_intp i = 0; i < n; ++i) {
      const double own = data[i * n + i];
      if (!std::isfinite(own)) check_finite();
      if (!(positive ? own > 0.0 : own >= 0.0)) {
        throw py::value_error(entry(i, i) + " must be " + (positive ? "above 0" : "at least 0") + ", got " +
                              number_text(own));
      }
      deviation[static_cast<std::size_t>(i)] = std::sqrt(own);
    }
    // In squares, so that both halves of the matrix are read along their rows.
    constexpr npy_intp kSide = 32;
    for (npy_intp top = 0; top < n; top += kSide) {
      for (npy_intp left = 0; left <= top; left += kSide) {
        for (npy_intp i = top; i < std::min(top + kSide, n); ++i) {
          for (npy_intp j = left; j < std::min(left + kSide, i); ++j) {
            const double x = data[i * n + j], y = data[j * n + i];
            const double scale = deviation[static_cast<std::size_t>(i)] * deviation[static_cast<std::size_t>(j)];
            // Written so that what is not a number fails.
            if (std::fabs(x - y) <= 1e-12 * scale && std::fabs(x) <= scale * (1.0 + 1e-12)) [[likely]]
              continue;
            check_finite();
            if (std::fabs(x - y) > 1e-12 * scale) {
              throw py::value_error(entry(i, j) + " is " + number_text(x) + " but " + entry(j, i) + " is " +
                                    number_text(y) + ": a covariance is symmetric");
            }
            throw py::value_error(entry(i, j) + " is " + number_text(x) + ", beyond the " + number_text(scale) +
                                  " that a correlation of 1 gives");
          }
        }
      }
    }
  }

 private:
  const char* name_;
  npy_intp rows_ = 0, columns_ = 0;
};

std::vector<double> shares_of(const py::object& given, const char* name, std::size_t n) {
  if (given.is_none()) return std::vector<double>(n, 1.0 / static_cast<double>(n));
  std::vector<double> shares = as_column(given, name, n, "assets").copy();
  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!(shares[i] > 0.0 && std::isfinite(shares[i]))) {
      throw py::value_error(std::string(name) + "[" + std::to_string(i) + "] must be above 0 and finite, got " +
                            number_text(shares[i]) + "; leave out assets without a share");
    }
    total += shares[i];
  }
  for (double& share : shares) share /= total;
  return shares;
}

std::tuple<Floats, Floats, std::string, double, double, int, int> risk_budget(
    const py::object& covariance, const py::object& loadings, const py::object& factor_cov,
    const py::object& specific_var, const py::object& budgets, const py::object& start, double tolerance) {
  sizing::Covariance c;
  std::optional<Matrix> dense, exposures, factors;
  std::optional<ArrayColumn<double>> specific;
  if (!covariance.is_none()) {
    const auto n = static_cast<npy_intp>(py::len(covariance));
    dense.emplace(covariance, "covariance", n, n);
    dense->check_covariance(true);
    c.dense = dense->data;
    c.n = static_cast<std::size_t>(n);
  } else {
    specific.emplace(specific_var, "specific_var", NPY_DOUBLE);
    c.n = specific->span().size();
    const auto n = static_cast<npy_intp>(c.n), k = static_cast<npy_intp>(py::len(factor_cov));
    c.k = static_cast<std::size_t>(k);
    exposures.emplace(loadings, "loadings", n, k);
    exposures->check_finite();
    factors.emplace(factor_cov, "factor_cov", k, k);
    factors->check_covariance(false);
    for (std::size_t i = 0; i < c.n; ++i) {
      const double own = specific->span()[i];
      if (!(own > 0.0 && std::isfinite(own))) {
        throw py::value_error("specific_var[" + std::to_string(i) + "] must be above 0 and finite, got " +
                              number_text(own));
      }
    }
    if (k == 0) throw py::value_error("factor_cov has no factors; give the variances as a diagonal covariance");
    c.loadings = exposures->data;
    c.factor_cov = factors->data;
    c.specific_var = specific->span().data();
  }
  if (c.n == 0) throw py::value_error("there are no assets");
  if (!(tolerance > 0.0 && tolerance < 1.0)) {
    throw py::value_error("tolerance must be between 0 and 1, got " + number_text(tolerance));
  }
  const std::vector<double> shares = shares_of(budgets, "budgets", c.n);
  std::vector<double> from;
  if (!start.is_none()) from = shares_of(start, "warm_start", c.n);
  const NewColumn weights(c.n), contributions(c.n);
  sizing::RiskBudgetInfo info;
  {
    const py::gil_scoped_release unlocked;
    sizing::RiskBudgetSolver solver(c.n, c.k);
    info = solver.solve(c, shares.data(), from.empty() ? nullptr : from.data(), tolerance, weights.data,
                        contributions.data);
  }
  return {weights.array, contributions.array, std::string(to_string(info.status)), info.residual, info.volatility,
          info.sweeps,   info.newton_steps};
}

}  // namespace

void bind_rules(py::module_& m) {
  bind_cppi(py::class_<CppiAccount>(m, "Cppi"));
  bind_fraction(py::class_<FractionAccount>(m, "FixedFraction"));
  bind_volatility_target(py::class_<ScaleAccount>(m, "VolatilityTarget"));
  m.def("risk_budget", &risk_budget, py::arg("covariance"), py::arg("loadings"), py::arg("factor_cov"),
        py::arg("specific_var"), py::arg("budgets"), py::arg("start"), py::arg("tolerance"));
}

}  // namespace rebalance::bindings
