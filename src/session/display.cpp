#include "session/display.h"

#include <fmt/format.h>
#include <mpi.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <utility>

#include "embed/crash_report.h"
#include "guard/guard.h"
#include "session/signals.h"
#include "session/task_module.h"

namespace mpirepl {
namespace {

constexpr int killed_status = 137;
constexpr unsigned until_killed = 2;  // seconds
constexpr auto handlers_look = std::chrono::milliseconds(20);
constexpr auto before_joining = std::chrono::milliseconds(2);
constexpr auto while_called = std::chrono::milliseconds(4);
constexpr auto signal_look = std::chrono::milliseconds(50);

/// While it lives, rank 0's main thread waits and, unless that is inside a task, its engine works.
class WaitOfRoot {
  public:
    WaitOfRoot(Agent& agent, Dispatcher& dispatcher, Sentry& sentry, bool works)
        : agent_(agent), dispatcher_(dispatcher), sentry_(sentry), works_(works) {
        set(true);
    }
    ~WaitOfRoot() { set(false); }
    WaitOfRoot(const WaitOfRoot&) = delete;
    WaitOfRoot& operator=(const WaitOfRoot&) = delete;

  private:
    void set(bool waiting) {
        agent_.now([&] {
            sentry_.await_tasks(waiting);
            if (works_ && !waiting) dispatcher_.set_waiting(false);
        });
    }

    Agent& agent_;
    Dispatcher& dispatcher_;
    Sentry& sentry_;
    bool works_;
};

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
          [this] { return sentry_.is_quiet(); }, [this] { return dispatcher_.busy(); },
          [this] { return questions_.ranks(); }),
      dispatcher_(world, agent, workbench_) {
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
    end_output_saving();
    PMPI_Abort(MPI_COMM_WORLD, killed_status);
    std::_Exit(killed_status);
}

/// The window was closed, or the launcher is about to end: it will end all ranks itself.
void Display::lose_terminal() {
    front_end_.leave();
    ::sleep(until_killed);
    std::_Exit(killed_status);
}

void Display::dispatch(Cell cell) {
    cell.sequence = ++sequence_;
    dispatcher_.set_cell(sequence_);
    auto bytes = agent_.encoded(cell);
    agent_.now([&] {
        keep_signals_installed();  // the editor has had its own
        announced_streaming_ = false;
        watch_.begin(cell, guard::installed(), Clock::now());
        status_.begin(cell, Clock::now());
        failed_ = {};
        finalizing_ = cell.kind == Cell::Kind::finalize;
        start_cell(std::move(cell), bytes);
        look_after_signals(Clock::now());
    });
}

std::optional<Display::Finished> Display::wait_finished() {
    if (!wait_until([this] { return finished_.has_value(); })) return std::nullopt;
    return agent_.now([this] { return std::exchange(finished_, std::nullopt); });
}

bool Display::work_until(const std::function<bool()>& is_true, Clock::time_point deadline) {
    if (is_true()) return true;
    const bool nested = workbench_.running();  // a task does not run inside another
    // Whoever waits may change what large results of this rank's engine lie in.
    auto done = [&] { return !workbench_.sending() && is_true(); };
    auto due = [&] { return !nested && workbench_.ready(collector_.sequence()); };
    // Balanced tasks go to others first: with one that lasts rank 0 could not go on when it should.
    const Clock::time_point begin = Clock::now();
    bool joins = nested;
    bool late = false;  // a task of this rank has lasted past the deadline
    auto join_after_a_while = [&] {
        if (joins || Clock::now() - begin < before_joining) return;
        joins = true;
        dispatcher_.set_waiting(true);
    };
    const WaitOfRoot waiting(agent_, dispatcher_, sentry_, !nested);
    while (true) {
        {
            pybind11::gil_scoped_release release;
            // A signal ends a nap, but it may come between two.
            const Clock::time_point look = std::min(deadline, Clock::now() + handlers_look);
            wait_until([&] {
                join_after_a_while();
                return done() || due() || Clock::now() >= look;
            });
        }
        if (done()) return !late;
        const unsigned before = interrupts();
        if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
        if (agent_.now(due)) {
            run_tasks();
            late = Clock::now() >= deadline;
            // A signal is for who waits, not only for the task that runs meanwhile.
            if (auto raised = raised_for_who_waits(interrupts() != before); !raised.is_none()) {
                PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(raised.ptr())), raised.ptr());
                throw pybind11::error_already_set();
            }
            agent_.now([this] { sentry_.await_tasks(true); });
        } else if (Clock::now() >= deadline && !workbench_.sending()) {
            return false;
        }
    }
}

