#include "session/relay.h"

#include <fmt/format.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/mpi_error.h"
#include "console/pace.h"
#include "embed/crash_report.h"
#include "embed/interpreter.h"
#include "session/task_module.h"

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t widest_window = 1 << 20;
constexpr std::size_t room_for_quick_cell = 128 * 1024;  // for what it prints before it streams
constexpr auto others_time = 100ms;  // rank 0 ends, and what others print, who do the same, with it
constexpr auto save_limit = 500ms;   // launchers kill after a second
constexpr std::size_t piece_bytes = 256 * 1024;  // of much text

/// What is printed shall be on the screen within 100 ms: an inner rank waits briefly, and rank 0
/// longer where there are none. Bulk waits longer than those below may take to give up.
Fold::Waits waits(const World& world) {
    int height = world.up().height();
    if (!world.up().is_root()) return {.error = 10ms, .output = 15ms, .bulk = height * 1s};
    return {.error = 50ms, .output = height <= 1 ? 80ms : 50ms, .bulk = height * 1s};
}

std::size_t text_bytes(const Report& report) {
    std::size_t bytes = 0;
    for (const Block& block : report.blocks) bytes += block.text.size();
    return bytes;
}

template <typename... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

}  // namespace

Relay::Relay(const World& world, Agent& agent, Capture& capture)
    : world_(world),
      capture_(capture),
      window_(widest_window),
      agent_(agent),
      collector_(waits(world), [this](Report&& report) { give_on(std::move(report)); }),
      sentry_(world.rank(), agent, [this](const Message& message) { tell_root(message); }),
      asked_(world.rank(),
             [this](const Message& message) {
                 agent_.post([this, message] {
                     show_what_is_held();
                     tell_root(message);
                 });
             }),
      workbench_(world, agent, capture,
                 [this](Message&& message) { deliver(std::move(message)); }) {
    capture_.start(agent_.io(), [this](Capture::Source source, std::string&& lines) {
        add_own(source == Capture::out ? Stream::standard_output : Stream::standard_error,
                std::move(lines));
    });
}

/// A long value or traceback goes in pieces that end with a line.
void Relay::write(Stream stream, std::string text) {
    std::size_t begin = 0;
    while (text.size() - begin > piece_bytes) {
        std::size_t end = text.find('\n', begin + piece_bytes - 1);
        if (end == std::string::npos) break;
        post_block(stream, text.substr(begin, end + 1 - begin));
        begin = end + 1;
    }
    if (begin < text.size()) post_block(stream, begin == 0 ? std::move(text) : text.substr(begin));
}

void Relay::post_block(Stream stream, std::string text) {
    auto add = [this, stream, text = std::move(text)]() mutable {
        capture_.drain();
        add_own(stream, std::move(text));
    };
    // At once where that is possible: what the rank prints next comes after it.
    if (agent_.is_main_thread())
        agent_.now(add);
    else
        agent_.post(std::move(add));
}

void Relay::add_own(Stream stream, std::string text) {
    Report report{.sequence = collector_.sequence()};
    report.blocks.push_back({.ranks = RankSet::single(world_.rank()),
                             .stream = stream,
                             .cell = cell_number_,
                             .text = std::move(text)});
    collector_.add(std::move(report), Clock::now(), world_.rank());
}

void Relay::tell_root(const Message& message) {
    if (world_.rank() == 0)
        on_told(Message(message));
    else
        agent_.send(0, message);
}

bool Relay::wait_until(const std::function<bool()>& done) {
    if (!agent_.work_until([&] { return done() || guard::breaking(); })) return false;
    if (!guard::breaking()) return true;
    guard::take_part();
    return false;
}

void Relay::deliver(Message&& message) {
    if (world_.rank() == 0)
        on_engine(0, std::move(message));
    else
        agent_.send(0, message);
}

bool Relay::task_is_next() const {
    return workbench_.waiting() &&
           (cells_.empty() || workbench_.comes_before(cells_.front().sequence));
}

bool Relay::has_next() const {
    return task_is_next() ? workbench_.ready(collector_.sequence())
                          : !cells_.empty() && !workbench_.sending();
}

void Relay::run_tasks() {
    flush_python();  // what is not the tasks'
    sentry_.begin_tasks();
    if (workbench_.tasks_are_long()) agent_.hand_over();
    workbench_.run(
        [this](const Work& work) { return run_in_python(work, [this] { return end_code(); }); });
    sentry_.end_tasks();
}

std::optional<Cell> Relay::next_cell() {
    if (!wait_until([this] { return has_next(); })) return std::nullopt;
    if (agent_.now([this] { return task_is_next(); })) {
        run_tasks();
        return std::nullopt;
    }
    return agent_.now([this] {
        Cell cell = std::move(cells_.front());
        cells_.pop_front();
        return cell;
    });
}

