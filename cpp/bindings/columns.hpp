/// NumPy arrays in, spans out: the one place where a Python object becomes a column of numbers.
#pragma once

#include <pybind11/pybind11.h>

#ifndef REBALANCE_IMPORTS_NUMPY
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rebalance/types.hpp"

namespace rebalance::bindings {

namespace py = pybind11;

/// "(3, 4)", as NumPy prints it.
[[nodiscard]] std::string shape_text(PyArrayObject* array);

/// `object` as an array of `type` (NPY_DOUBLE, ...): itself if it is one already, else converted once. Throws TypeError
/// that names the argument where the conversion would lose something (complex, text, objects, fractions to integers).
/// `flags`: what the caller needs, as NPY_ARRAY_ALIGNED or NPY_ARRAY_IN_ARRAY (C-contiguous and aligned).
[[nodiscard]] py::object as_array(py::handle object, const char* name, int type, int flags = NPY_ARRAY_IN_ARRAY);

/// A column that stays valid as long as this object does.
template <class T>
class ArrayColumn {
 public:
  ArrayColumn(py::handle object, const char* name, int type) : owner_(as_array(object, name, type)) {
    auto* array = reinterpret_cast<PyArrayObject*>(owner_.ptr());
    if (PyArray_NDIM(array) != 1) {
      throw py::value_error(std::string(name) + " must be one column, got shape " + shape_text(array));
    }
    span_ = {static_cast<const T*>(PyArray_DATA(array)), static_cast<std::size_t>(PyArray_DIM(array, 0))};
  }
  [[nodiscard]] std::span<const T> span() const noexcept { return span_; }
  [[nodiscard]] std::vector<T> copy() const { return {span_.begin(), span_.end()}; }

 private:
  py::object owner_;
  std::span<const T> span_;
};

/// The same with a length that must match; the message gives both.
[[nodiscard]] ArrayColumn<double> as_column(py::handle object, const char* name, std::size_t rows, const char* of_what);

/// A read-only view of n numbers `stride` bytes apart, which keeps `owner` alive.
[[nodiscard]] py::object view(py::handle owner, const void* data, int type, std::size_t n, std::size_t stride);

template <class T>
constexpr int numpy_type() {
  if constexpr (std::is_same_v<T, double>) return NPY_DOUBLE;
  if constexpr (std::is_same_v<T, std::int32_t>) return NPY_INT32;
  if constexpr (std::is_same_v<T, std::int64_t>) return NPY_INT64;
  if constexpr (sizeof(T) == 1) return NPY_UINT8;
}

template <class T>
[[nodiscard]] py::object view(py::handle owner, const std::vector<T>& column) {
  return view(owner, column.data(), numpy_type<T>(), column.size(), sizeof(T));
}

/// An index given as a number or as a name. Throws IndexError or KeyError that says what there is.
[[nodiscard]] std::size_t index_of(py::handle object, std::size_t n, const char* what,
                                   const std::vector<std::string>& names,
                                   const std::function<std::int32_t(std::string_view)>& find);

}  // namespace rebalance::bindings
