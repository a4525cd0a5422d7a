#include "session/builtin_module.h"

#include <pybind11/embed.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/line_assembler.h"
#include "base/targets.h"
#include "console/cell_splitter.h"
#include "embed/crash_report.h"
#include "embed/foreign_mpi.h"
#include "embed/without_gil.h"
#include "guard/guard.h"
#include "guard/rebinding.h"
#include "session/interactive_front_end.h"

namespace mpirepl {
namespace {

namespace py = pybind11;

const World* world = nullptr;
Relay* relay = nullptr;
Display* display = nullptr;
InteractiveFrontEnd* front_end = nullptr;

RankSet targets_of(const std::string& spec) {
    try {
        return parse_targets(spec, world->size());
    } catch (const UserError& error) {
        throw py::value_error(error.what());
    }
}

std::vector<py::bytes> statements(const std::string& text) {
    CellSplitter splitter(PY_VERSION_HEX >= 0x030C0000);
    splitter.feed(text);
    splitter.finish();
    std::vector<py::bytes> all;
    while (auto statement = splitter.next()) all.emplace_back(*statement);
    return all;
}

std::optional<std::string> unless_empty(std::string text) {
    return text.empty() ? std::nullopt : std::optional(std::move(text));
}

/// What rank 0's front ends in Python stand on.
void define_terminal(py::module_& module) {
    using Kind = InteractiveFrontEnd::EditorKind;
    using Unlocked = py::call_guard<py::gil_scoped_release>;
    if (front_end->has_terminal())
        module.attr("terminal") =
            py::make_tuple(front_end->terminal_path(), front_end->wishes_fd());
    else
        module.attr("terminal") = py::none();
    module.def(
        "begin_editing", [](int kind) { front_end->begin_editing(static_cast<Kind>(kind)); },
        Unlocked());
    module.def(
        "end_editing", [] { front_end->end_editing(); }, Unlocked());
    module.def(
        "make_room", [] { front_end->make_room(); }, Unlocked());
    module.def("interrupts", [] { return front_end->interrupts(); });
    module.def("read_line",
               [](const std::string& prompt) { return py::bytes(front_end->read_line(prompt)); });
}

std::optional<std::pair<int, std::string>> wait_for_answer() {
    std::optional<Answer> answer = [] {
        const WithoutGil without;
        return relay->asked().wait();
    }();
    if (!answer) return std::nullopt;
    return std::pair(static_cast<int>(answer->kind), std::move(answer->text));
}

/// What compile() makes of one statement with its value shown. compile() itself fills all types of
/// the syntax tree first, a hundred and more, which most sessions never see.
py::object compile_single(const py::bytes& source, const py::str& name, int flags) {
    PyCompilerFlags settings{.cf_flags = flags, .cf_feature_version = PY_MINOR_VERSION};
    PyObject* code = Py_CompileStringObject(PyBytes_AS_STRING(source.ptr()), name.ptr(),
                                            Py_single_input, &settings, -1);
    if (code == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(code);
}

/// ctypes is about to find a function in a library that it has loaded.
int rebind_for_ctypes(const char* event, PyObject* /*arguments*/, void* /*nothing*/) {
    if (std::string_view(event).starts_with("ctypes.dlsym")) guard::rebind_libraries();
    return 0;
}

}  // namespace

// The few primitives that the Python package stands on; it says what they mean to a user.
PYBIND11_EMBEDDED_MODULE(_mpirepl, module) {
    module.attr("rank") = world->rank();
    module.attr("size") = world->size();
    module.attr("version") = MPIREPL_VERSION;
    module.attr("guarded") = guard::installed();
    module.def("emit", [](int stream, const std::string& text) {
        relay->write(static_cast<Stream>(stream), clean_text(text) + '\n');
    });
    module.def("emit_error", [](const std::string& text, py::list shown) {
        relay->write(Stream::error, clean_text(text) + '\n');
        shown.append(true);  // here, where no Ctrl-C comes between
    });
    module.def("save_output", save_output, py::call_guard<py::gil_scoped_release>());
    module.def("real_output", [] { return relay->real_output(); });
    module.def("mpi_library", own_mpi_library);
    module.def("foreign_mpi_of",
               [](const std::string& file) { return unless_empty(foreign_mpi_of(file)); });
    module.def("foreign_mpi_loaded", [] { return unless_empty(foreign_mpi_loaded()); });
    module.def("rebind_mpi", guard::rebind_libraries);
    module.def("rebind_mpi_for_ctypes", [] { PySys_AddAuditHook(rebind_for_ctypes, nullptr); });
    module.def("unguarded_mpi_of",
               [](const std::string& file) { return unless_empty(guard::unguarded_mpi_of(file)); });
    module.def("parse_targets",
               [](const std::string& spec) { return targets_of(spec).to_string(); });
    module.def("ranks", [](const std::string& spec) {
        return py::tuple(py::cast(targets_of(spec).ranks()));
    });
    module.def("statements", statements);
    using Unlocked = py::call_guard<py::gil_scoped_release>;
    module.def(
        "ask", [](const std::string& prompt, bool hidden) { relay->asked().ask(prompt, hidden); },
        Unlocked());
    module.def("wait_for_answer", wait_for_answer);
    module.def(
        "withdraw_question", [] { relay->asked().give_up(); }, Unlocked());
    // Rank 0 only:
    module.attr("TOP_LEVEL_AWAIT") = PyCF_ALLOW_TOP_LEVEL_AWAIT;  // _ast's, without importing it
    module.def("compile_single", compile_single);
    module.def("say",
               [](std::string line, bool to_stderr) { display->say(std::move(line), to_stderr); });
    module.def("show_error", [](const std::string& spec, const std::string& text) {
        display->show(
            {.ranks = targets_of(spec), .stream = Stream::error, .text = clean_text(text) + '\n'});
    });
}

void connect_builtin_module(const World& the_world, Relay* the_relay, Display* the_display) {
    world = &the_world;
    relay = the_relay;
    display = the_display;
}

void connect_front_end(InteractiveFrontEnd* the_front_end) {
    front_end = the_front_end;
    py::gil_scoped_acquire gil;
    auto module = py::module_::import("_mpirepl");
    define_terminal(module);
}

}  // namespace mpirepl
