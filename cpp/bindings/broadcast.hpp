/// Broadcasting of pricing arguments: every argument becomes something a block of rows can be read from.
#pragma once

#include <algorithm>
#include <span>
#include <string>

#include "columns.hpp"
#include "rebalance/kernels.hpp"

namespace rebalance::bindings {

/// A shape of up to kMaxDims dimensions; no memory of its own.
struct Shape {
  static constexpr int kMaxDims = 32;
  int n = 0;
  npy_intp dim[kMaxDims];

  Shape() = default;
  explicit Shape(std::span<const npy_intp> dims) : n(static_cast<int>(dims.size())) {
    std::copy(dims.begin(), dims.end(), dim);
  }
  [[nodiscard]] npy_intp operator[](int i) const noexcept { return dim[i]; }
  [[nodiscard]] std::string text() const;
};

/// New arrays of one shape in one block of memory, uninitialised: columns of doubles and a uint8 status. Each starts at
/// a cache line: NumPy's own arrays begin 16 bytes into one, and then every wide store touches two. The arrays keep the
/// block alive.
class ColumnBlock {
 public:
  /// Throws ValueError where the shape is too large.
  ColumnBlock(const Shape& shape, std::size_t columns);

  [[nodiscard]] npy_intp rows() const noexcept { return rows_; }
  [[nodiscard]] double* data(std::size_t j) const noexcept { return reinterpret_cast<double*>(block_ + j * bytes_); }
  [[nodiscard]] std::uint8_t* status_data() const noexcept {
    return reinterpret_cast<std::uint8_t*>(block_ + columns_ * bytes_);
  }
  [[nodiscard]] py::object column(std::size_t j) const { return array(NPY_DOUBLE, data(j)); }
  [[nodiscard]] py::object status() const { return array(NPY_UINT8, status_data()); }

 private:
  [[nodiscard]] py::object array(int type, void* data) const;

  Shape shape_;
  std::size_t columns_;
  npy_intp rows_;
  std::size_t bytes_;  ///< from one column to the next
  std::byte* block_;
  py::capsule owner_;
};

/// One argument: a number, or an array of doubles with any strides.
class Argument {
 public:
  /// Take a number, an array, or anything that becomes an array of doubles without loss.
  void read(PyObject* object, const char* name);

  [[nodiscard]] bool is_number() const noexcept { return array_ == nullptr; }
  [[nodiscard]] double number() const noexcept { return number_; }
  [[nodiscard]] PyArrayObject* array() const noexcept { return array_; }
  [[nodiscard]] const char* name() const noexcept { return name_; }

  /// Prepare for reading in the order of `shape`, to which the argument must broadcast and which must stay alive.
  void broadcast_to(const Shape& shape) noexcept;

  /// Read a private copy from now on: for arguments that an output overlaps.
  void detach(const Shape& shape);
  /// Whether reading after `bytes` at `data` have been written, row by row, would see something else.
  [[nodiscard]] bool disturbed_by(const void* data, std::size_t bytes) const noexcept {
    const char* begin = static_cast<const char*>(data);
    const bool apart = high_ <= begin || begin + bytes <= low_;
    // Each row is read before it is written, so an output may be the input itself.
    return !apart && !(contiguous_ && begin == low_);
  }

  /// Whether rows() never needs a buffer: then any number of rows can be asked for at once.
  [[nodiscard]] bool is_direct() const noexcept { return contiguous_; }

  /// Rows [first, first + count) in C order: a pointer into the array where they stand side by side, else `buffer`,
  /// filled. `count` is at most kBlock; the buffer of a number is filled once by fill_number.
  [[nodiscard]] const double* rows(npy_intp first, npy_intp count, double* buffer) const noexcept;
  void fill_number(double* buffer, npy_intp count) const noexcept;

  static constexpr npy_intp kBlock = 256;  ///< rows handed to a kernel at a time

 private:
  const char* name_ = "";
  py::object owner_;
  PyArrayObject* array_ = nullptr;
  double number_ = 0.0;
  bool contiguous_ = false;
  const char* low_ = nullptr;  ///< the bytes that the array reaches: [low, high)
  const char* high_ = nullptr;
  const Shape* shape_ = nullptr;       ///< of the broadcast view
  npy_intp strides_[Shape::kMaxDims];  ///< of the broadcast view, in bytes; 0 where repeated
};

/// The shape that all arguments broadcast to. Throws ValueError naming the two that do not agree.
[[nodiscard]] Shape common_shape(std::span<const Argument> arguments, const char* function);

}  // namespace rebalance::bindings
