#include "broadcast/fold.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace mpirepl {
namespace {

constexpr auto expected_errors = std::chrono::seconds(1);
constexpr std::size_t bulk_bytes = 32 * 1024;

bool is_large(const Block& block) { return block.text.size() >= bulk_bytes; }

bool is_running_text(const Block& block) {
    return block.stream == Stream::standard_output || block.stream == Stream::standard_error;
}

bool goes_to_output(Stream stream) {
    return stream == Stream::standard_output || stream == Stream::value || stream == Stream::report;
}

bool same_place(const Block& a, const Block& b) { return a.stream == b.stream && a.cell == b.cell; }

/// The bytes of the whole lines with which both texts begin.
std::size_t common_lines(std::string_view a, std::string_view b) {
    std::size_t shorter = std::min(a.size(), b.size());
    std::size_t equal = static_cast<std::size_t>(
        std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(shorter), b.begin())
            .first -
        a.begin());
    if (equal == shorter) return equal;
    std::size_t newline = a.substr(0, equal).rfind('\n');
    return newline == std::string_view::npos ? 0 : newline + 1;
}

/// How much of `a` and `b` may be printed as one.
std::size_t agreement(const Block& a, const Block& b) {
    if (!is_running_text(a)) return a.text == b.text ? a.text.size() : 0;
    std::size_t common = common_lines(a.text, b.text);
    bool one_goes_on = common == std::min(a.text.size(), b.text.size());
    return one_goes_on || (is_large(a) && is_large(b)) ? common : 0;
}

/// Behind this place there is nothing with which a block must keep its order.
bool is_free_behind(const std::vector<Block>& blocks, std::size_t index, const Block& block) {
    return std::none_of(blocks.begin() + static_cast<std::ptrdiff_t>(index) + 1, blocks.end(),
                        [&](const Block& later) {
                            return goes_to_output(later.stream) == goes_to_output(block.stream) &&
                                   later.ranks.intersects(block.ranks);
                        });
}

}  // namespace

void Fold::add(Block&& block, bool foldable, Clock::time_point now, int source) {
    bytes_from_[source] += block.text.size();
    if (is_large(block)) bulky_.insert(block.ranks);
    bool output = goes_to_output(block.stream);
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
        Block& last = entry->block;
        if (goes_to_output(last.stream) != output || !last.ranks.intersects(block.ranks)) continue;
        bool mergeable = last.ranks == block.ranks && same_place(last, block) &&
                         last.settled == block.settled && entry->foldable == foldable &&
                         last.stream != Stream::error && last.stream != Stream::value;
        if (!mergeable) break;
        last.text += block.text;
        return;
    }
    entries_.push_back({std::move(block), foldable, now, source});
}

std::size_t Fold::bytes() const {
    std::size_t sum = 0;
    for (auto [source, bytes] : bytes_from_) sum += bytes;
    return sum;
}

std::size_t Fold::bytes_from(int source) const {
    auto found = bytes_from_.find(source);
    return found == bytes_from_.end() ? 0 : found->second;
}

/// What comes in pieces stays bulk when a small piece of it is left: it would lose its equals else.
bool Fold::is_bulk(const Block& block) const {
    return is_large(block) || (is_running_text(block) && bulky_.intersects(block.ranks));
}

Fold::Clock::duration Fold::wait(const Entry& entry) const {
    const Block& block = entry.block;
    if (!entry.foldable || block.settled) return {};
    if (block.stream == Stream::error) return errors_expected_ ? expected_errors : waits_.error;
    if (!is_bulk(block)) return waits_.output;
    return absent_.includes(block.ranks) ? Clock::duration{} : waits_.bulk;
}

/// Nothing that must be printed before it waits in front of it.
bool Fold::is_head(std::size_t index) const {
    const Block& block = entries_[index].block;
    return std::none_of(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(index),
                        [&](const Entry& earlier) {
                            return goes_to_output(earlier.block.stream) ==
                                       goes_to_output(block.stream) &&
                                   earlier.block.ranks.intersects(block.ranks);
                        });
}

/// Of all who are waited for there is something that may equal this; to compare it would take long.
bool Fold::all_have_some(const Block& block, const RankSet& everybody) const {
    RankSet ranks = absent_;
    for (const Entry& entry : entries_) {
        if (entry.foldable && same_place(entry.block, block)) ranks.insert(entry.block.ranks);
    }
    return ranks.includes(everybody);
}

