#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "guard/context.h"
#include "guard/patience.h"

namespace mpirepl::guard {

/// One round of an arrival: a message to one rank of a shadow and one from another.
/// @param number of the arrival; 0: not of all ranks
/// @param known the least and the greatest signature; takes in those that come
/// @return false when the wait was broken off
bool pass_round(Context& context, Link& link, Patience& patience, std::uint64_t number,
                std::array<std::uint64_t, 2>& known);

/// The ranks of a communicator have called different collectives: from now on calls fail, until
/// the cell ends.
void note_mismatch(const char* call, const std::string& comm, const std::string& text);

}  // namespace mpirepl::guard
