#pragma once

namespace mpirepl::guard {

/// Makes the communicators of a cell that was broken off usable again: ends its receives, drops
/// messages that nobody will receive until no send is open, and renews what the cell has used.
/// Collective over all ranks, on their main threads, which are parked in a call or have left the
/// cell. Afterwards calls fail at once until the cell ends.
void recover();

}  // namespace mpirepl::guard