Fold::Joined Fold::join(std::size_t index) const {
    const Entry& first = entries_[index];
    Joined joined{{index}, first.block.ranks, first.block.text.size()};
    if (!first.foldable) return joined;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const Entry& other = entries_[i];
        if (i == index || !other.foldable || !same_place(first.block, other.block)) continue;
        std::size_t length = agreement(first.block, other.block);
        if (length == 0 || !is_head(i)) continue;
        joined.entries.push_back(i);
        joined.ranks.insert(other.block.ranks);
        joined.length = std::min(joined.length, length);
    }
    std::ranges::sort(joined.entries);
    return joined;
}

Block Fold::take(const Joined& joined) {
    Block whole;
    for (auto i = joined.entries.rbegin(); i != joined.entries.rend(); ++i) {
        Block& part = entries_[*i].block;
        bytes_from_[entries_[*i].source] -= joined.length;
        whole.stream = part.stream;
        whole.cell = part.cell;
        if (part.text.size() > joined.length) {
            whole.text = part.text.substr(0, joined.length);
            part.text.erase(0, joined.length);
        } else {
            whole.text = std::move(part.text);
            entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(*i));
        }
    }
    whole.ranks = joined.ranks;
    return whole;
}

/// Bulk goes on without some ranks, for which nobody shall wait again; or, when a child has already
/// given up on them, it is this bulk that the others shall not wait for.
void Fold::give_up(const Block& first, const RankSet& joined, const RankSet& everybody) {
    if (absent_.includes(first.ranks)) return;
    RankSet missing = everybody;
    missing.remove(joined);
    absent_.insert(first.settled ? first.ranks : missing);
}

std::vector<Block> Fold::take_due(const RankSet& everybody, Clock::time_point now) {
    std::vector<Block> due;
    for (std::size_t i = 0; i < entries_.size();) {
        const Entry& entry = entries_[i];
        bool waited = now - wait(entry) >= entry.since;
        bool bulk = is_bulk(entry.block);
        bool may_go = waited || (bulk && all_have_some(entry.block, everybody));
        if (!may_go || !is_head(i)) {
            ++i;
            continue;
        }
        Joined joined = join(i);
        RankSet done_with = joined.ranks;
        done_with.insert(absent_);
        bool complete = done_with.includes(everybody);
        if (!waited && !complete) {
            ++i;
            continue;
        }
        bool gave_up = bulk && entry.foldable && !complete;
        if (gave_up) give_up(entry.block, joined.ranks, everybody);
        std::size_t behind = joined.entries.front();
        due.push_back(take(joined));
        due.back().settled = gave_up;
        i = behind;  // what stood behind these may be at the head now
    }
    return due;
}

std::vector<Block> Fold::take_all() {
    std::vector<Block> all;
    std::unordered_multimap<std::size_t, std::size_t> by_text;  // hash: place in `all`
    // Where the later of two stands what its ranks wrote before both stays before it; but an
    // earlier one with more of its ranks behind it stays, and the later one moves up if it can.
    auto moves_down = [&](std::size_t i) { return is_free_behind(all, i, all[i]); };
    for (Entry& entry : entries_) {
        Block& block = entry.block;
        if (entry.foldable) {
            std::size_t hash = std::hash<std::string>{}(block.text);
            auto [begin, end] = by_text.equal_range(hash);
            auto equal = std::find_if(begin, end, [&](const auto& candidate) {
                const Block& other = all[candidate.second];
                return same_place(other, block) && other.text == block.text &&
                       !other.ranks.intersects(block.ranks) &&
                       (moves_down(candidate.second) ||
                        is_free_behind(all, candidate.second, block));
            });
            if (equal != end && !moves_down(equal->second)) {
                all[equal->second].ranks.insert(block.ranks);
                continue;
            }
            if (equal != end) {
                block.ranks.insert(std::exchange(all[equal->second].ranks, {}));
                by_text.erase(equal);
            }
            by_text.emplace(hash, all.size());
        }
        all.push_back(std::move(block));
    }
    entries_.clear();
    bytes_from_.clear();
    std::erase_if(all, [](const Block& block) { return block.ranks.empty(); });
    return all;
}

}  // namespace mpirepl
