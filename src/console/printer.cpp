#include "console/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

namespace mpirepl {
namespace {

bool is_error(Stream stream) {
    return stream == Stream::error || stream == Stream::exit_status ||
           stream == Stream::exit_message;
}

bool goes_to_stderr(Stream stream) { return stream == Stream::standard_error || is_error(stream); }

// Of the eight that every terminal has, those that can be told from plain text and from red.
constexpr std::array<int, 5> rank_colours{32, 33, 34, 35, 36};
constexpr int error_colour = 31;

int colour(const Block& block) {
    if (is_error(block.stream)) return error_colour;
    return rank_colours[static_cast<std::size_t>(block.ranks.first()) % rank_colours.size()];
}

}  // namespace

std::string prefix(const Block& block) {
    std::string ranks = block.ranks.to_string();
    switch (block.stream) {
        case Stream::standard_output:
        case Stream::report:
            return fmt::format("[stdout:{}] ", ranks);
        case Stream::standard_error:
            return fmt::format("[stderr:{}] ", ranks);
        case Stream::value:
            return fmt::format("Out[{}:{}]: ", ranks, block.cell);
        default:
            return fmt::format("[error:{}] ", ranks);
    }
}

void sort_for_display(std::vector<Block>& blocks) {
    // A block comes with its first rank, but not before what any of its ranks wrote earlier.
    std::map<std::pair<bool, int>, int> place_of;  // stream and rank: where its last block goes
    std::vector<std::pair<std::tuple<bool, int, bool>, Block>> placed;
    for (Block& block : blocks) {
        bool to_stderr = goes_to_stderr(block.stream);
        int place = block.ranks.first();
        for (int rank : block.ranks.ranks()) place = std::max(place, place_of[{to_stderr, rank}]);
        for (int rank : block.ranks.ranks()) place_of[{to_stderr, rank}] = place;
        // Errors last: at a terminal they then stand right above the prompt.
        placed.emplace_back(std::tuple(is_error(block.stream), place, to_stderr), std::move(block));
    }
    std::stable_sort(placed.begin(), placed.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = std::move(placed[i].second);
}

std::string Printer::start_of_line(const Block& block) const {
    std::string start = prefix(block);
    if (!(goes_to_stderr(block.stream) ? coloured_.err : coloured_.out)) return start;
    start.pop_back();
    return fmt::format("\033[{}m{}\033[0m ", colour(block), start);
}

void Printer::append_lines(std::string& text, const Block& block) const {
    const std::string start = start_of_line(block);
    const std::string_view bare(start.data(), start.size() - 1);  // without the blank
    std::string_view rest = block.text;
    while (!rest.empty()) {
        std::size_t length = std::min(rest.find('\n'), rest.size());
        if (length == 0) {
            text += bare;
        } else {
            text += start;
            text += rest.substr(0, length);
        }
        text += '\n';
        rest.remove_prefix(std::min(length + 1, rest.size()));
    }
}

void Printer::print(const std::vector<Block>& blocks) {
    std::string text;
    bool to_stderr = false;
    auto flush = [&] {
        if (!text.empty()) sink_.write(to_stderr ? Sink::err : Sink::out, std::exchange(text, {}));
    };
    for (const Block& block : blocks) {
        if (goes_to_stderr(block.stream) != to_stderr) {
            flush();
            to_stderr = !to_stderr;
        }
        append_lines(text, block);
    }
    flush();
}

void Printer::say(std::string_view line, bool to_stderr) {
    sink_.write(to_stderr ? Sink::err : Sink::out, fmt::format("{}\n", line));
}

}  // namespace mpirepl
