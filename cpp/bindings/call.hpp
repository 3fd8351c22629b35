/// The arguments of one vectorcall function over a model's inputs, and what becomes of its exceptions.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

#include "batch.hpp"
#include "greeks.hpp"

namespace rebalance::bindings {

/// Positional and keyword arguments of one call, each at most once; nullptr where left out.
struct Call {
  const ModelInfo& model;
  PyObject* input[kMaxInputs] = {};
  PyObject* order = nullptr;
  PyObject* out = nullptr;
  PyObject* threads = nullptr;
  PyObject* choice = nullptr;

  Call(const ModelInfo& called, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) : model(called) {
    const auto most = static_cast<Py_ssize_t>(model.inputs.size());
    if (positional > most) {
      throw py::type_error(std::string(model.name) + "() takes at most " + std::to_string(most) +
                           " positional arguments (" + std::to_string(positional) + " given)");
    }
    std::copy(args, args + positional, input);
    const Py_ssize_t n = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t i = 0; i < n; ++i) put(PyTuple_GET_ITEM(keywords, i), args[positional + i]);
    for (std::size_t j = 0; j < ModelInfo::kRequired; ++j) {
      if (input[j] == nullptr) {
        throw py::type_error(std::string(model.name) + "() is missing the argument '" + model.inputs[j] + "'");
      }
    }
  }

  /// Which of the model's variants the caller wants; the first unless told.
  [[nodiscard]] std::size_t variant() const {
    if (choice == nullptr) return 0;
    if (!PyUnicode_Check(choice)) {
      throw py::type_error(std::string(model.name) + ": " + model.choice + " must be a string, got " +
                           Py_TYPE(choice)->tp_name);
    }
    const char* text = PyUnicode_AsUTF8(choice);
    if (text == nullptr) throw py::error_already_set();
    std::string known;
    for (std::size_t k = 0; k < model.choices.size(); ++k) {
      if (std::strcmp(text, model.choices[k]) == 0) return k;
      known += (k == 0 ? "'" : ", '") + std::string(model.choices[k]) + "'";
    }
    throw py::value_error(std::string(model.name) + ": " + model.choice + " must be one of " + known + ", got " +
                          std::string(py::repr(choice)));
  }

 private:
  void put(PyObject* keyword, PyObject* value) {
    const char* text = PyUnicode_AsUTF8(keyword);
    if (text == nullptr) throw py::error_already_set();
    const std::string_view name = text;
    PyObject** place = nullptr;
    if (name == "out") place = &out;
    if (name == "order") place = &order;
    if (name == "threads") place = &threads;
    if (model.choice != nullptr && name == model.choice) place = &choice;
    for (std::size_t j = 0; j < model.inputs.size() && place == nullptr; ++j) {
      if (name == model.inputs[j]) place = &input[j];
    }
    if (place == nullptr) {
      throw py::type_error(std::string(model.name) + "() has no argument '" + text + "'");
    }
    if (*place != nullptr) {
      throw py::type_error(std::string(model.name) + "() got more than one value for '" + text + "'");
    }
    *place = value;
  }
};

inline long whole_number(PyObject* object, const char* name, long missing) {
  if (object == nullptr) return missing;
  const long value = PyLong_AsLong(object);
  if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
  if (value < 1) throw py::value_error(std::string(name) + " must be at least 1, got " + std::to_string(value));
  return value;
}

/// Takes the inputs of a call, 0 for those left out.
struct Inputs {
  Argument all[kMaxInputs];
  std::size_t count;
  bool numbers = true;       ///< every input is a number
  bool undiscounted = true;  ///< every rate is the number 0

  explicit Inputs(const Call& call) : count(call.model.inputs.size()) {
    static const py::object* zero = new py::object(py::float_(0.0));
    for (std::size_t j = 0; j < count; ++j) {
      Argument& a = all[j];
      a.read(call.input[j] != nullptr ? call.input[j] : zero->ptr(), call.model.inputs[j]);
      numbers = numbers && a.is_number();
      if (j >= ModelInfo::kRequired) undiscounted = undiscounted && a.is_number() && a.number() == 0.0;
    }
  }
  [[nodiscard]] std::span<Argument> span() noexcept { return {all, count}; }
};

using FastFunction = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

inline PyMethodDef fast_method(const char* name, FastFunction function, const char* doc) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)), METH_FASTCALL | METH_KEYWORDS,
          doc};
}

/// Between Python's calling convention and C++: the one place where an exception becomes a Python error.
template <class Work>
PyObject* answered(Work work) noexcept {
  try {
    return work();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

}  // namespace rebalance::bindings
