#pragma once

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/block.h"
#include "base/fd.h"
#include "base/targets.h"

namespace mpirepl {

/// Short names for the unit tests: ranks as the user writes them, blocks as one string each, which
/// a failed check can print.
inline RankSet ranks(std::string_view spec) {
    return spec.empty() ? RankSet() : parse_targets(spec, 1000);
}

inline Block block(std::string_view spec, Stream stream, std::string text, unsigned cell = 1) {
    return {.ranks = ranks(spec), .stream = stream, .cell = cell, .text = std::move(text)};
}
inline Block out(std::string_view spec, std::string text) {
    return block(spec, Stream::standard_output, std::move(text));
}
inline Block err(std::string_view spec, std::string text) {
    return block(spec, Stream::standard_error, std::move(text));
}
inline Block value(std::string_view spec, std::string text) {
    return block(spec, Stream::value, std::move(text));
}
inline Block error(std::string_view spec, std::string text) {
    return block(spec, Stream::error, std::move(text));
}

/// "0-2 out a;b;", with ';' for newlines; of long texts the length only.
inline std::string show(const Block& block) {
    static const char* const names[] = {"out",   "err",         "value",       "report",
                                        "error", "exit_status", "exit_message"};
    std::string text = block.text;
    for (char& c : text)
        if (c == '\n') c = ';';
    if (text.size() > 1000) text = fmt::format("{} bytes", text.size());
    return fmt::format("{} {} {}", block.ranks.to_string(),
                       names[static_cast<std::size_t>(block.stream)], text);
}

inline std::string show(const std::vector<Block>& blocks) {
    std::string all;
    for (const Block& block : blocks) all += (all.empty() ? "" : " | ") + show(block);
    return all;
}

/// The values that stand in `count` lines of about 80 bytes, beginning with `begin`.
inline std::string lines(int count, std::string_view begin = "") {
    std::string text;
    for (int i = 0; i < count; ++i) text += fmt::format("{}{:079}\n", begin, i);
    return text;
}

/// Both ends of a pipe.
struct Pipe {
    Fd reader;
    Fd writer;
};
Pipe make_pipe(int flags = 0);

/// Waits for the thread of a Writer, or of the one in a Printer.
void wait_until_written(const auto& output) {
    while (output.waiting() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// All that can be read from `fd` now without waiting, or until its end if it blocks.
std::string read_all(int fd);

/// A file that is gone when the test has ended.
class TemporaryFile {
  public:
    explicit TemporaryFile(std::string_view content = "");
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile();
    const std::string& path() const { return path_; }
    Fd open(int flags) const;
    std::string content() const;

  private:
    std::string path_;
};

}  // namespace mpirepl
