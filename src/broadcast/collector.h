#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broadcast/fold.h"
#include "broadcast/messages.h"

namespace mpirepl {

/// One node of the answer tree: takes the reports of its own rank and of its children and gives
/// them on together. As long as a cell is quick everything is held back, and goes on in one
/// report with equal blocks folded; after that, and between cells, output streams.
/// Entirely passive, for the agent's thread: the owner calls tick() every few milliseconds.
class Collector {
  public:
    using Clock = std::chrono::steady_clock;
    using Emit = std::function<void(Report&&)>;

    Collector(Fold::Waits waits, Emit emit) : fold_(waits), emit_(std::move(emit)) {}

    /// A cell begins, which `ranks` of this node's subtree run.
    void begin(std::uint32_t sequence, const RankSet& ranks, bool folding, Clock::time_point now);
    /// A report of a cell that has not begun here yet is kept until it does: cells and reports
    /// take different ways, so a quick child may be ahead.
    /// @param source the child that has sent it, or this rank
    void add(Report&& report, Clock::time_point now, int source);
    /// Holds nothing of that cell back any longer.
    void stream(std::uint32_t sequence);
    void tick(Clock::time_point now);
    /// Many ranks are about to raise the same, at uneven speed.
    void expect_errors() { fold_.expect_errors(); }

    /// Bytes of text that wait here.
    std::size_t held_bytes() const { return fold_.bytes(); }
    std::size_t held_bytes_from(int source) const { return fold_.bytes_from(source); }
    bool running() const { return outcome_.ranks < static_cast<std::uint32_t>(ranks_.count()); }
    bool holding() const { return holding_; }
    std::uint32_t sequence() const { return sequence_; }
    /// Of the current cell, as far as it is known.
    const Outcome& outcome() const { return outcome_; }

  private:
    void give_on(std::vector<Block>&& blocks);

    Fold fold_;
    Emit emit_;
    std::uint32_t sequence_ = 0;
    std::vector<std::pair<Report, int>> early_;  ///< of cells that have not begun here
    RankSet ranks_;
    bool folding_ = false;
    bool holding_ = false;
    std::unordered_map<int, std::size_t> printed_;  ///< bytes in this cell, by a block's first rank
    Clock::time_point begun_;
    Outcome outcome_;
    Outcome unreported_;  ///< the part of it that has not been given on
};

}  // namespace mpirepl
