#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

namespace mpirepl {

/// Where a thread is in Python, in a few words.
struct Place {
    std::string where;  ///< its innermost line outside of mpirepl, "psum.py:6 in psum"; empty: none
    std::string callee;        ///< what that line calls: "allreduce"; empty: that cannot be told
    bool awaits_work = false;  ///< it is at the queue of a concurrent.futures.ThreadPoolExecutor
};

/// Runs no Python code. The caller must hold the GIL.
/// @param frame of Python, or None
Place place_of(pybind11::object frame);

/// The name of what an expression calls, or names: "c" of "a.b().c(d, (e))". Empty for others.
std::string called_name(std::string_view expression);

}  // namespace mpirepl
