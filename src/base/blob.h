#pragma once

#include <cstdint>
#include <memory>

namespace mpirepl {

/// A piece of memory that crosses MPI as it lies, beside a message: it is sent from where it is and
/// received where it stays. Whoever holds a copy of this keeps the memory alive.
struct Blob {
    std::shared_ptr<char> data;
    std::uint64_t size = 0;

    /// Memory that is not cleared, where possible some that has been given back lately. For any
    /// thread.
    static Blob allocate(std::uint64_t size);
};

}  // namespace mpirepl
