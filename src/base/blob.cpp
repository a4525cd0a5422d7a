#include "base/blob.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>

namespace mpirepl {
namespace {

constexpr std::size_t large = 1 << 20;
constexpr std::size_t most_kept = 64 << 20;
constexpr std::size_t very_large = 4 << 20;

/// Large memory that has been given back, for whoever wants some next. The system clears pages
/// before it gives them to a process, and that takes longer than to receive something there.
class Spares {
  public:
    struct Spare {
        char* memory;
        std::size_t size;
    };

    /// @return null when there is none of about that size
    Spare take(std::size_t size) {
        const std::scoped_lock lock(mutex_);
        auto found = std::find_if(spares_.begin(), spares_.end(), [size](const Spare& spare) {
            return spare.size >= size && spare.size - size <= size / 8;
        });
        if (found == spares_.end()) return {.memory = nullptr, .size = 0};
        const Spare spare = *found;
        spares_.erase(found);
        kept_ -= spare.size;
        return spare;
    }

    void give_back(Spare spare) {
        if (spare.size < large || spare.size > most_kept) {
            std::free(spare.memory);
            return;
        }
        const std::scoped_lock lock(mutex_);
        spares_.push_back(spare);
        kept_ += spare.size;
        for (; kept_ > most_kept; spares_.pop_front()) {
            kept_ -= spares_.front().size;
            std::free(spares_.front().memory);
        }
    }

  private:
    std::mutex mutex_;
    std::deque<Spare> spares_;  ///< the oldest first
    std::size_t kept_ = 0;      ///< bytes
};

/// Memory from the system, in large pages where there is much of it, as NumPy has it: other
/// processes read it faster.
Spares::Spare fresh(std::size_t size) {
    auto* memory = static_cast<char*>(std::malloc(std::max<std::size_t>(size, 1)));
    if (memory == nullptr) throw std::bad_alloc();
    if (size >= very_large) {
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        const std::size_t before = (page - reinterpret_cast<std::uintptr_t>(memory) % page) % page;
        ::madvise(memory + before, size - before, MADV_HUGEPAGE);  // a wish
    }
    return {.memory = memory, .size = size};
}

Spares& spares() {
    static auto* the = new Spares;  // some memory is given back when the process ends
    return *the;
}

}  // namespace

Blob Blob::allocate(std::uint64_t size) {
    Spares::Spare got = size >= large ? spares().take(size) : Spares::Spare{};
    if (got.memory == nullptr) got = fresh(size);
    auto give_back = [got](char* /*memory*/) { spares().give_back(got); };
    return {.data = {got.memory, give_back}, .size = size};
}

}  // namespace mpirepl
