#pragma once

#include <Python.h>

namespace mpirepl {

/// The Python package, compiled and carried inside the program; made by scripts/freeze.py.
extern const struct _frozen frozen_modules[];

}  // namespace mpirepl
