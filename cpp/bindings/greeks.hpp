/// The Python class Greeks: one array (or number) per derivative, and a status per row.
#pragma once

#include <array>
#include <string>

#include "broadcast.hpp"
#include "rebalance/pricing/greeks.hpp"

namespace rebalance::bindings {

/// What the bindings need to know of a model, without its type.
struct ModelInfo {
  const char* name;
  const char* const* inputs;
  int n_inputs;
  const pricing::Greek* outputs;
  int n_outputs;
};

/// Models by name; throws ValueError that lists them.
[[nodiscard]] const ModelInfo& find_model(const std::string& name);

/// Columns of doubles in C order, one per output of the model, and the row status; or plain numbers for one contract.
struct GreeksColumns {
  const ModelInfo* model;
  bool scalar = false;
  Shape shape;
  npy_intp rows = 1;
  std::array<py::object, pricing::kGreekCount> column;  ///< by Greek; None where the model has none
  py::object status;                                    ///< uint8 array, or an int

  // where the kernel writes; owned by the arrays above
  std::array<double*, pricing::kGreekCount> data{};
  std::uint8_t* status_data = nullptr;

  /// Room for arrays of this shape.
  GreeksColumns(const ModelInfo& model, const Shape& shape);
  /// One contract: numbers in the order of the model's outputs.
  GreeksColumns(const ModelInfo& model, const double* values, std::uint8_t status);

  /// Throws ValueError naming the first column that cannot be written to.
  void check_writeable() const;
};

}  // namespace rebalance::bindings
