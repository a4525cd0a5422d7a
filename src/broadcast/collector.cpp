#include "broadcast/collector.h"

#include <utility>

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr auto quick_time = 500ms;
constexpr std::size_t quick_bytes = 64 * 1024;

bool always_folded(Stream stream) {
    return stream != Stream::standard_output && stream != Stream::standard_error &&
           stream != Stream::value;
}

}  // namespace

void Collector::begin(std::uint32_t sequence, const RankSet& ranks, bool folding,
                      Clock::time_point now) {
    sequence_ = sequence;
    ranks_ = ranks;
    folding_ = folding;
    holding_ = !ranks.empty();
    begun_ = now;
    outcome_ = {};
    unreported_ = {};
    fold_.begin();
    printed_.clear();
    for (auto& [report, source] : std::exchange(early_, {})) add(std::move(report), now, source);
}

void Collector::add(Report&& report, Clock::time_point now, int source) {
    if (report.sequence > sequence_) {
        early_.emplace_back(std::move(report), source);
        return;
    }
    for (Block& block : report.blocks) {
        bool foldable = folding_ || always_folded(block.stream);
        if ((printed_[block.ranks.first()] += block.text.size()) >= quick_bytes) holding_ = false;
        fold_.add(std::move(block), foldable, now, source);
    }
    if (report.sequence == sequence_) {
        if (report.streaming) holding_ = false;
        outcome_.merge(report.outcome);
        unreported_.merge(report.outcome);
    }
    if (report.outcome.ranks > 0 && !running()) {
        give_on(holding_ ? fold_.take_all() : fold_.take_due(ranks_, Clock::time_point::max()));
        holding_ = false;
    } else {
        tick(now);
    }
}

void Collector::stream(std::uint32_t sequence) {
    if (sequence == sequence_) holding_ = false;
}

void Collector::tick(Clock::time_point now) {
    if (holding_ && now - begun_ >= quick_time) holding_ = false;
    if (!holding_ && (!fold_.empty() || unreported_.ranks > 0))
        give_on(fold_.take_due(ranks_, now));
}

void Collector::give_on(std::vector<Block>&& blocks) {
    if (blocks.empty() && unreported_.ranks == 0) return;
    emit_(Report{.sequence = sequence_,
                 .streaming = !holding_,
                 .blocks = std::move(blocks),
                 .outcome = std::exchange(unreported_, {})});
}

}  // namespace mpirepl
