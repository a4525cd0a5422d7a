#include "session/root.h"

#include <Python.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "console/pipe_input.h"

namespace mpirepl {
namespace {

std::string seconds(double time) {
    if (time < 1e-3) return fmt::format("{:.3g} µs", time * 1e6);
    if (time < 1) return fmt::format("{:.3g} ms", time * 1e3);
    return fmt::format("{:.3f} s", time);
}

std::string describe(const Timing& timing) {
    return fmt::format("time: min {} (rank {}), mean {}, max {} (rank {})", seconds(timing.least),
                       timing.least_rank, seconds(timing.sum / timing.ranks), seconds(timing.most),
                       timing.most_rank);
}

}  // namespace

int Root::run(Cell program, Fd input) {
    if (program.kind != Cell::Kind::cell) run_program(std::move(program));
    // As under `python -i`, cells follow whatever the program has come to.
    try {
        if (input) run_cells(std::move(input));
    } catch (const UserError& error) {
        display_.say(fmt::format("mpirepl: {}", error.what()), true);
        status_ = std::max(status_, error.status());
    }
    finalize();
    return status_;
}

void Root::run_program(Cell program) {
    bool compiles = program.kind == Cell::Kind::command || program.kind == Cell::Kind::script;
    if (compiles && !PythonSession::compile(program)) {
        status_ = 1;
        return;
    }
    program.fold = folds(fold_mode_, program.targets);
    note_status(run_everywhere(std::move(program)));
}

void Root::run_cells(Fd input) {
    ended_ = false;
    interactive_ = ::isatty(input.get()) != 0;
    PythonSession session(options_.targets, options_.fold, interactive_);
    PipeInput cells(std::move(input), PY_VERSION_HEX >= 0x030C0000,
                    [this] { interpreter_.handle_signals(); });
    int before = std::exchange(status_, 0);
    while (may_go_on()) {
        std::optional<std::string> text = cells.next();
        if (!text) break;
        Prepared prepared = session.prepare(*text);
        switch (prepared.verdict) {
            case Prepared::Verdict::done:
                break;
            case Prepared::Verdict::quit:
                ended_ = true;
                break;
            case Prepared::Verdict::syntax_error:
                if (!interactive_) cells.skip_after_error();
                [[fallthrough]];
            case Prepared::Verdict::failed:
                status_ = std::max(status_, 1);
                break;
            case Prepared::Verdict::run: {
                fold_mode_ = prepared.fold_mode;
                prepared.cell.fold = folds(fold_mode_, prepared.cell.targets);
                Display::Finished finished = run_everywhere(std::move(prepared.cell));
                note_status(finished);
                if (finished.outcome.status != 0) session.note_failure();
                if (!finished.outcome.profiles.empty())
                    session.show_profiles(finished.outcome.profiles);
            }
        }
    }
    status_ = std::max(status_, before);
}

Display::Finished Root::run_everywhere(Cell cell) {
    bool mine = cell.targets.contains(0);
    display_.dispatch(std::move(cell));
    while (mine) {
        if (std::optional<Cell> own = display_.next_cell()) {
            run_own_part(*own, display_, interpreter_);
            break;
        }
        interpreter_.handle_signals();
    }
    while (true) {
        if (std::optional<Display::Finished> finished = display_.wait_finished()) return *finished;
        interpreter_.handle_signals();
    }
}

void Root::note_status(const Display::Finished& finished) {
    for (const Timing& timing : finished.outcome.timings) display_.say(describe(timing), false);
    status_ = std::max(status_, finished.outcome.status);
    if (finished.all_exited) ended_ = true;
    if (finished.output_failure != 0) {
        status_ = std::max(status_, 1);
        ended_ = true;
    }
}

void Root::finalize() {
    RankSet everybody = RankSet::all(display_.world_size());
    display_.dispatch(
        {.kind = Cell::Kind::finalize, .targets = everybody, .fold = folds(fold_mode_, everybody)});
    std::optional<Cell> own;
    while (!own) own = display_.next_cell();
    run_own_part(*own, display_, interpreter_);
    while (true) {
        std::optional<Display::Finished> finished = display_.wait_finished();
        if (!finished) continue;
        status_ = std::max(status_, finished->outcome.status);
        if (finished->output_failure != 0) status_ = std::max(status_, 1);
        return;
    }
}

}  // namespace mpirepl
