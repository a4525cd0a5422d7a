#include "embed/runner.h"

#include <marshal.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>
#include <vector>

#include "embed/stacks.h"
#include "embed/uninterrupted.h"

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

/// Bytes that are not UTF-8 become \xNN.
py::object text_of(const std::string& bytes) {
    return checked(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()),
                                        "backslashreplace"));
}

/// What signals and other threads have sent to the code, which has ended: it shall not hit ours.
/// @param nothing a function of Python that does nothing
py::object take_late_exceptions(const py::handle& nothing) {
    py::object late = py::none();
    if (PyErr_CheckSignals() != 0) late = py::error_already_set().value();
    // Only Python code that runs takes the exception of another thread. Cleared from C it would
    // leave its mark, for which CPython looks at each step from then on, or for ever when it
    // traces.
    while (PyThreadState_Get()->async_exc != nullptr) {
        try {
            nothing();
        } catch (const py::error_already_set&) {
            continue;
        }
    }
    return late;
}

/// What a function has raised, or None.
template <typename Function>
py::object raised_by(Function&& function) {
    try {
        function();
    } catch (const py::error_already_set& error) {
        py::object value = error.value();
        if (error.trace()) PyException_SetTraceback(value.ptr(), error.trace().ptr());
        return value;
    }
    return py::none();
}

bool awaits(const py::handle& code) {
    return (reinterpret_cast<PyCodeObject*>(code.ptr())->co_flags & CO_COROUTINE) != 0;
}

}  // namespace

py::tuple arguments_of(const BrokenCell& broken) {
    return py::make_tuple(static_cast<int>(broken.why), text_of(broken.text), broken.call,
                          text_of(broken.comm), broken.missing, broken.waiting);
}

Runner::Runner(CodeEnd code_end) : code_end_(std::move(code_end)) {
    module_ = held(py::module_::import("mpirepl._run"));
    main_ = held(py::module_::import("__main__"));
    timings_ = held(module_.attr("timings"));
    after_cell_ = held(module_.attr("after_cell"));
    begin_cell_ = held(module_.attr("begin_cell"));
    flush_ = held(module_.attr("flush"));
    shown_ = held(module_.attr("shown"));
    nothing_ = held(module_.attr("nothing"));
}

Outcome Runner::run(const Cell& cell) {
    announce(cell.targets);
    note_cell_begin();
    Outcome outcome{.ranks = 1};
    Clock::time_point begin = Clock::now();
    py::object error = execute(cell);
    leave_debugger();
    std::optional<BrokenCell> broken = code_end_();
    py::object late = take_late_exceptions(nothing_);
    if (error.is_none() && !broken) error = late;
    if (broken)
        error = uninterrupted([&]() -> py::object {
            return module_.attr("broken_off")(*arguments_of(*broken), error);
        });
    raised_ = error.is_none() ? "" : Py_TYPE(error.ptr())->tp_name;
    if (!error.is_none()) {
        shown_.attr("clear")();
        uninterrupted([&] { end(outcome, error, cell.name); });
        std::optional<BrokenCell> then = code_end_();  // in the user's excepthook
        // Rather the same Ctrl-C, which has reached other threads a little later.
        if (then && then->why == BrokenCell::Why::interrupted &&
            py::isinstance(error, PyExc_KeyboardInterrupt))
            then.reset();
        uninterrupted([&] {
            module_.attr("end_report")(error, *(then ? arguments_of(*then) : py::tuple()));
        });
    }
    leave_debugger();  // %pdb and sys.excepthook begin one, too
    if (cell.timed)
        module_.attr("note_time")(std::chrono::duration<double>(Clock::now() - begin).count());
    take_timings(outcome);
    return outcome;
}

void Runner::let_go_of_main() {
    raised_by([this] { module_.attr("let_go_of_main")(); });
    main_.dec_ref();
    main_ = {};
}

/// Ctrl-C is for cells: the debugger would ask, which rank 0 could not while it waits for others.
void Runner::leave_debugger() {
    const bool is_loaded = PyDict_GetItemString(PyImport_GetModuleDict(), "pdb") != nullptr;
    if (is_loaded) uninterrupted([this] { module_.attr("leave_debugger")(); });
}

/// Runs it and returns what it has raised, or None.
py::object Runner::execute(const Cell& cell) {
    py::object error = raised_by([&] {
        if (cell.interactive && !std::exchange(asks_user_, true))
            py::module_::import("mpirepl._ask").attr("install")();
        if (cell.kind == Cell::Kind::cell)
            run_cell(cell);
        else
            module_.attr("run_program")(static_cast<int>(cell.kind), cell.name,
                                        py::bytes(cell.code));
    });
    if (std::exchange(has_begun_, false) && PyList_GET_SIZE(after_cell_.ptr()) > 0) {
        // A signal that is still to be seen is the cell's; what comes now is for nobody.
        py::object late = take_late_exceptions(nothing_);
        if (error.is_none()) error = late;
        late = raised_by([&] { py::handle(PyList_GET_ITEM(after_cell_.ptr(), 0))(error); });
        if (error.is_none() && !py::isinstance(late, PyExc_KeyboardInterrupt)) error = late;
    }
    py::object late = raised_by([this] { flush_(); });
    return error.is_none() ? late : error;
}

void Runner::announce(const RankSet& targets) {
    if (targets == announced_) return;
    announced_ = targets;
    module_.attr("targets") = targets.to_string();
}

void Runner::run_cell(const Cell& cell) {
    if (cell.columns != columns_ || cell.lines != lines_)
        py::module_::import("mpirepl._ask")
            .attr("set_size")(columns_ = cell.columns, lines_ = cell.lines);
    has_begun_ = true;
    if (PySys_GetObject("displayhook") == PySys_GetObject("__displayhook__"))
        module_.attr("take_display")();
    begin_cell_(cell.name, py::bytes(cell.source));
    py::object codes = checked(PyMarshal_ReadObjectFromString(
        cell.code.data(), static_cast<Py_ssize_t>(cell.code.size())));
    py::handle names = PyModule_GetDict(main_.ptr());
    if (std::any_of(codes.begin(), codes.end(), awaits)) {
        module_.attr("execute")(codes, names);
        return;
    }
    for (const py::handle& code : codes)
        checked(PyEval_EvalCode(code.ptr(), names.ptr(), names.ptr()));
}

void Runner::end(Outcome& outcome, const py::object& error, const std::string& name) {
    int status = 1;
    bool exited = false;
    try {
        std::tie(status, exited) = module_.attr("end")(error, name).cast<std::pair<int, bool>>();
    } catch (const py::error_already_set& failure) {
        if (failure.matches(PyExc_KeyboardInterrupt)) throw;
        // At the end of its stack, or broken on purpose.
        PyErr_Display(
            reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr(),
            py::reinterpret_steal<py::object>(PyException_GetTraceback(error.ptr())).ptr());
    }
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
