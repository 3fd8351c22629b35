#include "columns.hpp"

namespace rebalance::bindings {

std::string shape_text(PyArrayObject* array) {
  std::string text = "(";
  for (int i = 0; i < PyArray_NDIM(array); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(PyArray_DIM(array, i));
  }
  return text + (PyArray_NDIM(array) == 1 ? ",)" : ")");
}

py::object as_array(py::handle object, const char* name, int type, int flags) {
  if (PyArray_Check(object.ptr())) {
    auto* array = reinterpret_cast<PyArrayObject*>(object.ptr());
    if (PyArray_TYPE(array) == type && PyArray_CHKFLAGS(array, flags) && PyArray_ISNOTSWAPPED(array)) {
      return py::reinterpret_borrow<py::object>(object);
    }
  }
  auto any = py::reinterpret_steal<py::object>(PyArray_FROM_O(object.ptr()));
  if (!any) throw py::error_already_set();
  auto* array = reinterpret_cast<PyArrayObject*>(any.ptr());
  auto* wanted = PyArray_DescrFromType(type);
  // An empty list arrives as float64 whatever it was meant to be. Integers become doubles though NumPy calls int64 to
  // float64 merely "safe"; text, objects, complex numbers and fractions meant to be integers are refused.
  const bool lossless = PyArray_CanCastArrayTo(array, wanted, NPY_SAFE_CASTING) || PyArray_SIZE(array) == 0 ||
                        (PyArray_ISINTEGER(array) && PyTypeNum_ISINTEGER(type));
  if (!lossless) {
    const std::string got =
        py::str(py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(PyArray_DESCR(array))));
    const std::string need = py::str(py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(wanted)));
    throw py::type_error(std::string(name) + " must be numbers that fit " + need + ", got an array of " + got);
  }
  PyObject* converted = PyArray_FromArray(array, wanted, flags | NPY_ARRAY_NOTSWAPPED | NPY_ARRAY_FORCECAST);
  if (converted == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(converted);
}

ArrayColumn<double> as_column(py::handle object, const char* name, std::size_t rows, const char* of_what) {
  ArrayColumn<double> column(object, name, NPY_DOUBLE);
  if (column.span().size() != rows) {
    throw py::value_error(std::string(name) + " has " + std::to_string(column.span().size()) + " rows, but there are " +
                          std::to_string(rows) + " " + of_what);
  }
  return column;
}

NewColumn::NewColumn(std::size_t rows) {
  npy_intp shape = static_cast<npy_intp>(rows);
  PyObject* made = PyArray_SimpleNew(1, &shape, NPY_DOUBLE);
  if (made == nullptr) throw py::error_already_set();
  array = py::reinterpret_steal<Floats>(made);
  data = static_cast<double*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(made)));
}

py::object view_of(py::handle owner, const void* data, int type, std::size_t n, std::size_t stride) {
  npy_intp shape = static_cast<npy_intp>(n), strides = static_cast<npy_intp>(stride);
  PyObject* array = PyArray_New(&PyArray_Type, 1, &shape, type, &strides, const_cast<void*>(data), 0, 0, nullptr);
  if (array == nullptr) throw py::error_already_set();
  auto result = py::reinterpret_steal<py::object>(array);
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner.inc_ref().ptr()) < 0) {
    throw py::error_already_set();
  }
  return result;
}

std::size_t index_of(py::handle object, std::size_t n, const char* what, const std::vector<std::string>& names,
                     const std::function<std::int32_t(std::string_view)>& find) {
  if (!names.empty() && PyUnicode_Check(object.ptr())) {
    const auto name = py::cast<std::string>(object);
    const std::int32_t i = find(name);
    if (i >= 0) return static_cast<std::size_t>(i);
    std::string known;
    for (std::size_t k = 0; k < names.size() && k < 8; ++k) known += (k == 0 ? "" : ", ") + names[k];
    if (names.size() > 8) known += ", ... (" + std::to_string(names.size()) + " in all)";
    throw py::key_error("unknown " + std::string(what) + " '" + name + "'; there are: " + known);
  }
  const Py_ssize_t i = PyNumber_AsSsize_t(object.ptr(), PyExc_IndexError);
  if (i == -1 && PyErr_Occurred()) throw py::error_already_set();
  if (i < 0 || static_cast<std::size_t>(i) >= n) {
    throw py::index_error(std::string(what) + " " + std::to_string(i) + " is out of range: there are " +
                          std::to_string(n));
  }
  return static_cast<std::size_t>(i);
}

}  // namespace rebalance::bindings
