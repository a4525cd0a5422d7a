#pragma once

#include <boost/asio/io_context.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/block.h"
#include "console/output_file.h"

namespace mpirepl {

/// Shows on rank 0 what the ranks have written: each line behind the prefix of its ranks and
/// stream. Belongs to the agent's thread.
class Printer {
  public:
    /// @param out takes standard output and values, @param err the rest
    Printer(Fd out, Fd err) : out_(std::move(out)), err_(std::move(err)) {}

    void attach(boost::asio::io_context& io);
    /// Prints the blocks in their order.
    void print(const std::vector<Block>& blocks);
    /// A line of the session itself, without prefix.
    void say(std::string_view line, bool to_stderr);

    std::size_t waiting() const { return out_.waiting() + err_.waiting(); }
    /// errno of a write to standard output that failed, else 0.
    int failure() const { return out_.failure(); }

  private:
    OutputFile out_;
    OutputFile err_;
};

/// The order in which a quick cell is shown: by rank, then stream.
void sort_for_display(std::vector<Block>& blocks);

/// What stands in front of each line of the block.
std::string prefix(const Block& block);

}  // namespace mpirepl
