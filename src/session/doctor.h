#pragma once

#include <string>

#include "broadcast/world.h"
#include "session/session.h"

namespace mpirepl {

/// "mpirepl 0.1.0 (Python 3.11.2, Open MPI v4.1.4)".
std::string version();

/// Checks what a session stands on and prints one line for each on rank 0.
/// @return 0 when a session would work, else 1
int run_doctor(const World& world, const SessionOptions& options);

}  // namespace mpirepl
