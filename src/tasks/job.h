#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/blob.h"
#include "base/rank_set.h"
#include "base/task.h"

namespace mpirepl {

/// Tasks that must have ended before another may begin.
struct Dependency {
    std::vector<std::uint64_t> ids;
    bool all = true;  ///< else one of them is enough
    bool success = true;
    bool failure = false;  ///< which of the two ends count
};

/// What the balanced tasks of one submission have in common.
struct Placement {
    RankSet engines;
    Dependency after;
    Dependency follow;  ///< and where they have run, this one must
    int retries = 0;
    double timeout = 0;  ///< seconds until it must have begun; 0: any
    // Measured:
    int ended = 0;
    double seconds = 0;  ///< that one takes
};

/// A task that has not ended, as rank 0 keeps it.
struct Job {
    using Clock = std::chrono::steady_clock;

    Task task;
    std::shared_ptr<const std::string> function;
    std::vector<Blob> blobs;
    std::shared_ptr<Placement> placement;  ///< none: it must run on `engine`
    int engine = -1;
    bool sent = false;
    bool gathered = false;  ///< with all of its submission, see Gatherings
    RankSet refused;        ///< engines on which it has failed, or cannot run
    int retries = 0;
    Clock::time_point deadline = Clock::time_point::max();
};

}  // namespace mpirepl
