#pragma once

#include <cstdint>
#include <string>

#include "base/rank_set.h"

namespace mpirepl {

/// Where a block of text belongs.
enum class Stream : std::uint8_t {
    standard_output,
    standard_error,
    value,         ///< the repr of a cell's last expression
    report,        ///< standard output that is always folded, such as %who
    error,         ///< a traceback
    exit_status,   ///< the code of SystemExit: shown where only some ranks raised it
    exit_message,  ///< the text that SystemExit carried: shown in any case
};
constexpr Stream last_stream = Stream::exit_message;

/// What some ranks have written to one stream: whole lines, each with its newline.
struct Block {
    RankSet ranks;
    Stream stream = Stream::standard_output;
    std::uint32_t cell = 0;
    bool settled = false;  ///< has waited for its equals, in vain
    std::string text;
    bool operator==(const Block&) const = default;
};

}  // namespace mpirepl
