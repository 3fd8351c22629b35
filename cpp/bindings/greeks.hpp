/// The Python class Greeks: one array (or number) per derivative, and a status per row.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "broadcast.hpp"
#include "rebalance/pricing/greeks.hpp"

namespace rebalance::bindings {

/// What the bindings need to know of a model, without its type.
struct ModelInfo {
  static constexpr int kRequired = 5;  ///< inputs that have no default: rates and yields are 0 unless given

  const char* name;
  std::span<const char* const> inputs;
  std::span<const pricing::Greek> outputs;
  std::span<const int> counts;  ///< how many outputs belong to order 1, 2, ... up to the highest that there is

  const char* choice = nullptr;  ///< a keyword that chooses between variants, such as payoff, if there is one
  std::span<const char* const> choices{};

  /// The kernels of one variant, by order. `undiscounted`: every rate is 0.
  PriceKernels (*kernels)(const KernelTable& table, std::size_t variant, bool undiscounted);

  [[nodiscard]] int max_order() const noexcept { return static_cast<int>(counts.size()); }
  /// Throws ValueError unless 1 <= order <= max_order().
  void check_order(long order) const;
};

/// Models by name; throws ValueError that lists them.
[[nodiscard]] const ModelInfo& find_model(std::string_view name);

/// Columns of doubles in C order, one per output of the model, and the row status; or plain numbers for one contract.
struct GreeksColumns {
  const ModelInfo* model;
  int order;
  bool scalar = false;
  Shape shape;
  npy_intp rows = 1;
  std::array<py::object, pricing::kGreekCount> column;  ///< by Greek; nothing where the model has none
  py::object status;                                    ///< uint8 array, or an int

  // where the kernel writes; owned by the arrays above
  std::array<double*, pricing::kGreekCount> data{};
  std::uint8_t* status_data = nullptr;

  /// Room for arrays of this shape.
  GreeksColumns(const ModelInfo& model, int order, const Shape& shape);
  /// One contract: numbers in the order of the model's outputs.
  GreeksColumns(const ModelInfo& model, int order, const double* values, std::uint8_t status);

  /// The outputs that this order has.
  [[nodiscard]] std::span<const pricing::Greek> outputs() const noexcept {
    return model->outputs.first(static_cast<std::size_t>(model->counts[static_cast<std::size_t>(order - 1)]));
  }

  /// Throws ValueError naming the first column that cannot be written to.
  void check_writeable() const;
};

}  // namespace rebalance::bindings
