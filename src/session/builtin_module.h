#pragma once

#include "broadcast/world.h"
#include "session/display.h"
#include "session/relay.h"

namespace mpirepl {

class InteractiveFrontEnd;

/// Says what the functions of Python's built-in module _mpirepl act on; to be called before any
/// Python code uses them. `display` is null on all ranks but 0.
void connect_builtin_module(const World& world, Relay* relay, Display* display);

/// Gives the module the front end of a user, on rank 0.
void connect_front_end(InteractiveFrontEnd* front_end);

}  // namespace mpirepl
