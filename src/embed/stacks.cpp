#include "embed/stacks.h"

#include <pybind11/pybind11.h>
#include <sched.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>

#include "base/signals_blocked.h"
#include "embed/place.h"

namespace mpirepl {
namespace {

namespace py = pybind11;

std::atomic<int> functions_to_run = 0;
std::atomic<bool> ending = false;
std::uint64_t youngest_before = 0;
unsigned long main_thread = 0;  // not threading's: importing that here would make here the main one
thread_local PyThreadState* helper = nullptr;  ///< of a thread that is not the user's

py::object frame_of(PyThreadState* thread) {
    auto* frame = reinterpret_cast<PyObject*>(PyThreadState_GetFrame(thread));
    return frame == nullptr ? py::object(py::none()) : py::reinterpret_steal<py::object>(frame);
}

/// Collecting garbage runs destructors, which are Python code.
struct GarbageKept {
    int was_enabled = PyGC_Disable();
    ~GarbageKept() {
        if (was_enabled != 0) PyGC_Enable();
    }
};

}  // namespace

std::vector<PythonThread> python_threads() {
    const py::error_scope scope;  // a thread that is raising may have called MPI
    const GarbageKept kept;
    std::vector<PythonThread> threads;
    for (PyThreadState* t = PyInterpreterState_ThreadHead(PyInterpreterState_Main()); t != nullptr;
         t = PyThreadState_Next(t)) {
        if (t == helper) continue;
        Place place = place_of(frame_of(t));
        threads.push_back({.id = static_cast<pthread_t>(t->thread_id),
                           .of_this_cell = PyThreadState_GetID(t) > youngest_before,
                           .where = std::move(place.where),
                           .callee = std::move(place.callee),
                           .awaits_work = place.awaits_work});
    }
    return threads;
}

void note_cell_begin() {
    main_thread = PyThreadState_Get()->thread_id;
    // The list begins with the youngest.
    youngest_before = PyThreadState_GetID(PyInterpreterState_ThreadHead(PyInterpreterState_Main()));
}

bool holds_gil() { return !ending && Py_IsInitialized() != 0 && PyGILState_Check() != 0; }

void with_gil(std::function<void()> function) {
    ++functions_to_run;
    if (ending) {
        --functions_to_run;
        return;
    }
    SignalsBlocked blocked;
    std::thread([function = std::move(function)] {
        {
            py::gil_scoped_acquire gil;
            helper = PyThreadState_Get();
            function();
        }
        --functions_to_run;
    }).detach();
}

void end_with_gil() {
    ending = true;
    while (functions_to_run > 0) ::sched_yield();
}

void end_threads(const std::vector<pthread_t>& threads) {
    for (pthread_t thread : threads) PyThreadState_SetAsyncExc(thread, PyExc_SystemExit);
}

void raise_in_main_thread(bool interrupt) {
    try {
        py::object type = interrupt ? py::reinterpret_borrow<py::object>(PyExc_KeyboardInterrupt)
                                    : py::module_::import("mpirepl._errors").attr("DeadlockError");
        PyThreadState_SetAsyncExc(main_thread, type.ptr());
    } catch (const py::error_already_set&) {
        // Python is in no state to be interrupted.
    }
}

}  // namespace mpirepl
