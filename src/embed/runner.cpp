#include "embed/runner.h"

#include <marshal.h>
#include <pybind11/stl.h>

#include <chrono>
#include <vector>

namespace mpirepl {
namespace {

namespace py = pybind11;
using Clock = std::chrono::steady_clock;

/// A result of Python's C interface, or the error that it stands for.
py::object checked(PyObject* result) {
    if (result == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(result);
}

py::handle held(py::object object) { return object.release(); }

bool awaits(const py::handle& code) {
    return (reinterpret_cast<PyCodeObject*>(code.ptr())->co_flags & CO_COROUTINE) != 0;
}

}  // namespace

Runner::Runner() {
    module_ = held(py::module_::import("mpirepl._run"));
    main_ = held(py::module_::import("__main__"));
    timings_ = held(module_.attr("timings"));
    remember_source_ = held(module_.attr("remember_source"));
    flush_ = held(module_.attr("flush"));
}

Outcome Runner::run(const Cell& cell) {
    announce(cell.targets);
    Outcome outcome{.ranks = 1};
    Clock::time_point begin = Clock::now();
    try {
        if (cell.kind == Cell::Kind::cell)
            run_cell(cell);
        else
            module_.attr("run_program")(static_cast<int>(cell.kind), cell.name,
                                        py::bytes(cell.code));
        flush_();
    } catch (const py::error_already_set& error) {
        end(outcome, error, cell.name);
    }
    if (cell.timed)
        module_.attr("note_time")(std::chrono::duration<double>(Clock::now() - begin).count());
    take_timings(outcome);
    return outcome;
}

void Runner::announce(const RankSet& targets) {
    if (targets == announced_) return;
    announced_ = targets;
    module_.attr("targets") = targets.to_string();
}

void Runner::run_cell(const Cell& cell) {
    if (PySys_GetObject("displayhook") == PySys_GetObject("__displayhook__"))
        module_.attr("take_display")();
    remember_source_(cell.name, py::bytes(cell.source));
    py::object codes = checked(PyMarshal_ReadObjectFromString(
        cell.code.data(), static_cast<Py_ssize_t>(cell.code.size())));
    py::handle names = PyModule_GetDict(main_.ptr());
    for (const py::handle& code : codes) {
        if (awaits(code))
            module_.attr("execute")(code, names);
        else
            checked(PyEval_EvalCode(code.ptr(), names.ptr(), names.ptr()));
    }
}

void Runner::end(Outcome& outcome, const py::error_already_set& error, const std::string& name) {
    py::object value = error.value();
    if (error.trace()) PyException_SetTraceback(value.ptr(), error.trace().ptr());
    auto [status, exited] = module_.attr("end")(value, name).cast<std::pair<int, bool>>();
    outcome.status = status;
    outcome.exited = exited ? 1 : 0;
    outcome.failed = exited || status == 0 ? 0 : 1;
}

void Runner::take_timings(Outcome& outcome) {
    if (PyList_GET_SIZE(timings_.ptr()) == 0) return;
    for (auto [rank, seconds] : timings_.cast<std::vector<std::pair<int, double>>>())
        outcome.timings.push_back({.least = seconds,
                                   .most = seconds,
                                   .sum = seconds,
                                   .least_rank = rank,
                                   .most_rank = rank,
                                   .ranks = 1});
    timings_.attr("clear")();
}

}  // namespace mpirepl
