#pragma once

#include <pthread.h>

#include <string>

namespace mpirepl {

/// Where a thread is in Python.
struct PythonThread {
    pthread_t id{};
    bool of_this_cell = false;  ///< was started since the cell began
    std::string where;          ///< the innermost line: "psum.py:6 in psum"
    std::string callee;         ///< what that line calls: "allreduce"; empty: not known
    bool awaits_work = false;   ///< one of a pool that has nothing to do
};

}  // namespace mpirepl