bool Relay::is_interrupted() {
    return agent_.now([this] { return sentry_.is_interrupted(); });
}

void Relay::leave() {
    while (!wait_until([this] { return agent_.ended(); })) {
    }
}

void Relay::leave_python(Interpreter& interpreter) {
    guard::begin_end();
    agent_.now([this] { sentry_.await_threads(); });
    interpreter.await_threads();
    if (guard::breaking()) guard::take_part();
    agent_.now([this] { sentry_.begin_exit(); });
    interpreter.run_exit_handlers();
    agent_.now([this] { sentry_.end_python(); });
}

void Relay::end_finalization(Outcome& outcome) {
    using Why = BrokenCell::Why;
    if (guard::breaking()) guard::take_part();
    const std::optional<BrokenCell> broken = sentry_.end_cell();
    if (!broken || (broken->why != Why::deadlock && broken->why != Why::mismatch)) return;
    outcome.failed = 1;
    outcome.status = std::max(outcome.status, 1);
    const char* name = broken->why == Why::deadlock ? "DeadlockError" : "MismatchError";
    write(Stream::error, fmt::format("mpirepl.{}: {}\n", name, broken->text));
}

std::optional<BrokenCell> Relay::end_code() {
    look_after_interrupt();
    if (guard::breaking()) {
        pybind11::gil_scoped_release release;
        guard::take_part();
    }
    return sentry_.end_cell();
}

void Relay::finish(Outcome outcome, const std::string& raised) {
    agent_.now([&] {
        sentry_.leave(raised);
        capture_.drain();
        if (interactive_) outcome.ended = RankSet::single(world_.rank());
        Report report{.sequence = collector_.sequence(), .outcome = std::move(outcome)};
        collector_.add(std::move(report), Clock::now(), world_.rank());
    });
}

void Relay::on_message(int source, Message&& message,
                       const std::shared_ptr<const std::string>& bytes) {
    std::visit(Overloaded{
                   [&](Cell&& cell) { start_cell(std::move(cell), bytes); },
                   [&](Report&& report) {
                       if (std::size_t size = text_bytes(report)) owed_[source] += size;
                       collector_.add(std::move(report), Clock::now(), source);
                   },
                   [&](Credit&& credit) { on_credit(credit.bytes); },
                   [&](Window&& window) {
                       pass_down(bytes);
                       set_window(window.bytes);
                   },
                   [&](StreamNow&& now) {
                       pass_down(bytes);
                       collector_.stream(now.sequence);
                   },
                   [&](CloseOutput&&) {
                       pass_down(bytes);
                       close_output();
                   },
                   [&](Leave&&) {
                       pass_down(bytes);
                       agent_.end();
                   },
                   [&](AskPicture&& question) {
                       pass_down(bytes);
                       sentry_.answer(question);
                   },
                   [&](BreakOff&& order) {
                       pass_down(bytes);
                       if (order.sequence == collector_.sequence()) collector_.expect_errors();
                       sentry_.break_off(std::move(order));
                   },
                   [&](Recover&&) {
                       pass_down(bytes);
                       sentry_.proceed();
                   },
                   [&](TaskBatch&& batch) { workbench_.take(std::move(batch)); },
                   [&](TaskControl&& control) { workbench_.obey(std::move(control)); },
                   [&](TaskResults&& results) { on_engine(source, std::move(results)); },
                   [&](TaskNote&& note) { on_engine(source, std::move(note)); },
                   [&](TaskReturn&& back) { on_engine(source, std::move(back)); },
                   [&](Answer&& answer) { asked_.take(std::move(answer)); },
                   [&](auto&& told) { on_told(std::forward<decltype(told)>(told)); },
               },
               std::move(message));
}

void Relay::pass_down(const std::shared_ptr<const std::string>& bytes) {
    for (int child : world_.down().children()) agent_.send(child, bytes);
}

void Relay::start_cell(Cell&& cell, const std::shared_ptr<const std::string>& bytes) {
    pass_down(bytes);
    RankSet ranks = cell.targets.within(world_.up().subtree());
    cell_number_ = cell.number;
    collector_.begin(cell.sequence, ranks, cell.fold, Clock::now());
    interactive_ = cell.interactive;
    if (interactive_ && window_ == widest_window) {
        set_window(Pace::first);
        if (world_.rank() != 0) leave_controlling_terminal();
    }
    bool mine = cell.targets.contains(world_.rank());
    sentry_.begin(cell, mine);
    if (mine) cells_.push_back(std::move(cell));
}

