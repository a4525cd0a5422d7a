#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/block.h"
#include "console/sink.h"

namespace mpirepl {

/// Shows on rank 0 what the ranks have written: each line behind the prefix of its ranks and
/// stream. Belongs to the agent's thread.
class Printer {
  public:
    /// On which of the two destinations prefixes have the colours of their ranks.
    struct Coloured {
        bool out;
        bool err;
    };

    /// @param sink takes the text; it outlives this
    explicit Printer(Sink& sink, Coloured coloured = {}) : sink_(sink), coloured_(coloured) {}

    /// Prints the blocks in their order.
    void print(const std::vector<Block>& blocks);
    /// A line of the session itself, without prefix.
    void say(std::string_view line, bool to_stderr);

    /// Bytes that have not been written yet.
    std::size_t waiting() const { return sink_.waiting(); }
    /// errno of a write to standard output that failed, else 0.
    int failure() const { return sink_.failure(Sink::out); }

    /// What stands in front of each line of the block, with its colour.
    std::string start_of_line(const Block& block) const;

  private:
    void append_lines(std::string& text, const Block& block) const;

    Sink& sink_;
    Coloured coloured_;
};

/// The order in which a quick cell is shown: by rank, then stream.
void sort_for_display(std::vector<Block>& blocks);

/// What stands in front of each line of the block.
std::string prefix(const Block& block);

}  // namespace mpirepl
