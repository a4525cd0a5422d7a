#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/block.h"
#include "base/cell.h"
#include "base/outcome.h"

/// Every message that crosses MPI, with its fields. They are plain values; encode() and decode()
/// know the bytes (messages.cpp), and decode() trusts none of them.
namespace mpirepl {

/// From child to parent in the answer tree: output, and how the cell ended on some ranks.
struct Report {
    std::uint32_t sequence = 0;
    bool streaming = false;
    std::vector<Block> blocks;
    Outcome outcome;
    bool operator==(const Report&) const = default;
};

/// From parent to child: that many more bytes of text may be sent.
struct Credit {
    std::uint32_t bytes = 0;
    bool operator==(const Credit&) const = default;
};

/// From rank 0 to all: hold nothing of this cell's output back any longer.
struct StreamNow {
    std::uint32_t sequence = 0;
    bool operator==(const StreamNow&) const = default;
};

/// From rank 0 to all: standard output is closed; writing to it shall fail from now on.
struct CloseOutput {
    bool operator==(const CloseOutput&) const = default;
};

using Message = std::variant<Cell, Report, Credit, StreamNow, CloseOutput>;

class WireError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

std::string encode(const Message& message, unsigned epoch);
/// @throws WireError when the bytes are not exactly one message of this epoch.
Message decode(std::string_view bytes, unsigned epoch);

}  // namespace mpirepl
