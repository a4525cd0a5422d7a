#include "guard/profile.h"

#include <mpi.h>

#include <map>
#include <mutex>

namespace mpirepl::guard {
namespace {

using Clock = std::chrono::steady_clock;

struct Notes {
    std::mutex mutex;
    MpiProfile profile;
    std::map<int, std::uint64_t> bytes_to;
    Clock::time_point begun;
};

Notes& notes() {
    static Notes the;
    return the;
}

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

void begin_profile() {
    std::scoped_lock lock(notes().mutex);
    notes().profile = {};
    notes().bytes_to.clear();
    notes().begun = Clock::now();
    profiling_is_on = true;
}

MpiProfile end_profile() {
    profiling_is_on = false;
    std::scoped_lock lock(notes().mutex);
    MpiProfile profile = notes().profile;
    PMPI_Comm_rank(MPI_COMM_WORLD, &profile.rank);
    profile.elapsed = seconds(Clock::now() - notes().begun);
    for (auto [rank, bytes] : notes().bytes_to) profile.bytes_to.emplace_back(rank, bytes);
    return profile;
}

void profile_call(Clock::duration time) {
    std::scoped_lock lock(notes().mutex);
    ++notes().profile.calls;
    notes().profile.in_mpi += seconds(time);
}

void profile_waiting(Clock::duration time) {
    std::scoped_lock lock(notes().mutex);
    notes().profile.waiting += seconds(time);
}

void profile_bytes(std::int64_t bytes, int destination) {
    std::scoped_lock lock(notes().mutex);
    notes().profile.bytes += static_cast<std::uint64_t>(bytes);
    if (destination >= 0) notes().bytes_to[destination] += static_cast<std::uint64_t>(bytes);
}

}  // namespace mpirepl::guard
