/// Every way to ask for memory is counted, for tests that allow none; the operators stand in
/// engine/test_allocation.cpp.
#pragma once

#include <cstddef>

namespace counter {

inline bool counting = false;
inline std::size_t counted = 0;

/// Counts while it lives.
class Count {
 public:
  Count() {
    counted = 0;
    counting = true;
  }
  ~Count() { counting = false; }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;

  [[nodiscard]] std::size_t since() const { return counted; }
};

}  // namespace counter
