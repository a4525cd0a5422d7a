#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mpirepl {

/// Why MPI calls of a cell have failed on this rank, which makes the cell a failed one.
struct BrokenCell {
    enum class Why : std::uint8_t { deadlock, mismatch, ended, interrupted };
    Why why = Why::deadlock;
    std::string text;
    std::string call;
    std::string comm;
    std::vector<int> missing;
    std::vector<int> waiting;
};

}  // namespace mpirepl
