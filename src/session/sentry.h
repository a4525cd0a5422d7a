#pragma once

#include <pthread.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/broken_cell.h"
#include "base/python_thread.h"
#include "broadcast/agent.h"
#include "broadcast/messages.h"
#include "guard/guard.h"

namespace mpirepl {

/// This rank's part in noticing deadlocks and breaking them off: it tells rank 0 (whose watch.h
/// decides) what its threads do, and has its main thread interrupted. The relay owns it, the main
/// thread makes it.
class Sentry {
  public:
    using Clock = std::chrono::steady_clock;
    using Tell = std::function<void(const Message&)>;

    /// @param tell sends a message to rank 0
    Sentry(int rank, Agent& agent, Tell tell)
        : rank_(rank), agent_(agent), tell_(std::move(tell)) {}

    // As part of a turn:
    /// A cell begins; this rank runs it, or not.
    void begin(const Cell& cell, bool mine);
    /// The main thread waits for tasks of views, on rank 0; or does so no longer.
    void await_tasks(bool waits) { awaits_tasks_ = waits; }
    bool awaits_tasks() const { return awaits_tasks_; }
    /// This rank has run its part, which has raised that, if anything.
    void leave(const std::string& raised);
    void answer(const AskPicture& question);
    void break_off(BreakOff&& order);
    bool is_interrupted() const;
    void proceed();
    void tick(Clock::time_point now);
    /// The rank does nothing that could go on by itself, as far as the main thread shows.
    bool is_quiet() const {
        return phase_ != Phase::running || awaits_tasks_ || guard::main_waits();
    }

    // For the main thread, without the GIL:
    /// Runs tasks of views: for the guard they are part of the cell that runs elsewhere, or here.
    void begin_tasks();
    void end_tasks();
    /// Python waits for its threads before it ends: whether this rank waits is up to them.
    void await_threads();
    /// They have ended; what atexit calls now counts as the cell did.
    void begin_exit();
    /// Python ends: nothing can be asked of it any more, and destructors may wait.
    void end_python();
    /// Ends the cell for the guard, and says whether it was broken off.
    std::optional<BrokenCell> end_cell();

  private:
    enum class Phase { not_mine, running, left };

    /// Code of the cell, or of threads for which Python waits at its end.
    bool runs() const { return phase_ == Phase::running || awaits_threads_; }

    void complete(guard::Look& look, const std::vector<PythonThread>& threads) const;
    void send(const AskPicture& question, Picture&& picture);
    /// Of code that goes on although the cell has been broken off.
    void raise_again();
    Picture::State state_of(const guard::Look& look) const;

    int rank_;
    Agent& agent_;
    Tell tell_;
    Phase phase_ = Phase::not_mine;
    Phase after_tasks_ = Phase::not_mine;
    bool in_tasks_ = false;
    bool awaits_tasks_ = false;
    bool recovers_ = false;
    bool has_python_ = true;  ///< false while Python is being ended
    std::uint32_t sequence_ = 0;
    bool guarded_ = true;
    std::string raised_;
    std::optional<AskPicture> unanswered_;  ///< until the GIL could be had
    Clock::time_point asked_;
    std::optional<std::uint32_t> owes_quiet_;  ///< for that census
    Clock::time_point parked_since_;
    bool told_parked_ = false;
    bool broken_ = false;  ///< in this cell
    bool awaits_threads_ = false;
    std::optional<BreakOff> order_;
    Clock::time_point next_raise_;
    Clock::duration wake_wait_ = Clock::duration::max();  ///< until the main thread is woken again
    Clock::time_point next_wake_;
};

}  // namespace mpirepl
