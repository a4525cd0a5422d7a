#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cell.h"
#include "base/rank_set.h"
#include "broadcast/messages.h"

namespace mpirepl {

/// Rank 0 watches the running cell: it asks all ranks what they do when it has nothing to do
/// itself, finds deadlocks, and leads what follows. The display owns it; for the agent's thread.
///
/// A first census that shows nobody computing is followed by a second one, the grace later. A rank
/// that computes says itself when it no longer does, so a long computation costs no messages.
class Watch {
  public:
    using Clock = std::chrono::steady_clock;
    using Tell = std::function<void(const Message&)>;
    using Say = std::function<void(const std::string& lines, bool to_stderr)>;

    /// @param tell sends a message to all ranks, this one included
    /// @param say prints whole lines
    /// @param quiet whether rank 0 itself does not compute
    /// @param busy the ranks that have tasks of views
    /// @param asking the ranks that wait for the user's answer
    Watch(int size, Tell tell, Say say, std::function<bool()> quiet, std::function<RankSet()> busy,
          std::function<RankSet()> asking)
        : size_(size),
          tell_(std::move(tell)),
          say_(std::move(say)),
          quiet_(std::move(quiet)),
          busy_with_tasks_(std::move(busy)),
          asking_(std::move(asking)) {}

    void begin(const Cell& cell, bool guarded, Clock::time_point now);
    /// The cell has ended everywhere.
    void end() { phase_ = Phase::off; }
    void tick(Clock::time_point now);
    void take(Picture&& picture);
    void note_quiet(const Quiet& quiet);
    void note_parked(const Parked& parked);
    /// Ctrl-C, while a cell runs.
    void interrupt();
    /// Has %where printed.
    void show_where() { where_is_wanted_ = true; }

  private:
    enum class Phase { off, resting, asking, waiting_for_quiet, breaking, recovering };

    void ask(bool stacks);
    void judge();
    void name_stragglers();
    bool tasks_go_on() const;
    void break_off(BreakOff&& order);
    void recover();
    void go_on();
    bool is_breaking() const { return phase_ == Phase::breaking || phase_ == Phase::recovering; }
    void rest(Clock::duration time);

    int size_;
    Tell tell_;
    Say say_;
    std::function<bool()> quiet_;
    std::function<RankSet()> busy_with_tasks_;
    std::function<RankSet()> asking_;
    bool breaks_tasks_off_ = false;
    Phase phase_ = Phase::off;
    bool guarded_ = false;
    bool where_is_wanted_ = false;
    bool asks_for_where_ = false;
    bool asks_for_stragglers_ = false;
    bool interrupts_again_ = false;  ///< when all have recovered
    std::uint32_t sequence_ = 0;
    std::uint32_t census_ = 0;
    Clock::duration grace_{};
    Clock::duration pause_{};  ///< grows while ranks compute beside their main threads
    Clock::time_point next_;
    std::optional<Clock::time_point> stragglers_at_;  ///< when to name who still runs
    RankSet busy_;
    RankSet parked_;
    RankSet recovered_;
    std::vector<Picture> pictures_;   ///< of the census that is going on
    std::vector<Picture> candidate_;  ///< an earlier one in which nobody computed
};

}  // namespace mpirepl
