#pragma once

#include <cstdint>
#include <string>

#include "base/rank_set.h"

namespace mpirepl {

/// From rank 0 to all: run this.
struct Cell {
    enum class Kind : std::uint8_t {
        cell,      ///< piped or typed: the last expression's value is shown
        command,   ///< -c
        script,    ///< a file, read by rank 0
        module,    ///< -m; `source` is empty
        path,      ///< a directory or archive with a __main__; `source` is empty
        finalize,  ///< end Python; its last output is an answer like any other
    };
    Kind kind = Kind::cell;
    std::uint32_t sequence = 0;  ///< counts all that is sent; reports name it
    std::uint32_t number = 0;    ///< as the user counts
    RankSet targets;
    bool fold = false;
    bool echo = false;
    bool timed = false;
    std::uint32_t flags = 0;  ///< for compile(): what __future__ imports have set
    std::string name;         ///< file name in tracebacks; module or path to run
    std::string source;
    std::string shown;  ///< the user's own text where `source` differs from it, else empty
    bool operator==(const Cell&) const = default;
};

}  // namespace mpirepl
