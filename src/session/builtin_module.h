#pragma once

#include "broadcast/world.h"
#include "session/display.h"
#include "session/relay.h"

namespace mpirepl {

/// Says what the functions of Python's built-in module _mpirepl act on; to be called before any
/// Python code uses them. `display` is null on all ranks but 0.
void connect_builtin_module(const World& world, Relay* relay, Display* display);

}  // namespace mpirepl