/// Tasks of this rank's engine, or such as no other may run.
bool Display::tasks_need_main_thread() const {
    if (sentry_.awaits_tasks() || workbench_.running()) return false;
    RankSet others = dispatcher_.busy();
    others.remove(RankSet::single(0));
    return workbench_.ready(collector_.sequence()) ||
           (others.empty() && dispatcher_.scheduler().unassigned() > 0);
}

void Display::call_main_thread() {
    if (agent_.now([this] { return tasks_need_main_thread(); }))
        ::pthread_kill(agent_.main_thread(), SIGURG);
}

void Display::work_now() {
    while (agent_.now([this] { return tasks_need_main_thread(); })) {
        const Clock::time_point end = Clock::now() + while_called;
        work_until([end] { return Clock::now() >= end; }, Clock::time_point::max());
    }
}

void Display::finish_tasks() {
    const pybind11::gil_scoped_acquire gil;
    await_all_tasks();
    end_program_with_client();
    await_all_tasks();
    dispatcher_.close();
}

void Display::await_all_tasks() {
    while (true) {
        try {
            work_until([this] { return dispatcher_.idle(); }, Clock::time_point::max());
            return;
        } catch (const pybind11::error_already_set&) {
            dispatcher_.abort({});
        }
    }
}

int Display::finish_output() {
    int failure = 0;
    auto done = [&] {
        bool written = printer_.waiting() == 0;
        failure = printer_.failure();
        return written && (failure == 0 || output_failed_);  // and said so
    };
    while (!agent_.work_until(done)) {
    }
    return failure;
}

void Display::on_engine(int engine, Message&& message) {
    if (auto* results = std::get_if<TaskResults>(&message))
        dispatcher_.on_results(engine, std::move(*results));
    if (auto* note = std::get_if<TaskNote>(&message)) dispatcher_.on_note(std::move(*note));
    if (auto* back = std::get_if<TaskReturn>(&message))
        dispatcher_.on_return(engine, std::move(*back));
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

void Display::look_after_interrupt() {
    if (has_interrupt()) agent_.now([this] { look_after_signals(Clock::now()); });
}

void Display::forget_interrupt() {
    if (has_interrupt()) agent_.now([] { take_interrupt(); });
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

bool Display::on_turn(Clock::time_point now) {
    bool worked = Relay::on_turn(now);
    look_after_signals(now);
    watch_.tick(now);
    front_end_.tick(now);
    questions_.tick(now, collector_.running() && front_end_.is_free());
    if (front_end_.interactive() && collector_.running() && status_.is_due(now))
        front_end_.show_status(status_.lines(now, collector_.outcome().ended));
    worked |= dispatcher_.tick(now);
    if (front_end_.interactive() && collector_.running())
        if (const auto bytes = pace_.look(now, printer_.waiting()))
            tell_all(Window{.bytes = static_cast<std::uint32_t>(*bytes)});
    if (!announced_streaming_ && !collector_.holding()) {
        announced_streaming_ = true;
        if (collector_.running())
            pass_down(agent_.encoded(StreamNow{.sequence = collector_.sequence()}));
    }
    if (finalizing_ && !collector_.running() && backlog() == 0) {
        finalizing_ = false;
        tell_all(Leave{});
    }
    if (printer_.failure() != 0 && !output_failed_) {
        output_failed_ = true;
        printer_.say(fmt::format("mpirepl: standard output cannot be written: {}",
                                 std::strerror(printer_.failure())),
                     true);
        pass_down(agent_.encoded(CloseOutput{}));
        close_output();
    }
    return worked;
}

}  // namespace mpirepl
