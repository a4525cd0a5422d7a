#include "guard/tally.h"

#include "base/picture.h"

namespace mpirepl::guard {

std::uint64_t Tally::matching(int wanted_peer, int wanted_bucket) const {
    std::uint64_t messages = 0;
    for (auto [key, count] : counts_)
        if ((wanted_peer == any_rank || peer(key) == wanted_peer) &&
            (wanted_bucket == any_tag || bucket(key) == wanted_bucket))
            messages += count;
    return messages;
}

}  // namespace mpirepl::guard
