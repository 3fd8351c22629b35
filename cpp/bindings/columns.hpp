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

// Python objects by the name that signatures and stubs give them; what they hold is checked where it is used.

inline bool is_anything(PyObject*) { return true; }

/// Whatever becomes an array.
class ArrayLike : public py::object {
  PYBIND11_OBJECT_DEFAULT(ArrayLike, object, is_anything)
};
/// An index.
class Index : public py::object {
  PYBIND11_OBJECT_DEFAULT(Index, object, is_anything)
};
/// An index, or the name of one.
class IndexOrName : public py::object {
  PYBIND11_OBJECT_DEFAULT(IndexOrName, object, is_anything)
};
/// An array of T.
template <class T>
class Array : public py::object {
  PYBIND11_OBJECT_DEFAULT(Array, object, is_anything)
};
using Floats = Array<double>;
using Ints = Array<std::int64_t>;
using SmallInts = Array<std::int32_t>;
using Bits = Array<std::uint64_t>;
using Bytes = Array<std::uint8_t>;

}  // namespace rebalance::bindings

namespace pybind11::detail {
template <>
struct handle_type_name<rebalance::bindings::ArrayLike> {
  static constexpr auto name = const_name("numpy.typing.ArrayLike");
};
template <>
struct handle_type_name<rebalance::bindings::Index> {
  static constexpr auto name = const_name("int");
};
template <>
struct handle_type_name<rebalance::bindings::IndexOrName> {
  static constexpr auto name = const_name("int | str");
};
template <>
struct handle_type_name<rebalance::bindings::Floats> {
  static constexpr auto name = const_name("numpy.typing.NDArray[numpy.float64]");
};
template <>
struct handle_type_name<rebalance::bindings::Ints> {
  static constexpr auto name = const_name("numpy.typing.NDArray[numpy.int64]");
};
template <>
struct handle_type_name<rebalance::bindings::SmallInts> {
  static constexpr auto name = const_name("numpy.typing.NDArray[numpy.int32]");
};
template <>
struct handle_type_name<rebalance::bindings::Bits> {
  static constexpr auto name = const_name("numpy.typing.NDArray[numpy.uint64]");
};
template <>
struct handle_type_name<rebalance::bindings::Bytes> {
  static constexpr auto name = const_name("numpy.typing.NDArray[numpy.uint8]");
};
}  // namespace pybind11::detail

namespace rebalance::bindings {

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

/// What a C++ element is in NumPy: enums of one byte are uint8.
template <class T>
using Element = std::conditional_t<sizeof(T) == 1, std::uint8_t, T>;

template <class T>
constexpr int numpy_type() {
  using E = Element<T>;
  if constexpr (std::is_same_v<E, double>) return NPY_DOUBLE;
  if constexpr (std::is_same_v<E, std::int32_t>) return NPY_INT32;
  if constexpr (std::is_same_v<E, std::int64_t>) return NPY_INT64;
  if constexpr (std::is_same_v<E, std::uint64_t>) return NPY_UINT64;
  if constexpr (std::is_same_v<E, std::uint8_t>) return NPY_UINT8;
}

/// A read-only view of n numbers `stride` bytes apart, which keeps `owner` alive.
[[nodiscard]] py::object view_of(py::handle owner, const void* data, int type, std::size_t n, std::size_t stride);

template <class T>
[[nodiscard]] Array<Element<T>> view(py::handle owner, const std::vector<T>& column) {
  return py::reinterpret_steal<Array<Element<T>>>(
      view_of(owner, column.data(), numpy_type<T>(), column.size(), sizeof(T)).release());
}

/// A new column of doubles, and where to write them.
struct NewColumn {
  explicit NewColumn(std::size_t rows);
  Floats array;
  double* data;
};

/// An index given as a number or as a name. Throws IndexError or KeyError that says what there is.
[[nodiscard]] std::size_t index_of(py::handle object, std::size_t n, const char* what,
                                   const std::vector<std::string>& names,
                                   const std::function<std::int32_t(std::string_view)>& find);

}  // namespace rebalance::bindings
