#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/mpi_profile.h"

/// What the calls of a cell take, for %%mpiprof.
namespace mpirepl::guard {

inline std::atomic<bool> profiling_is_on = false;
/// Whether calls are to be noted; asked in every one.
inline bool profiling() { return profiling_is_on.load(std::memory_order_relaxed); }
void begin_profile();
/// For the main thread: what has been noted since then.
MpiProfile end_profile();

// For calls, on any thread:
void profile_call(std::chrono::steady_clock::duration time);
void profile_waiting(std::chrono::steady_clock::duration time);
/// @param destination a world rank, or any_rank
void profile_bytes(std::int64_t bytes, int destination);

}  // namespace mpirepl::guard
