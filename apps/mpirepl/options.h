#pragma once

#include <string>

#include "session/session.h"

namespace mpirepl {

/// Reads the command line as python reads its own: options end at -c, -m or the first argument,
/// and what follows belongs to the program.
/// @throws UserError for an option that does not exist or has no sensible value
SessionOptions parse_options(int argc, char** argv);

/// The text of --help.
std::string usage();

}  // namespace mpirepl
