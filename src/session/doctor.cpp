#include "session/doctor.h"

#include <fmt/format.h>
#include <pybind11/embed.h>
#include <pybind11/stl.h>
#include <unistd.h>

#include "base/error.h"
#include "console/terminal.h"
#include "embed/foreign_mpi.h"
#include "embed/interpreter.h"
#include "session/builtin_module.h"

namespace mpirepl {
namespace {

namespace py = pybind11;

void print_line(const char* what, bool good, const std::string& finding) {
    fmt::print("{:<12} {:<5} {}\n", what, good ? "ok" : "fails", finding);
}

/// The lines that need Python: it finds out about itself.
bool check_python(const SessionOptions& options) {
    try {
        Interpreter interpreter(options.python, std::nullopt, [] { return std::nullopt; });
        bool good = true;
        {
            py::gil_scoped_acquire gil;
            auto findings = py::module_::import("mpirepl._doctor")
                                .attr("findings")()
                                .cast<std::vector<std::tuple<std::string, bool, std::string>>>();
            for (const auto& [what, fine, finding] : findings) {
                print_line(what.c_str(), fine, finding);
                good &= fine;
            }
        }
        interpreter.finalize();
        return good;
    } catch (const UserError& error) {
        print_line("Python", false, error.what());
        return false;
    }
}

std::string terminal() {
    std::optional<TerminalPlace> place = find_terminal(STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO);
    if (!place) return "standard input is no terminal: cells are read from it as they arrive";
    if (place->launcher == 0) return fmt::format("{}, a session has a prompt", place->path);
    return fmt::format("{}, behind the launcher (process {}): a session has a prompt", place->path,
                       place->launcher);
}

}  // namespace

std::string version() {
    return fmt::format("mpirepl {} (Python {}, {})", MPIREPL_VERSION, PY_VERSION,
                       World::library_version());
}

int run_doctor(const World& world, const SessionOptions& options) {
    if (world.rank() != 0) return 0;
    connect_builtin_module(world, nullptr, nullptr);
    print_line("MPI", true,
               fmt::format("{}, {}, {} {}", World::library_version(), own_mpi_library(),
                           world.size(), world.size() == 1 ? "rank" : "ranks"));
    print_line("threads", true, World::thread_level());
    bool good = check_python(options);
    print_line("terminal", true, terminal());
    return good ? 0 : 1;
}

}  // namespace mpirepl
