#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broadcast/messages.h"
#include "console/printer.h"

namespace mpirepl {

/// What stands below the output while a cell runs: lines that ranks have begun, and after a while
/// who is still running. The display owns it; for the agent's thread.
class Status {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Status(const Printer& printer) : printer_(printer) {}

    void begin(const Cell& cell, Clock::time_point now);
    void end() { unfinished_.clear(); }
    void note(Unfinished&& line);
    /// The lines may have changed since they were asked for.
    bool is_due(Clock::time_point now) const { return now >= next_; }
    /// @param ended the ranks that are done
    std::vector<std::string> lines(Clock::time_point now, const RankSet& ended);

  private:
    std::string progress(Clock::time_point now, const RankSet& ended) const;

    const Printer& printer_;
    std::uint32_t cell_ = 0;
    RankSet targets_;
    Clock::time_point begun_{};
    Clock::time_point next_{};
    std::map<std::pair<bool, int>, std::string> unfinished_;  ///< by stream and rank
};

}  // namespace mpirepl
