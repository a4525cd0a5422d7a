#pragma once

#include <pybind11/pybind11.h>

#include "base/blob.h"

namespace mpirepl {

/// The memory of a Python object that has the buffer protocol, contiguous. It is kept until nobody
/// needs it any more; giving it back takes the GIL, and is left to release_memory(). The caller
/// holds the GIL.
Blob memory_of(const pybind11::handle& object);

/// Gives back what is no longer needed. The caller holds the GIL.
void release_memory();

}  // namespace mpirepl
