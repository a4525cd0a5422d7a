#include "embed/interpreter.h"

#include <pthread.h>
#include <pybind11/embed.h>
#include <pybind11/stl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "embed/crash_report.h"
#include "embed/environment.h"
#include "embed/frozen.h"
#include "embed/stacks.h"

namespace mpirepl {
namespace {

namespace py = pybind11;

constexpr const char* source_tree_variable = "MPIREPL_SOURCE";

bool is_forked = false;  // this process is a child of a rank

/// Owns a PyConfig and turns the errors of its functions into UserError.
class Config {
  public:
    Config() { PyConfig_InitPythonConfig(&config_); }
    ~Config() { PyConfig_Clear(&config_); }
    Config(const Config&) = delete;
    Config& operator=(const Config&) = delete;

    void set_arguments(const std::vector<std::string>& arguments) {
        std::vector<char*> argv;
        argv.reserve(arguments.size());
        for (const std::string& argument : arguments)
            argv.push_back(const_cast<char*>(argument.c_str()));
        check(PyConfig_SetBytesArgv(&config_, static_cast<Py_ssize_t>(argv.size()), argv.data()));
    }
    void set_executable(const std::string& path) {
        check(PyConfig_SetBytesString(&config_, &config_.program_name, path.c_str()));
        check(PyConfig_SetBytesString(&config_, &config_.executable, path.c_str()));
    }
    void initialize() { check(Py_InitializeFromConfig(&config_)); }

  private:
    static void check(PyStatus status) {
        if (PyStatus_IsExit(status)) throw UserError("", status.exitcode);
        if (PyStatus_Exception(status))
            throw UserError(std::string("Python cannot start: ") +
                                (status.err_msg != nullptr ? status.err_msg : "no reason given"),
                            1);
    }

    PyConfig config_;
};

void flush_c_output() { std::fflush(stdout); }

}  // namespace

Interpreter::Interpreter(const std::vector<std::string>& arguments,
                         const std::optional<std::string>& path0, Runner::CodeEnd code_end) {
    // gfortran's runtime reads this when it is loaded: its output keeps its place among Python's.
    ::setenv("GFORTRAN_UNBUFFERED_PRECONNECTED", "y", 0);
    const char* source_tree = std::getenv(source_tree_variable);
    if (source_tree == nullptr) PyImport_FrozenModules = frozen_modules;
    std::string python = user_python();
    std::vector<std::string> argv{python};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    Config config;
    config.set_arguments(argv);
    config.set_executable(python);
    config.initialize();
    if (source_tree != nullptr)
        py::module_::import("sys").attr("path").attr("insert")(0, source_tree);
    py::module_::import("mpirepl._start").attr("start")(path0);
    runner_.emplace(std::move(code_end));
    ::pthread_atfork(nullptr, nullptr, [] { is_forked = true; });
    PyEval_SaveThread();
}

Outcome Interpreter::run(const Cell& cell) {
    set_crash_report_cell(cell.number, cell.interactive);
    Outcome outcome;
    {
        py::gil_scoped_acquire gil;
        outcome = runner_->run(cell);
    }
    flush_c_output();
    set_crash_report_cell(0, cell.interactive);
    // A child that a cell has forked, and that has come to the cell's end, must not go on as a
    // rank.
    if (is_forked) ::_exit(outcome.status);
    return outcome;
}

void Interpreter::interrupt() { PyErr_SetInterrupt(); }

void Interpreter::handle_signals() {
    py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() == 0) return;
    if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        PyErr_Clear();
    else
        PyErr_WriteUnraisable(nullptr);
}

void Interpreter::await_threads() {
    py::gil_scoped_acquire gil;
    const auto threading =
        py::reinterpret_steal<py::object>(PyImport_GetModule(py::str("threading").ptr()));
    if (!threading) return;
    try {
        threading.attr("_shutdown")();
    } catch (py::error_already_set& error) {
        error.discard_as_unraisable(threading);
    }
    // Py_Finalize calls it, too, and would wait again after Ctrl-C.
    threading.attr("_shutdown") = py::module_::import("builtins").attr("tuple");
}

void Interpreter::run_exit_handlers() {
    py::gil_scoped_acquire gil;
    try {
        py::module_::import("atexit").attr("_run_exitfuncs")();
    } catch (py::error_already_set& error) {
        error.discard_as_unraisable("atexit");
    }
    // A child that one of them has forked ends as it would under python.
    if (is_forked) ::_exit(end_python());
}

int Interpreter::end_python() {
    runner_->let_go_of_main();
    const int status = Py_FinalizeEx() < 0 ? 120 : 0;
    flush_c_output();
    return status;
}

Outcome Interpreter::finalize() {
    end_with_gil();
    PyGILState_Ensure();
    const int status = end_python();
    return {.ranks = 1, .failed = status != 0 ? 1U : 0U, .status = status};
}

}  // namespace mpirepl
