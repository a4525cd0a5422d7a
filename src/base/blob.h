#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace mpirepl {

/// A piece of memory that crosses MPI as it lies, beside a message: it is sent from where it is and
/// received where it stays. Whoever holds a copy of this keeps the memory alive.
struct Blob {
    std::shared_ptr<char> data;
    std::uint64_t size = 0;

    static Blob allocate(std::uint64_t size) {
        auto* memory = static_cast<char*>(std::malloc(std::max<std::size_t>(size, 1)));
        if (memory == nullptr) throw std::bad_alloc();
        return {.data = {memory, std::free}, .size = size};
    }
};

}  // namespace mpirepl
