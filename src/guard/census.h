#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/picture.h"

namespace mpirepl::guard {

/// The pictures of all ranks, to be looked up by rank and by communicator. Refers to them, so they
/// must outlive it.
class Census {
  public:
    explicit Census(const std::vector<Picture>& pictures);

    const RankSet& ranks() const { return ranks_; }
    const RankSet& waiting() const { return waiting_; }
    /// Those whose main thread has not left the cell.
    const RankSet& waiting_in_cell() const { return waiting_in_cell_; }
    /// Null if there is none of that rank.
    const Picture* picture(int rank) const;
    /// Null if no picture tells of it.
    const CommunicatorInfo* communicator(std::uint64_t id) const;
    /// The members of the communicator that have not begun the needed arrival or collective.
    const RankSet& behind(const Need& need);
    /// Which ranks have called what as the needed collective; one that lies far back is not known.
    std::map<std::string, RankSet> callers(const Need& need) const;

  private:
    RankSet find_behind(const Need& need) const;

    RankSet ranks_;
    RankSet waiting_;
    RankSet waiting_in_cell_;
    std::unordered_map<int, const Picture*> pictures_;
    std::unordered_map<std::uint64_t, const CommunicatorInfo*> communicators_;
    // All members ask the same when all wait in one collective.
    std::map<std::tuple<Need::Kind, std::uint64_t, std::uint64_t, int>, RankSet> behind_;
};

}  // namespace mpirepl::guard
