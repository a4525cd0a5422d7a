#include "console/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace mpirepl {
namespace {

bool is_error(Stream stream) {
    return stream == Stream::error || stream == Stream::exit_status ||
           stream == Stream::exit_message;
}

bool goes_to_stderr(Stream stream) { return stream == Stream::standard_error || is_error(stream); }

void append_lines(std::string& text, const Block& block) {
    const std::string start = prefix(block);
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
    // Errors last: at a terminal they then stand right above the prompt.
    std::ranges::stable_sort(blocks, {}, [](const Block& block) {
        return std::tuple(is_error(block.stream), block.ranks.first(),
                          block.stream == Stream::standard_error);
    });
}

void Printer::attach(boost::asio::io_context& io) {
    out_.attach(io);
    err_.attach(io);
}

void Printer::print(const std::vector<Block>& blocks) {
    std::string text;
    bool to_stderr = false;
    auto flush = [&] {
        if (!text.empty()) (to_stderr ? err_ : out_).write(std::exchange(text, {}));
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
    (to_stderr ? err_ : out_).write(fmt::format("{}\n", line));
}

}  // namespace mpirepl
