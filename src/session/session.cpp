#include "session/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/targets.h"
#include "embed/capture.h"
#include "embed/crash_report.h"
#include "embed/interpreter.h"
#include "embed/stacks.h"
#include "embed/without_gil.h"
#include "guard/guard.h"
#include "session/builtin_module.h"
#include "session/display.h"
#include "session/front_end.h"
#include "session/program_file.h"
#include "session/python_session.h"
#include "session/root.h"
#include "session/signals.h"
#include "session/task_module.h"

namespace mpirepl {
namespace {

namespace fs = std::filesystem;

/// The arguments with which python would run the same program.
std::vector<std::string> python_arguments(const SessionOptions& options) {
    std::vector<std::string> arguments = options.python;
    if (options.program == Cell::Kind::command) arguments.emplace_back("-c");
    if (options.program == Cell::Kind::module) arguments.emplace_back("-m");
    if (options.program != Cell::Kind::cell) arguments.push_back(options.name);
    arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
    return arguments;
}

/// What python puts first in sys.path.
std::string first_in_path(const SessionOptions& options) {
    std::error_code error;
    if (options.program == Cell::Kind::module) return fs::current_path(error).string();
    if (options.program != Cell::Kind::script) return {};
    const fs::path given = fs::absolute(options.name, error);
    if (error) return {};  // the working directory has been removed
    fs::path file = fs::canonical(given, error);
    if (error) file = given;
    const bool is_package =
        fs::is_directory(file, error) || file.extension() == ".zip" || file.extension() == ".pyz";
    return (is_package ? given : file.parent_path()).string();
}

/// Where rank 0's own cells come from: what was standard input. The cells see its end instead.
Fd take_standard_input() {
    Fd input = duplicate(STDIN_FILENO);
    Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ::dup2(nothing.get(), STDIN_FILENO);
    return input;
}

Fd open_output(const SessionOptions& options, const Capture& capture) {
    if (!options.output_file) return duplicate(capture.real_stdout());
    Fd file(::open(options.output_file->c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file)
        throw UserError(fmt::format("-o {}: {}", *options.output_file, std::strerror(errno)));
    return file;
}

/// Runs what rank 0 sends until it sends the end.
void follow(Relay& relay, Interpreter& interpreter) {
    while (true) {
        std::optional<Cell> cell = relay.next_cell();
        if (!cell) {
            interpreter.handle_signals();
            continue;
        }
        run_own_part(*cell, relay, interpreter);
        if (cell->kind == Cell::Kind::finalize) return;
    }
}

/// Guards the calls of a session, unless the user has said no.
class GuardOfSession {
  public:
    explicit GuardOfSession(bool wanted) {
        guard::connect(
            {.holds_gil = holds_gil, .threads = python_threads, .save_output = save_output});
        if (wanted) guard::install();
    }
    ~GuardOfSession() { guard::uninstall(); }
    GuardOfSession(const GuardOfSession&) = delete;
    GuardOfSession& operator=(const GuardOfSession&) = delete;
};

/// All that a session consists of on this rank, in the order in which it comes into being.
class Rank {
  public:
    /// @throws UserError when this rank cannot begin
    Rank(const World& world, const SessionOptions& options)
        : options_(options), is_root_(world.rank() == 0), program_(program(world)), agent_(world) {
        if (is_root_) {
            front_end_ = make_front_end(options, take_input(), open_output(options, capture_),
                                        duplicate(capture_.real_stderr()));
            auto display = std::make_unique<Display>(world, agent_, capture_, *front_end_);
            display_ = display.get();
            relay_ = std::move(display);
        } else {
            take_input();
            relay_ = std::make_unique<Uplink>(world, agent_, capture_);
        }
        connect_builtin_module(world, relay_.get(), display_);
        connect_task_module(relay_.get(), display_);
        interpreter_.emplace(python_arguments(options), first_in_path(options),
                             [this] { return relay_->end_code(); });
        install_signals(is_root_);
        install_crash_report(world.rank(), world.host(), capture_.real_stderr());
    }

    int run() {
        int status = 0;
        relay_->start();
        try {
            if (is_root_)
                status = Root(*display_, *front_end_, *interpreter_, options_).run(program_);
            else
                follow(*relay_, *interpreter_);
        } catch (const std::exception& error) {
            // Ends the process: the agent still works with all this.
            relay_->on_failure(error.what());
        }
        relay_->leave();
        end_output_saving();
        WithoutGil::await_all();
        if (is_root_ && std::getenv("MPIREPL_STATISTICS") != nullptr)
            ::dprintf(capture_.real_stderr(), "mpirepl: rank 0 received %llu bytes of reports\n",
                      static_cast<unsigned long long>(agent_.received()));
        return status;
    }

  private:
    Cell program(const World& world) const {
        Cell program{.kind = options_.program, .name = options_.name};
        if (program.kind == Cell::Kind::command) {
            program.name = "<string>";
            program.source = options_.name + '\n';
        }
        if (is_root_ && program.kind == Cell::Kind::script)
            program = read_program_file(options_.name);
        program.targets = parse_targets(options_.targets, world.size());
        return program;
    }
    Fd take_input() const { return reads_cells(options_) ? take_standard_input() : Fd(); }

    const SessionOptions& options_;
    bool is_root_;
    Cell program_;
    Agent agent_;  // outlives all that waits in its io_context
    Capture capture_;
    std::unique_ptr<FrontEnd> front_end_;
    std::unique_ptr<Relay> relay_;
    Display* display_ = nullptr;
    std::optional<Interpreter> interpreter_;
};

}  // namespace

void run_own_part(const Cell& cell, Relay& relay, Interpreter& interpreter) {
    guard::begin_cell(cell.sequence, cell.guarded, cell.profiled);
    if (cell.kind == Cell::Kind::finalize) {
        relay.leave_python(interpreter);
        Outcome outcome = interpreter.finalize();
        relay.end_finalization(outcome);
        relay.finish(std::move(outcome), "");
        return;
    }
    // Its signal was for nothing if this rank had not begun yet.
    if (relay.is_interrupted()) interpreter.interrupt();
    Outcome outcome = interpreter.run(cell);
    if (cell.profiled) outcome.profiles.push_back(guard::end_profile());
    relay.finish(std::move(outcome), interpreter.raised());
}

bool reads_cells(const SessionOptions& options) {
    return options.program == Cell::Kind::cell || options.cells_afterwards;
}

bool folds(const std::string& mode, const RankSet& targets) {
    constexpr int many = 16;
    return mode == "on" || (mode == "auto" && targets.count() > many);
}

int run_session(const World& world, const SessionOptions& options) {
    const GuardOfSession guard(options.guard);
    std::optional<UserError> problem;
    std::unique_ptr<Rank> rank;
    try {
        rank = std::make_unique<Rank>(world, options);
    } catch (const UserError& error) {
        problem = error;
    }
    world.agree(problem);
    return rank->run();
}

}  // namespace mpirepl
