#pragma once

#include <string>
#include <vector>

namespace mpirepl {

/// A set of ranks, kept as disjoint ascending ranges so that "all of 100,000 ranks" costs two
/// integers in memory and on the wire. A value type: copy it, compare it, use it on any thread.
class RankSet {
  public:
    struct Range {
        int first;
        int last;  // inclusive
        bool operator==(const Range&) const = default;
    };

    RankSet() = default;
    static RankSet single(int rank) { return range(rank, rank); }
    /// The ranks from `first` to `last`, both included; empty when last < first.
    static RankSet range(int first, int last);
    static RankSet all(int size) { return range(0, size - 1); }

    bool empty() const { return ranges_.empty(); }
    int count() const;
    /// The lowest rank; the set must not be empty.
    int first() const { return ranges_.front().first; }
    bool contains(int rank) const;
    bool intersects(const RankSet& other) const;
    bool includes(const RankSet& other) const;

    void insert(const RankSet& other);
    void remove(const RankSet& other);
    /// The ranks that are in both.
    RankSet within(const RankSet& other) const;

    const std::vector<Range>& ranges() const { return ranges_; }
    std::vector<int> ranks() const;
    /// As printed in prefixes and understood by parse_targets: "0-2,5".
    std::string to_string() const;

    bool operator==(const RankSet&) const = default;

  private:
    std::vector<Range> ranges_;
};

}  // namespace mpirepl
