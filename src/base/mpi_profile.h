#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace mpirepl {

/// What a cell has spent in MPI on one rank; times in seconds.
struct MpiProfile {
    std::int32_t rank = 0;
    std::uint64_t calls = 0;
    std::uint64_t bytes = 0;                                       ///< sent, also by collectives
    double elapsed = 0;                                            ///< the cell as a whole
    double in_mpi = 0;                                             ///< of it in calls
    double waiting = 0;                                            ///< of that for other ranks
    std::vector<std::pair<std::int32_t, std::uint64_t>> bytes_to;  ///< by world rank: messages only
    bool operator==(const MpiProfile&) const = default;
};

}  // namespace mpirepl
