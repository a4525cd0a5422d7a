#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "base/task.h"

namespace mpirepl {

/// Finds memory for results that engines have announced. Those of a gather are parts of one
/// sequence: they get one piece of memory, in which they lie one behind the other, so that nobody
/// has to copy them together. For that they must all be announced; when one of them has no memory,
/// or does not come soon, each gets memory of its own. Pure logic, for rank 0's agent.
class Gatherings {
  public:
    using Clock = std::chrono::steady_clock;

    /// A result, and where it shall be received.
    struct Result {
        int engine = 0;
        TaskEnd end;
        std::vector<Blob> blobs;
    };

    /// These tasks are a gather.
    void begin(std::uint64_t first, std::size_t count);
    /// A result that has memory.
    void add(int engine, TaskEnd&& end, Clock::time_point now);
    /// This task has ended; if its gather still waits for it, it does so in vain.
    void note_end(std::uint64_t id);
    /// Results whose memory can be received now.
    std::vector<Result> take(Clock::time_point now);

  private:
    struct Gathering {
        std::size_t count = 0;
        std::map<std::uint64_t, Result> announced;  ///< by task
    };
    using Waiting = std::map<std::uint64_t, Gathering>;

    Waiting::iterator find(std::uint64_t id);

    Waiting waiting_;  ///< by first task
    std::deque<std::pair<Clock::time_point, std::uint64_t>>
        begun_;  ///< since when one is announced
    std::vector<Result> ready_;
};

}  // namespace mpirepl
