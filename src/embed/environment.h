#pragma once

#include <string>

namespace mpirepl {

/// The python that sys.executable names: that of the active environment (VIRTUAL_ENV, else
/// CONDA_PREFIX), else the one that this program was built with.
/// @throws UserError when the active environment has another minor version
std::string user_python();

}  // namespace mpirepl
