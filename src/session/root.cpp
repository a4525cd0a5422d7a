#include "session/root.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "console/display_width.h"
#include "console/printer.h"

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

int Root::run(Cell program) {
    if (program.kind != Cell::Kind::cell) run_program(std::move(program));
    // As under `python -i`, cells follow whatever the program has come to.
    try {
        if (reads_cells(options_)) run_cells();
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
    program.interactive = front_end_.interactive();
    program.fold = folds(fold_mode_, program.targets);
    front_end_.begin_program(interpreter_);
    const Display::Finished finished = run_everywhere(std::move(program));
    note_status(finished);
    if (finished.outcome.status != 0) failed_ = finished.failed.to_string();
}

void Root::run_cells() {
    ended_ = false;
    PythonSession session(options_.targets, options_.fold, front_end_.interactive());
    if (!failed_.empty()) session.note_failure(failed_);
    front_end_.begin(session, interpreter_);
    int before = std::exchange(status_, 0);
    status_of_exit_ = 0;  // the program's own exit has not ended the session
    while (may_go_on()) {
        std::optional<std::string> text = front_end_.next();
        if (!text) break;
        run_input(session, *text);
    }
    // A user has seen what failed, and gone on.
    status_ = front_end_.interactive() ? status_of_exit_ : std::max(status_, before);
}

void Root::run_input(PythonSession& session, const std::string& text) {
    interpreter_.handle_signals();  // a Ctrl-C for what has ended
    Prepared prepared = session.prepare(text);
    switch (prepared.verdict) {
        case Prepared::Verdict::done:
            return;
        case Prepared::Verdict::quit:
            ended_ = true;
            return;
        case Prepared::Verdict::syntax_error:
            front_end_.skip_after_error();
            [[fallthrough]];
        case Prepared::Verdict::failed:
            status_ = std::max(status_, 1);
            return;
        case Prepared::Verdict::run:
            run_prepared(session, std::move(prepared));
    }
}

/// What a prefix leaves of the terminal's width.
std::uint16_t Root::columns_for_output() const {
    int columns = front_end_.columns() -
                  display_width(prefix({.ranks = RankSet::single(display_.world_size() - 1)}));
    return static_cast<std::uint16_t>(std::max(columns, 0));
}

void Root::run_prepared(PythonSession& session, Prepared&& prepared) {
    fold_mode_ = prepared.fold_mode;
    prepared.cell.fold = folds(fold_mode_, prepared.cell.targets);
    prepared.cell.interactive = front_end_.interactive();
    prepared.cell.columns = columns_for_output();
    prepared.cell.lines = static_cast<std::uint16_t>(front_end_.lines());
    Display::Finished finished = run_everywhere(std::move(prepared.cell));
    note_status(finished);
    if (finished.outcome.status != 0) session.note_failure(finished.failed.to_string());
    if (!finished.outcome.profiles.empty()) session.show_profiles(finished.outcome.profiles);
}

Display::Finished Root::run_everywhere(Cell cell) {
    bool mine = cell.targets.contains(0);
    display_.forget_interrupt();
    interpreter_.handle_signals();
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
    if (finished.all_exited) {
        ended_ = true;
        status_of_exit_ = finished.outcome.status;
    }
    if (finished.output_failure != 0) {
        status_ = std::max(status_, 1);
        ended_ = true;
    }
}

void Root::finalize() {
    display_.finish_tasks();
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
        break;
    }
    if (display_.finish_output() != 0) status_ = std::max(status_, 1);
}

}  // namespace mpirepl
