#pragma once

#include <map>
#include <string>

#include "guard/census.h"

/// How the reports of the guard word things.
namespace mpirepl::guard {

/// "rank 2", "ranks 0-2,5"
std::string named(const RankSet& ranks);

/// "MPI_Recv from 3, tag 5 on MPI_COMM_WORLD, psum.py:6 in psum"
std::string described(const Wait& wait, const Census& census);

/// "rank 0 calls MPI_Barrier, ranks 1-2 call MPI_Bcast", from a map of calls to their ranks.
std::string callers_in_words(const std::map<std::string, RankSet>& callers);

/// What keeps these ranks from coming: "rank 2 has left the cell (ZeroDivisionError)". All are in
/// the state of `picture`, and none waits.
std::string excused(const RankSet& ranks, const Picture& picture);

}  // namespace mpirepl::guard
