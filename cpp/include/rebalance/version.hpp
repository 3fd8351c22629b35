/// The one place where the version stands: CMake, the Python package and the documentation read it from here.
#pragma once

#define REBALANCE_VERSION "0.1.0"
