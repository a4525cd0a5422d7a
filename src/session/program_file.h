#pragma once

#include <string>

#include "base/cell.h"

namespace mpirepl {

/// Reads the script that `name` names, on rank 0, into a cell of kind script; or of kind path for
/// a directory or archive, which Python itself must open.
/// @throws UserError as python does for what cannot be read
Cell read_program_file(const std::string& name);

}  // namespace mpirepl
