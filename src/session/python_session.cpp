#include "session/python_session.h"

#include <pybind11/pybind11.h>

#include "base/targets.h"

namespace mpirepl {
namespace {

namespace py = pybind11;

py::module_ session_module() { return py::module_::import("mpirepl._session"); }

RankSet ranks_of(const py::handle& canonical) {
    // Canonical sets are valid for any size that includes them.
    return parse_targets(canonical.cast<std::string>(), 1 << 30);
}

}  // namespace

PythonSession::PythonSession(const std::string& targets, const std::string& fold) {
    py::gil_scoped_acquire gil;
    session_module().attr("begin")(targets, fold);
}

Prepared PythonSession::prepare(const std::string& text) {
    py::gil_scoped_acquire gil;
    py::tuple fields = session_module().attr("session").attr("prepare")(py::bytes(text));
    Prepared prepared{.verdict = static_cast<Prepared::Verdict>(fields[0].cast<int>())};
    if (prepared.verdict != Prepared::Verdict::run) return prepared;
    prepared.cell = {.kind = Cell::Kind::cell,
                     .number = fields[1].cast<std::uint32_t>(),
                     .targets = ranks_of(fields[2]),
                     .fold = fields[3].cast<bool>(),
                     .echo = fields[4].cast<bool>(),
                     .timed = fields[5].cast<bool>(),
                     .flags = fields[6].cast<std::uint32_t>(),
                     .name = fields[7].cast<std::string>(),
                     .source = fields[8].cast<std::string>(),
                     .shown = fields[9].cast<std::string>()};
    return prepared;
}

void PythonSession::note_failure() {
    py::gil_scoped_acquire gil;
    session_module().attr("session").attr("failed")();
}

bool PythonSession::check(const Cell& program) {
    py::gil_scoped_acquire gil;
    return py::module_::import("mpirepl._check")
        .attr("check")(py::bytes(program.source), program.name, program.targets.to_string())
        .cast<bool>();
}

}  // namespace mpirepl
