#include "base/rank_set.h"

#include <algorithm>
#include <iterator>

namespace mpirepl {

RankSet RankSet::range(int first, int last) {
    RankSet set;
    if (first <= last) set.ranges_.push_back({first, last});
    return set;
}

int RankSet::count() const {
    int count = 0;
    for (const Range& range : ranges_) count += range.last - range.first + 1;
    return count;
}

bool RankSet::contains(int rank) const {
    auto after = std::ranges::upper_bound(ranges_, rank, {}, &Range::first);
    return after != ranges_.begin() && std::prev(after)->last >= rank;
}

bool RankSet::intersects(const RankSet& other) const {
    auto a = ranges_.begin();
    auto b = other.ranges_.begin();
    while (a != ranges_.end() && b != other.ranges_.end()) {
        if (a->last < b->first) {
            ++a;
        } else if (b->last < a->first) {
            ++b;
        } else {
            return true;
        }
    }
    return false;
}

bool RankSet::includes(const RankSet& other) const {
    RankSet rest = other;
    rest.remove(*this);
    return rest.empty();
}

void RankSet::insert(const RankSet& other) {
    if (other.empty()) return;
    if (ranges_.empty() || other.first() > ranges_.back().last + 1) {  // ascending: no merge
        ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
        return;
    }
    std::vector<Range> sorted;
    sorted.reserve(ranges_.size() + other.ranges_.size());
    std::ranges::merge(ranges_, other.ranges_, std::back_inserter(sorted), {}, &Range::first,
                       &Range::first);
    ranges_.clear();
    for (const Range& range : sorted) {
        if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
            ranges_.back().last = std::max(ranges_.back().last, range.last);
        } else {
            ranges_.push_back(range);
        }
    }
}

void RankSet::remove(const RankSet& other) {
    std::vector<Range> left;
    for (Range range : ranges_) {
        for (const Range& hole : other.ranges_) {
            if (hole.last < range.first || hole.first > range.last) continue;
            if (range.first < hole.first) left.push_back({range.first, hole.first - 1});
            range.first = hole.last + 1;
        }
        if (range.first <= range.last) left.push_back(range);
    }
    ranges_ = std::move(left);
}

RankSet RankSet::within(const RankSet& other) const {
    RankSet outside = *this;
    outside.remove(other);
    RankSet inside = *this;
    inside.remove(outside);
    return inside;
}

std::vector<int> RankSet::ranks() const {
    std::vector<int> ranks;
    for (const Range& range : ranges_)
        for (int rank = range.first; rank <= range.last; ++rank) ranks.push_back(rank);
    return ranks;
}

std::string RankSet::to_string() const {
    std::string text;
    for (const Range& range : ranges_) {
        if (!text.empty()) text += ',';
        text += std::to_string(range.first);
        if (range.last > range.first) text += '-' + std::to_string(range.last);
    }
    return text;
}

}  // namespace mpirepl
