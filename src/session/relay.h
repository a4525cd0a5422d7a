#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cell.h"
#include "broadcast/agent.h"
#include "broadcast/collector.h"
#include "embed/capture.h"
#include "session/questions.h"
#include "session/sentry.h"
#include "session/workbench.h"

namespace mpirepl {

class Interpreter;

/// What a rank does besides running Python, as the listener of its agent: passes cells down the
/// tree and to this rank's main thread, gathers what this rank and those below it print, and gives
/// it on. Where to is up to the two derived classes: Uplink (to the parent) and Display (rank 0's
/// printer).
///
/// Flow control: a rank may send its parent a window of text; what the parent has got rid of, it
/// gives back as credit. Of each child, and of this rank's own Python, no more than a window waits
/// here: those that are ahead wait for those with which they are folded, in the end in their write.
class Relay : public AgentListener {
  public:
    using Clock = Collector::Clock;

    Relay(const World& world, Agent& agent, Capture& capture);

    void start() { agent_.start(*this); }
    // For any thread:
    /// A block that this rank has written to `stream`, after all that it has printed before.
    void write(Stream stream, std::string text);

    /// Descriptors 1 and 2 as they were before the session.
    std::pair<int, int> real_output() const {
        return {capture_.real_stdout(), capture_.real_stderr()};
    }

    /// The questions of this rank to the user; what it has printed comes before them.
    AskedHere& asked() { return asked_; }

    // For the main thread:
    /// The next cell to run here; none when a signal came in, a cell of other ranks was broken off,
    /// or tasks had to run before it, which it has done.
    std::optional<Cell> next_cell();
    /// Ctrl-C has come for the cell that runs here now, or is about to.
    bool is_interrupted();
    /// The code of the current cell has ended here: takes part in a break that is under way. The
    /// caller holds the GIL.
    std::optional<BrokenCell> end_code();
    /// Does what Python does before its end: it waits for threads, which count alone from now on,
    /// and calls what atexit knows.
    void leave_python(Interpreter& interpreter);
    /// The end_code() of what atexit has called, and of Python's end: what has failed so counts.
    void end_finalization(Outcome& outcome);
    /// This rank has run its part of the current cell, which has raised that, if anything.
    void finish(Outcome outcome, const std::string& raised);
    /// Waits until all ranks have ended their Python, and the answers have gone on.
    void leave();

    Workbench& workbench() { return workbench_; }

    void on_message(int source, Message&& message,
                    const std::shared_ptr<const std::string>& bytes) override;
    bool on_turn(Clock::time_point now) override;
    void on_failure(const std::string& what) override;

  protected:
    /// For the main thread: does the agent's work until something is so, and its part of a break.
    /// @return false when a signal or a break came first
    bool wait_until(const std::function<bool()>& done);
    /// Text has been gathered here and may go on.
    virtual void give_on(Report&& report) = 0;
    /// Bytes of text that have left the collector, but not this rank.
    virtual std::size_t outgoing() const = 0;
    /// So much text may wait here from now on, and be on the way to the parent.
    virtual void set_window(std::size_t bytes);
    virtual void on_credit(std::size_t /*bytes*/) {}
    /// The parent has all that was sent to it.
    virtual bool has_arrived() const { return true; }
    /// Ctrl-C that has come so far is for the cell that is running, on rank 0.
    virtual void look_after_interrupt() {}
    /// What single ranks say to rank 0, on rank 0.
    virtual void on_told(Message&& /*message*/) {}
    /// What an engine says of its tasks, on rank 0.
    virtual void on_engine(int /*engine*/, Message&& /*message*/) {}
    /// Runs tasks of this rank's workbench.
    void run_tasks();

    std::size_t backlog() const { return collector_.held_bytes() + outgoing(); }
    void pass_down(const std::shared_ptr<const std::string>& bytes);
    void start_cell(Cell&& cell, const std::shared_ptr<const std::string>& bytes);
    void close_output() { capture_.close_output(); }

    const World& world_;
    Capture& capture_;
    std::size_t window_;
    Agent& agent_;
    Collector collector_;
    Sentry sentry_;
    AskedHere asked_;
    Workbench workbench_;

  private:
    bool task_is_next() const;
    bool has_next() const;
    void deliver(Message&& message);
    void tell_root(const Message& message);
    void post_block(Stream stream, std::string text);
    void add_own(Stream stream, std::string text);
    bool has_room_for(int source) const;
    void grant_credit();
    void show_what_is_held();
    void save_output(unsigned number, Clock::time_point now);
    void tell_unfinished(Clock::time_point now);

    std::deque<Cell> cells_;

    std::map<int, std::size_t> owed_;  // bytes of text, by child
    std::uint32_t cell_number_ = 0;
    bool interactive_ = false;  ///< a user sees unfinished lines too
    std::array<std::string, 2> unfinished_;
    Clock::time_point next_unfinished_{};
    std::optional<Clock::time_point> saving_since_;
    bool paused_ = false;
};

/// Every rank but 0: what has been gathered goes to the parent.
class Uplink : public Relay {
  public:
    Uplink(const World& world, Agent& agent, Capture& capture);

  private:
    void give_on(Report&& report) override;
    std::size_t outgoing() const override { return queued_; }
    void on_credit(std::size_t bytes) override;
    bool has_arrived() const override { return credit_ >= static_cast<long long>(window_); }
    void set_window(std::size_t bytes) override;
    void queue(Report&& report);
    void send_queued();

    std::deque<std::pair<Report, std::size_t>> queue_;  // with the bytes of its text
    std::size_t queued_ = 0;
    long long credit_;  ///< so much more may be sent; below 0 until enough has come back
};

}  // namespace mpirepl
