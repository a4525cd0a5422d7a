#pragma once

#include "broadcast/world.h"

namespace mpirepl {

/// MPI can be initialised only once in a process: main() makes it for all tests.
const World& the_world();

}  // namespace mpirepl
