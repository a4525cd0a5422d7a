#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "base/fd.h"

namespace mpirepl {

/// Hands items from the agent to the main thread. `put` may be called from any thread; `wait` is
/// for the one that owns the box, and returns without an item when a signal came in, so that
/// Python's signal handlers run while a rank is idle.
template <typename T>
class Mailbox {
 public:
    Mailbox() : wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (!wakeup_) throw std::system_error(errno, std::generic_category(), "eventfd");
    }

    void put(T item) {
        {
            std::scoped_lock lock(mutex_);
            items_.push_back(std::move(item));
        }
        const std::uint64_t one = 1;
        [[maybe_unused]] ssize_t written = ::write(wakeup_.get(), &one, sizeof one);
    }

    std::optional<T> wait() {
        if (auto item = take()) return item;
        pollfd wakeup{wakeup_.get(), POLLIN, 0};
        if (::poll(&wakeup, 1, -1) < 0) return std::nullopt;
        std::uint64_t count = 0;
        [[maybe_unused]] ssize_t got = ::read(wakeup_.get(), &count, sizeof count);
        return take();
    }

 private:
    std::optional<T> take() {
        std::scoped_lock lock(mutex_);
        if (items_.empty()) return std::nullopt;
        T item = std::move(items_.front());
        items_.pop_front();
        return item;
    }

    Fd wakeup_;
    std::mutex mutex_;
    std::deque<T> items_;
};

}  // namespace mpirepl
