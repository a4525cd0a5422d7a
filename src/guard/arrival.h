#pragma once

#include <cstdint>
#include <string>

#include "guard/call.h"
#include "guard/context.h"
#include "guard/patience.h"

namespace mpirepl::guard {

/// What ranks tell each other when they arrive: the least and the greatest signature that they know
/// of, the sum of their balances (exchange.h), and in a small broadcast the data. A message of it
/// may end before that.
struct Word {
    std::uint64_t least = 0;
    std::uint64_t greatest = 0;
    std::uint64_t balance = 0;
    SmallData data;

    static constexpr int signatures = 3 * sizeof(std::uint64_t);
};

/// One round of an arrival: a message to one rank of a shadow and one from another.
/// @param number of the arrival; 0: not of all ranks
/// @param known takes in what comes
/// @param bytes of it, that are sent
/// @return false when the wait was broken off
bool pass_round(Context& context, Link& link, Patience& patience, std::uint64_t number, Word& known,
                int bytes = Word::signatures);

/// A call with all in which its callers must agree: "MPI_Ireduce with root 0, MPI_SUM, 8 bytes".
std::string in_full(const Started& started);

/// The ranks of a communicator have called different collectives: from now on calls fail, until
/// the cell ends.
void note_mismatch(const char* call, const std::string& comm, const std::string& text);

}  // namespace mpirepl::guard
