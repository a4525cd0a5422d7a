#include "session/display.h"

#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <iterator>
#include <utility>

#include "guard/guard.h"
#include "session/signals.h"

namespace mpirepl {
namespace {

constexpr int killed_status = 137;
constexpr unsigned until_killed = 2;  // seconds
constexpr auto signal_look = std::chrono::milliseconds(50);

bool is_exit(const Block& block) {
    return block.stream == Stream::exit_status || block.stream == Stream::exit_message;
}

}  // namespace

Display::Display(const World& world, Agent& agent, Capture& capture, FrontEnd& front_end)
    : Relay(world, agent, capture),
      front_end_(front_end),
      printer_(front_end.sink(), front_end.coloured()),
      status_(printer_),
      questions_([this](const Question& question) { front_end_.ask(question); },
                 [this](int rank, const Answer& answer) {
                     if (rank == 0)
                         asked_.take(Answer(answer));
                     else
                         agent_.send(rank, answer);
                 }),
      watch_(
          world.size(), [this](const Message& message) { tell_all(message); },
          [this](const std::string& lines, bool to_stderr) { say_lines(lines, to_stderr); },
          [this] { return sentry_.is_quiet(); }) {
    front_end_.start(agent, {.where = [this] { watch_.show_where(); },
                             .kill = [this] { kill(); },
                             .closed = [this] { lose_terminal(); },
                             .answered =
                                 [this](Answer::Kind kind, std::string text) {
                                     questions_.answered(kind, std::move(text));
                                 }});
}

/// The user has given the session up.
void Display::kill() {
    front_end_.leave();
    PMPI_Abort(MPI_COMM_WORLD, killed_status);
    ::_exit(killed_status);
}

/// The window was closed, or the launcher is about to end: it will end all ranks itself.
void Display::lose_terminal() {
    front_end_.leave();
    ::sleep(until_killed);
    ::_exit(killed_status);
}

void Display::dispatch(Cell cell) {
    cell.sequence = ++sequence_;
    auto bytes = agent_.encoded(cell);
    agent_.now([&] {
        announced_streaming_ = false;
        watch_.begin(cell, guard::installed(), Clock::now());
        status_.begin(cell, Clock::now());
        failed_ = {};
        start_cell(std::move(cell), bytes);
    });
}

std::optional<Display::Finished> Display::wait_finished() {
    if (!wait_until([this] { return finished_.has_value(); })) return std::nullopt;
    return agent_.now([this] { return std::exchange(finished_, std::nullopt); });
}

void Display::say(std::string line, bool to_stderr) {
    agent_.post([this, line = std::move(line), to_stderr] { printer_.say(line, to_stderr); });
}

void Display::say_lines(const std::string& lines, bool to_stderr) {
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = lines.find('\n', begin)) != std::string::npos; begin = end + 1)
        printer_.say(lines.substr(begin, end - begin), to_stderr);
}

void Display::tell_all(const Message& message) {
    on_message(0, Message(message), agent_.encoded(message));
}

void Display::on_question(Question&& question) {
    if (question.number == 0) {
        if (questions_.withdraw(question.rank)) front_end_.cancel_question();
        return;
    }
    collector_.stream(collector_.sequence());
    questions_.add(std::move(question), Clock::now());
}

void Display::on_told(Message&& message) {
    if (auto* question = std::get_if<Question>(&message)) on_question(std::move(*question));
    if (auto* line = std::get_if<Unfinished>(&message)) status_.note(std::move(*line));
    if (auto* picture = std::get_if<Picture>(&message)) watch_.take(std::move(*picture));
    if (auto* quiet = std::get_if<Quiet>(&message)) watch_.note_quiet(*quiet);
    if (auto* parked = std::get_if<Parked>(&message)) watch_.note_parked(*parked);
}

void Display::look_after_signals(Clock::time_point now) {
    if (take_interrupt()) watch_.interrupt();
    if (take_where()) watch_.show_where();
    if (now < next_look_at_signals_) return;
    next_look_at_signals_ = now + signal_look;
    keep_signals_installed();
}

void Display::show(Block block) {
    agent_.post([this, block = std::move(block)] { printer_.print({block}); });
}

void Display::give_on(Report&& report) {
    std::vector<Block>& blocks = report.blocks;
    auto exits = std::stable_partition(blocks.begin(), blocks.end(), std::not_fn(is_exit));
    std::move(exits, blocks.end(), std::back_inserter(exits_));
    blocks.erase(exits, blocks.end());
    for (const Block& block : blocks)
        if (block.stream == Stream::error) failed_.insert(block.ranks);
    bool ended = report.outcome.ranks > 0 && !collector_.running();
    if (ended) finish_cell(blocks);
    if (!report.streaming) sort_for_display(blocks);
    printer_.print(blocks);
    if (!ended) return;
    status_.end();
    front_end_.show_status({});
    const Outcome& outcome = collector_.outcome();
    watch_.end();
    finished_ = {.outcome = outcome,
                 .all_exited = outcome.exited == outcome.ranks,
                 .failed = failed_,
                 .output_failure = printer_.failure()};
}

void Display::finish_cell(std::vector<Block>& blocks) {
    const Outcome& outcome = collector_.outcome();
    bool all_exited = outcome.exited == outcome.ranks;
    for (Block& exit : exits_) {
        if (all_exited && exit.stream == Stream::exit_status) continue;
        if (!all_exited) exit.text.insert(0, "SystemExit: ");
        blocks.push_back(std::move(exit));
    }
    exits_.clear();
}

void Display::on_turn(Clock::time_point now) {
    Relay::on_turn(now);
    look_after_signals(now);
    watch_.tick(now);
    front_end_.tick(now);
    questions_.tick(now, collector_.running() && front_end_.is_free());
    if (front_end_.interactive() && collector_.running() && status_.is_due(now))
        front_end_.show_status(status_.lines(now, collector_.outcome().ended));
    if (!announced_streaming_ && !collector_.holding()) {
        announced_streaming_ = true;
        if (collector_.running())
            pass_down(agent_.encoded(StreamNow{.sequence = collector_.sequence()}));
    }
    if (printer_.failure() != 0 && !output_failed_) {
        output_failed_ = true;
        printer_.say(fmt::format("mpirepl: standard output cannot be written: {}",
                                 std::strerror(printer_.failure())),
                     true);
        pass_down(agent_.encoded(CloseOutput{}));
        close_output();
    }
}

}  // namespace mpirepl
