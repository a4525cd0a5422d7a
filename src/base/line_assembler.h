#pragma once

#include <string>
#include <string_view>

namespace mpirepl {

// Turns the raw bytes captured from one stream (stdout or stderr of a rank) into clean, whole
// lines: carriage return and backspace act as on a terminal, tabs and SGR colours pass, other
// escape sequences are dropped, and what is not UTF-8 or is a control character is shown as \xNN.
// Entirely passive: whoever reads the stream owns one assembler per stream, feeds it, and calls
// finish() when the stream ends or has been silent for long enough. May be called from any one
// thread at a time.
class LineAssembler {
  public:
    // Appends to lines each line that bytes finish, with its '\n'. A line in progress that does not
    // fit into 4 MiB is reduced to what a terminal would still show of it; if that is still more
    // than half of it, it is cut there and becomes a line of its own.
    void feed(std::string_view bytes, std::string& lines);

    // Ends the line in progress. Nothing is appended when there is none or it shows nothing.
    void finish(std::string& lines);

    // Some byte has come since the last newline.
    bool in_progress() const { return !pending_.empty(); }
    // The bytes of it that are kept.
    std::size_t size() const { return pending_.size(); }

  private:
    void feed_block(std::string_view bytes, std::string& lines);
    void keep(std::string_view bytes, std::string& lines);
    void compact(std::string& lines);

    std::string pending_;  // the line in progress, raw: a sequence may be torn between two feeds
};

// The same cleaning for a whole text of several lines (a repr, a traceback). No trailing newline is
// added. May be called from any thread.
std::string clean_text(std::string_view text);

}  // namespace mpirepl
