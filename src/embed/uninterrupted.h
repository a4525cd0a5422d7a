#pragma once

#include <pybind11/pybind11.h>

namespace mpirepl {

/// Runs Python code that belongs to the session and not to a cell: a Ctrl-C that comes now is for
/// nobody, and the code is run again.
template <typename Function>
auto uninterrupted(Function&& function) {
    while (true) {
        try {
            return function();
        } catch (const pybind11::error_already_set& error) {
            if (!error.matches(PyExc_KeyboardInterrupt)) throw;
        }
    }
}

}  // namespace mpirepl
