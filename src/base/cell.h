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
        module,    ///< -m
        path,      ///< a directory or archive with a __main__
        finalize,  ///< end Python; its last output is an answer like any other
    };
    Kind kind = Kind::cell;
    std::uint32_t sequence = 0;  ///< counts all that is sent; reports name it
    std::uint32_t number = 0;    ///< as the user counts
    RankSet targets;
    bool fold = false;
    bool timed = false;
    bool interactive = false;   ///< typed at a terminal: it may ask the user for input
    std::uint16_t columns = 0;  ///< how wide output may be on the terminal; 0: there is none
    std::uint16_t lines = 0;    ///< how many the terminal has
    bool guarded = true;        ///< a deadlock is broken off
    double grace = 1.0;         ///< seconds for which it must have lasted
    bool profiled = false;      ///< what it spends in MPI is counted
    std::string name;           ///< file name in tracebacks; module or path to run
    std::string code;           ///< compiled on rank 0 and marshalled; empty for module and path
    std::string source;         ///< the user's own text, for tracebacks
    bool operator==(const Cell&) const = default;
};

}  // namespace mpirepl
