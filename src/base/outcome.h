#pragma once

#include <cstdint>
#include <vector>

#include "base/mpi_profile.h"
#include "base/rank_set.h"

namespace mpirepl {

/// How long something took on each of several ranks, in seconds.
struct Timing {
    double least = 0;
    double most = 0;
    double sum = 0;
    std::int32_t least_rank = 0;
    std::int32_t most_rank = 0;
    std::uint32_t ranks = 0;
    void merge(const Timing& other);
    bool operator==(const Timing&) const = default;
};

/// How a cell ended on `ranks` ranks together.
struct Outcome {
    std::uint32_t ranks = 0;
    RankSet ended;             ///< which these are, in sessions at a terminal
    std::uint32_t failed = 0;  ///< raised something other than SystemExit
    std::uint32_t exited = 0;  ///< raised SystemExit
    std::int32_t status = 0;   ///< the highest exit status among them
    std::vector<Timing> timings;
    std::vector<MpiProfile> profiles;  ///< of %%mpiprof, one for each rank
    void merge(const Outcome& other);
    bool operator==(const Outcome&) const = default;
};

}  // namespace mpirepl