bool Relay::on_turn(Clock::time_point now) {
    capture_.tick(now);
    collector_.tick(now);
    bool full = !has_room_for(world_.rank());
    if (full != paused_) capture_.pause(paused_ = full);
    grant_credit();
    sentry_.tick(now);
    if (interactive_ && now >= next_unfinished_) tell_unfinished(now);
    const bool worked = workbench_.tick(now);
    if (take_warning()) show_what_is_held();
    if (const unsigned number = output_to_save()) save_output(number, now);
    return worked;
}

/// The more ranks there are, the rarer each one does.
void Relay::tell_unfinished(Clock::time_point now) {
    next_unfinished_ = now + std::max<Clock::duration>(100ms, world_.size() * 1ms);
    for (auto source : {Capture::out, Capture::err}) {
        std::string text = capture_.unfinished(source);
        if (text == unfinished_[source]) continue;
        unfinished_[source] = text;
        tell_root(Unfinished{
            .rank = world_.rank(), .to_stderr = source == Capture::err, .text = std::move(text)});
    }
}

/// Gives on what this rank has printed, and what it holds back until the cell ends.
void Relay::show_what_is_held() {
    capture_.drain();
    collector_.stream(collector_.sequence());
}

/// What can be saved: threads may go on printing.
void Relay::save_output(unsigned number, Clock::time_point now) {
    if (!saving_since_) saving_since_ = now;
    show_what_is_held();
    const bool prints_for_others = world_.rank() == 0 && world_.size() > 1;
    const bool prints_more = prints_for_others && now - *saving_since_ < others_time;
    const bool sent = backlog() == 0 && !agent_.sending() && has_arrived();
    const bool saved = sent && !prints_more;
    if (!saved && now - *saving_since_ <= save_limit) return;
    saving_since_.reset();
    output_is_saved(number);
}

void Relay::set_window(std::size_t bytes) {
    window_ = bytes;
    capture_.narrow(bytes);
}

bool Relay::has_room_for(int source) const {
    const std::size_t room =
        collector_.holding() ? std::max(window_, room_for_quick_cell) : window_;
    return outgoing() < window_ && collector_.held_bytes_from(source) < room;
}

void Relay::grant_credit() {
    for (auto owed = owed_.begin(); owed != owed_.end();) {
        auto [child, bytes] = *owed;
        if (!has_room_for(child)) {
            ++owed;
            continue;
        }
        agent_.send(child, Credit{.bytes = static_cast<std::uint32_t>(bytes)});
        owed = owed_.erase(owed);
    }
}

void Relay::on_failure(const std::string& what) {
    std::string line =
        fmt::format("mpirepl: rank {} on {} cannot go on, and ends the session: {}\n",
                    world_.rank(), world_.host(), what);
    [[maybe_unused]] ssize_t written = ::write(capture_.real_stderr(), line.data(), line.size());
    end_output_saving();
    PMPI_Abort(MPI_COMM_WORLD, 1);
    std::_Exit(1);
}

Uplink::Uplink(const World& world, Agent& agent, Capture& capture)
    : Relay(world, agent, capture), credit_(static_cast<long long>(window_)) {}

void Uplink::set_window(std::size_t bytes) {
    credit_ += static_cast<long long>(bytes) - static_cast<long long>(window_);
    Relay::set_window(bytes);
    send_queued();
}

/// A report of many ranks goes in parts: the window holds for text, but no report is torn.
void Uplink::give_on(Report&& report) {
    std::size_t bytes = 0;
    auto first = report.blocks.begin();
    for (auto next = first; next != report.blocks.end();) {
        bytes += next->text.size();
        if (++next == report.blocks.end() || bytes < piece_bytes) continue;
        queue({.sequence = report.sequence,
               .streaming = report.streaming,
               .blocks = {std::move_iterator(first), std::move_iterator(next)}});
        first = next;
        bytes = 0;
    }
    report.blocks.erase(report.blocks.begin(), first);
    queue(std::move(report));
    send_queued();
}

void Uplink::queue(Report&& report) {
    std::size_t bytes = text_bytes(report);
    queued_ += bytes;
    queue_.emplace_back(std::move(report), bytes);
}

void Uplink::on_credit(std::size_t bytes) {
    credit_ += static_cast<long long>(bytes);
    send_queued();
}

void Uplink::send_queued() {
    for (; credit_ > 0 && !queue_.empty(); queue_.pop_front()) {
        auto& [report, bytes] = queue_.front();
        agent_.send(world_.up().parent(), std::move(report));
        credit_ -= static_cast<long long>(bytes);
        queued_ -= bytes;
    }
    agent_.await_credit(!queue_.empty());
}

}  // namespace mpirepl
