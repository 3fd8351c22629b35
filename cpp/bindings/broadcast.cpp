#include "broadcast.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace rebalance::bindings {

namespace {

constexpr std::size_t kLine = 64;

/// Bytes of so many cells, up to the next cache line.
std::size_t padded(std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

std::size_t cells_of(const Shape& shape) {
  std::size_t cells = 1;
  for (int i = 0; i < shape.n; ++i) {
    if (shape[i] != 0 && cells > static_cast<std::size_t>(PTRDIFF_MAX) / 1024 / static_cast<std::size_t>(shape[i])) {
      throw py::value_error("shape " + shape.text() + " is too large");
    }
    cells *= static_cast<std::size_t>(shape[i]);
  }
  return cells;
}

}  // namespace

ColumnBlock::ColumnBlock(const Shape& shape, std::size_t columns)
    : shape_(shape),
      columns_(columns),
      rows_(static_cast<npy_intp>(cells_of(shape))),
      bytes_(padded(static_cast<std::size_t>(rows_) * sizeof(double))),
      block_(static_cast<std::byte*>(
          ::operator new(bytes_* columns + padded(static_cast<std::size_t>(rows_)) + 1, std::align_val_t{kLine}))),
      owner_(block_, [](void* p) { ::operator delete(p, std::align_val_t{kLine}); }) {}

py::object ColumnBlock::array(int type, void* data) const {
  auto made = py::reinterpret_steal<py::object>(
      PyArray_SimpleNewFromData(shape_.n, const_cast<npy_intp*>(shape_.dim), type, data));
  if (!made) throw py::error_already_set();
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(made.ptr()), owner_.inc_ref().ptr()) < 0) {
    throw py::error_already_set();
  }
  return made;
}

void Argument::read(PyObject* object, const char* name) {
  name_ = name;
  if (PyFloat_CheckExact(object)) {
    number_ = PyFloat_AS_DOUBLE(object);
    return;
  }
  if (PyLong_CheckExact(object) || (PyArray_IsScalar(object, Number) && !PyArray_IsScalar(object, ComplexFloating))) {
    number_ = PyFloat_AsDouble(object);
    if (number_ == -1.0 && PyErr_Occurred()) throw py::error_already_set();
    return;
  }
  owner_ = as_array(object, name, NPY_DOUBLE, NPY_ARRAY_ALIGNED);
  array_ = reinterpret_cast<PyArrayObject*>(owner_.ptr());
}

void Argument::broadcast_to(const Shape& shape) noexcept {
  if (is_number()) return;
  shape_ = &shape;
  low_ = PyArray_BYTES(array_);
  high_ = low_ + sizeof(double);
  for (int i = 0; i < PyArray_NDIM(array_); ++i) {
    const npy_intp reach = (PyArray_DIM(array_, i) - 1) * PyArray_STRIDE(array_, i);
    if (PyArray_DIM(array_, i) == 0) high_ = low_;
    (reach < 0 ? low_ : high_) += reach;
  }
  const int missing = shape.n - PyArray_NDIM(array_);
  contiguous_ = missing == 0 && PyArray_IS_C_CONTIGUOUS(array_);
  for (int k = 0; k < shape.n; ++k) {
    const bool repeated = k < missing || PyArray_DIM(array_, k - missing) != shape[k];
    strides_[k] = repeated ? 0 : PyArray_STRIDE(array_, k - missing);
    contiguous_ = contiguous_ && !repeated;
  }
}

void Argument::detach(const Shape& shape) {
  PyObject* copy = PyArray_NewCopy(array_, NPY_CORDER);
  if (copy == nullptr) throw py::error_already_set();
  owner_ = py::reinterpret_steal<py::object>(copy);
  array_ = reinterpret_cast<PyArrayObject*>(copy);
  broadcast_to(shape);
}

void Argument::fill_number(double* buffer, npy_intp count) const noexcept {
  if (is_number()) std::fill(buffer, buffer + count, number_);
}

const double* Argument::rows(npy_intp first, npy_intp count, double* buffer) const noexcept {
  if (is_number()) return buffer;
  if (contiguous_) return reinterpret_cast<const double*>(PyArray_BYTES(array_)) + first;
  const Shape& shape = *shape_;
  npy_intp index[Shape::kMaxDims];
  const char* at = PyArray_BYTES(array_);
  for (int k = shape.n; k-- > 0; first /= shape[k]) {
    index[k] = first % shape[k];
    at += index[k] * strides_[k];
  }
  for (npy_intp i = 0; i < count; ++i) {
    std::memcpy(buffer + i, at, sizeof(double));
    for (int k = shape.n; k-- > 0;) {
      at += strides_[k];
      if (++index[k] < shape[k]) break;
      at -= shape[k] * strides_[k];
      index[k] = 0;
    }
  }
  return buffer;
}

std::string Shape::text() const {
  std::string text = "(";
  for (int i = 0; i < n; ++i) text += (i == 0 ? "" : ", ") + std::to_string(dim[i]);
  return text + (n == 1 ? ",)" : ")");
}

Shape common_shape(std::span<const Argument> arguments, const char* function) {
  Shape shape;
  for (const Argument& a : arguments) {
    if (!a.is_number()) shape.n = std::max(shape.n, PyArray_NDIM(a.array()));
  }
  if (shape.n > Shape::kMaxDims) {
    throw py::value_error(std::string(function) + ": arrays have at most " + std::to_string(Shape::kMaxDims) +
                          " dimensions, got " + std::to_string(shape.n));
  }
  std::fill(shape.dim, shape.dim + shape.n, 1);
  const Argument* set_by[Shape::kMaxDims];
  for (const Argument& a : arguments) {
    if (a.is_number()) continue;
    const int missing = shape.n - PyArray_NDIM(a.array());
    for (int k = missing; k < shape.n; ++k) {
      const npy_intp d = PyArray_DIM(a.array(), k - missing);
      if (d == 1 || d == shape[k]) continue;
      if (shape[k] != 1) {
        throw py::value_error(std::string(function) + ": " + a.name() + " has shape " + shape_text(a.array()) +
                              " and " + set_by[k]->name() + " has shape " + shape_text(set_by[k]->array()) +
                              ", which do not broadcast together");
      }
      shape.dim[k] = d;
      set_by[k] = &a;
    }
  }
  return shape;
}

}  // namespace rebalance::bindings
