#include "session/status.h"

#include <fmt/format.h>

#include <algorithm>

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr auto between_looks = 100ms;
constexpr auto progress_after = 2s;
constexpr std::size_t most_lines = 8;

}  // namespace

void Status::begin(const Cell& cell, Clock::time_point now) {
    cell_ = cell.number;
    targets_ = cell.targets;
    begun_ = now;
    next_ = now + between_looks;
}

void Status::note(Unfinished&& line) {
    std::pair key(line.to_stderr, static_cast<int>(line.rank));
    if (line.text.empty())
        unfinished_.erase(key);
    else
        unfinished_[key] = std::move(line.text);
}

std::vector<std::string> Status::lines(Clock::time_point now, const RankSet& ended) {
    next_ = now + between_looks;
    std::vector<std::string> lines;
    for (const auto& [key, text] : unfinished_) {
        if (lines.size() == most_lines) break;
        auto [to_stderr, rank] = key;
        lines.push_back(printer_.start_of_line({.ranks = RankSet::single(rank),
                                                .stream = to_stderr ? Stream::standard_error
                                                                    : Stream::standard_output}) +
                        text);
    }
    if (now - begun_ >= progress_after && cell_ != 0) lines.push_back(progress(now, ended));
    return lines;
}

std::string Status::progress(Clock::time_point now, const RankSet& ended) const {
    RankSet running = targets_;
    running.remove(ended);
    return fmt::format("▸ cell {}  {:.1f} s  {}/{} done, waiting for {}", cell_,
                       std::chrono::duration<double>(now - begun_).count(), ended.count(),
                       targets_.count(), running.to_string());
}

}  // namespace mpirepl
