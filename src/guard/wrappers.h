#pragma once

#include <span>

namespace mpirepl::guard {

/// A function of MPI that the guard defines in this program.
struct Wrapper {
    const char* name;
    void* address;
};

/// All of them, sorted by name. Generated from calls.txt.
std::span<const Wrapper> wrappers();

}  // namespace mpirepl::guard
