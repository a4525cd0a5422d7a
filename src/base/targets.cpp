#include "base/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/error.h"

namespace mpirepl {
namespace {

/// Reads one item of a target specification from left to right.
class ItemReader {
  public:
    explicit ItemReader(std::string_view text) : rest_(text) {}

    bool at_end() const { return rest_.empty(); }
    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool take_word(std::string_view word) {
        if (rest_ != word) return false;
        rest_ = {};
        return true;
    }
    /// An integer, clamped to what surely lies outside any communicator when it is huge.
    std::optional<long long> integer() {
        constexpr long long huge = 1LL << 40;
        long long value = 0;
        auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (error == std::errc::invalid_argument) return std::nullopt;
        if (error == std::errc::result_out_of_range) value = rest_.front() == '-' ? -huge : huge;
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return std::clamp(value, -huge, huge);
    }

  private:
    std::string_view rest_;
};

std::string valid_ranks(int size) {
    return size == 1 ? "the only rank is 0" : fmt::format("the ranks are 0-{}", size - 1);
}

[[noreturn]] void malformed(std::string_view item, int size) {
    throw UserError(fmt::format("targets: '{}' is not a rank, a range, a slice or 'all' ({})", item,
                                valid_ranks(size)));
}

RankSet slice(std::optional<long long> start, std::optional<long long> stop, long long step,
              int size) {
    auto clip = [&](long long index, long long low, long long high) {
        return std::clamp(index < 0 ? index + size : index, low, high);
    };
    long long first = step > 0 ? (start ? clip(*start, 0, size) : 0)
                               : (start ? clip(*start, -1, size - 1) : size - 1);
    long long end =
        step > 0 ? (stop ? clip(*stop, 0, size) : size) : (stop ? clip(*stop, -1, size - 1) : -1);
    if (step == 1) return RankSet::range(static_cast<int>(first), static_cast<int>(end) - 1);
    std::vector<int> chosen;
    for (long long rank = first; step > 0 ? rank < end : rank > end; rank += step)
        chosen.push_back(static_cast<int>(rank));
    if (step < 0) std::ranges::reverse(chosen);
    RankSet ranks;
    for (int rank : chosen) ranks.insert(RankSet::single(rank));
    return ranks;
}

/// The ranks of an item, `text` being the item without its '!'; empty when it names none.
RankSet parse_item(std::string_view item, std::string_view text, int size) {
    ItemReader reader(text);
    if (reader.take_word("all")) return RankSet::all(size);
    std::optional<long long> first = reader.integer();
    if (first && reader.at_end()) {
        long long rank = *first < 0 ? *first + size : *first;
        return rank >= 0 && rank < size ? RankSet::single(static_cast<int>(rank)) : RankSet();
    }
    if (first && reader.take('-')) {
        std::optional<long long> last = reader.integer();
        if (!last || !reader.at_end()) malformed(item, size);
        long long low = *first < 0 ? *first + size : *first;
        long long high = *last < 0 ? *last + size : *last;
        if (low < 0 || low > high || high >= size) return {};
        return RankSet::range(static_cast<int>(low), static_cast<int>(high));
    }
    if (!reader.take(':')) malformed(item, size);
    std::optional<long long> stop = reader.integer();
    std::optional<long long> step;
    if (reader.take(':')) step = reader.integer();
    if (!reader.at_end() || step == 0) malformed(item, size);
    return slice(first, stop, step.value_or(1), size);
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

RankSet parse_targets(std::string_view spec, int size) {
    RankSet included;
    RankSet excluded;
    bool only_exclusions = true;
    for (std::size_t begin = 0; begin <= spec.size();) {
        std::size_t end = std::min(spec.find(',', begin), spec.size());
        std::string_view item = trimmed(spec.substr(begin, end - begin));
        begin = end + 1;
        bool exclude = !item.empty() && item.front() == '!';
        RankSet ranks = parse_item(item, exclude ? item.substr(1) : item, size);
        if (ranks.empty())
            throw UserError(
                fmt::format("targets: '{}' names no rank ({})", item, valid_ranks(size)));
        (exclude ? excluded : included).insert(ranks);
        only_exclusions &= exclude;
    }
    if (only_exclusions) included = RankSet::all(size);
    included.remove(excluded);
    if (included.empty())
        throw UserError(
            fmt::format("targets: '{}' leaves no rank ({})", trimmed(spec), valid_ranks(size)));
    return included;
}

}  // namespace mpirepl
