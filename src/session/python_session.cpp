#include "session/python_session.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "base/targets.h"
#include "embed/uninterrupted.h"

namespace mpirepl {
namespace {

namespace py = pybind11;

RankSet ranks_of(const py::handle& canonical) {
    // Canonical sets are valid for any size that includes them.
    return parse_targets(canonical.cast<std::string>(), 1 << 30);
}

}  // namespace

PythonSession::PythonSession(const std::string& targets, const std::string& fold,
                             bool interactive) {
    py::gil_scoped_acquire gil;
    session_ =
        py::module_::import("mpirepl._session").attr("begin")(targets, fold, interactive).release();
    prepare_ = session_.attr("prepare").cast<py::object>().release();
}

Prepared PythonSession::prepare(const std::string& text) {
    py::gil_scoped_acquire gil;
    py::tuple fields;
    try {
        fields = prepare_(py::bytes(text));
    } catch (const py::error_already_set& error) {
        // Not in Python: Ctrl-C may strike there before any `try` has begun.
        if (!error.matches(PyExc_KeyboardInterrupt)) throw;
        fields = uninterrupted([this] { return py::tuple(session_.attr("interrupted")()); });
    }
    Prepared prepared{.verdict = static_cast<Prepared::Verdict>(fields[0].cast<int>())};
    if (prepared.verdict != Prepared::Verdict::run) return prepared;
    prepared.cell = {.kind = Cell::Kind::cell,
                     .number = fields[1].cast<std::uint32_t>(),
                     .targets = ranks_of(fields[2]),
                     .timed = fields[4].cast<bool>(),
                     .guarded = fields[5].cast<bool>(),
                     .grace = fields[6].cast<double>(),
                     .profiled = fields[7].cast<bool>(),
                     .name = fields[8].cast<std::string>(),
                     .code = fields[9].cast<std::string>(),
                     .source = fields[10].cast<std::string>()};
    prepared.fold_mode = fields[3].cast<std::string>();
    return prepared;
}

bool PythonSession::open_front_end(bool plain, bool quiet) {
    py::gil_scoped_acquire gil;
    session_.attr("open_front_end")(plain, quiet);
    return py::len(session_.attr("front").attr("magics")) > 0;
}

std::optional<std::string> PythonSession::read() {
    py::gil_scoped_acquire gil;
    return uninterrupted(
        [this] { return session_.attr("read")().cast<std::optional<std::string>>(); });
}

void PythonSession::note_failure(const std::string& ranks) {
    py::gil_scoped_acquire gil;
    uninterrupted([&] { session_.attr("failed")(ranks); });
}

void PythonSession::show_profiles(const std::vector<MpiProfile>& profiles) {
    py::gil_scoped_acquire gil;
    py::list rows;
    for (const MpiProfile& p : profiles)
        rows.append(py::make_tuple(p.rank, p.calls, p.bytes, p.elapsed, p.in_mpi, p.waiting,
                                   py::dict(py::cast(p.bytes_to))));
    uninterrupted([&] { session_.attr("show_profiles")(rows); });
}

bool PythonSession::compile(Cell& program) {
    py::gil_scoped_acquire gil;
    py::object code =
        py::module_::import("mpirepl._compile")
            .attr("program")(py::bytes(program.source), program.name, program.targets.to_string());
    program.source.clear();
    if (code.is_none()) return false;
    program.code = code.cast<std::string>();
    return true;
}

}  // namespace mpirepl
