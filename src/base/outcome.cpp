#include "base/outcome.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace mpirepl {

void Timing::merge(const Timing& other) {
    if (other.ranks == 0) return;
    if (ranks == 0) {
        *this = other;
        return;
    }
    if (other.least < least) std::tie(least, least_rank) = std::pair(other.least, other.least_rank);
    if (other.most > most) std::tie(most, most_rank) = std::pair(other.most, other.most_rank);
    sum += other.sum;
    ranks += other.ranks;
}

void Outcome::merge(const Outcome& other) {
    ranks += other.ranks;
    ended.insert(other.ended);
    failed += other.failed;
    exited += other.exited;
    status = std::max(status, other.status);
    if (timings.size() < other.timings.size()) timings.resize(other.timings.size());
    for (std::size_t i = 0; i < other.timings.size(); ++i) timings[i].merge(other.timings[i]);
    profiles.insert(profiles.end(), other.profiles.begin(), other.profiles.end());
}

}  // namespace mpirepl
