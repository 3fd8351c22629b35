/// The least that a test needs: named cases, checks that print what they saw, a count at the end.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace check {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline int& failures() {
  static int count = 0;
  return count;
}

struct Register {
  Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

template <class... Parts>
void fail(const char* file, int line, const Parts&... parts) {
  std::ostringstream text;
  text.precision(17);
  (text << ... << parts);
  std::printf("%s:%d: %s\n", file, line, text.str().c_str());
  ++failures();
}

/// Same bits, or both NaN.
inline bool same(double a, double b) { return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0; }

inline int run_all() {
  for (const Case& c : cases()) {
    const int before = failures();
    try {
      c.run();
    } catch (const std::exception& error) {
      fail(c.name, 0, "threw ", error.what());
    }
    std::printf("%s  %s\n", failures() == before ? "ok  " : "FAIL", c.name);
  }
  std::printf("%zu cases, %d failed checks\n", cases().size(), failures());
  return failures() == 0 ? 0 : 1;
}

/// The message of the exception that `work` throws; empty if it throws none.
inline std::string complaint(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

}  // namespace check

#define CHECK_JOIN_(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN_(a, b)

/// TEST("what holds") { ... }
#define TEST(name) CHECK_TEST(name, CHECK_JOIN(test_case_, __LINE__), CHECK_JOIN(register_, __LINE__))
#define CHECK_TEST(name, function, registration)             \
  static void function();                                    \
  static const check::Register registration(name, function); \
  static void function()

#define CHECK(condition) \
  if (!(condition)) check::fail(__FILE__, __LINE__, "expected ", #condition)
#define CHECK_SAME(a, b) \
  if (!check::same(a, b)) check::fail(__FILE__, __LINE__, #a " is ", a, ", " #b " is ", b)
#define CHECK_HAS(text, part) \
  if ((text).find(part) == std::string::npos) check::fail(__FILE__, __LINE__, "'", text, "' does not say '", part, "'")
