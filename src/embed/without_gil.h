#pragma once

#include <Python.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace mpirepl {

/// The part of a function in which its thread does not hold the GIL, because it may last. A thread
/// that outlives Python's end, as a daemon may, stays there if it can: CPython ends it where it
/// takes the GIL, by what ends the process in a function that is noexcept.
class WithoutGil {
  public:
    WithoutGil() : state_(PyEval_SaveThread()) { ++threads_inside; }
    ~WithoutGil() noexcept(false) {  // Python may end while this waits for the GIL
        stay_if_python_ends();
        --threads_inside;
        PyEval_RestoreThread(state_);
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

    /// Does not return once Python ends, but in the thread that ends it. To be called now and then.
    void stay_if_python_ends() {
#if PY_VERSION_HEX >= 0x030D0000
        const bool ends = Py_IsFinalizing() != 0;
#else
        const bool ends = _Py_IsFinalizing() != 0;
#endif
        if (!ends || ::syscall(SYS_gettid) == ::getpid()) return;
        --threads_inside;
        while (true) ::pause();
    }

    /// Waits until no thread is in such a part, and uses what is ours there; after Python's end.
    static void await_all() {
        while (threads_inside > 0) ::sched_yield();
    }

  private:
    static inline std::atomic<int> threads_inside = 0;
    PyThreadState* state_;
};

}  // namespace mpirepl
