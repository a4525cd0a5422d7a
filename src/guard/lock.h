#pragma once

#include <sched.h>

#include <atomic>

namespace mpirepl::guard {

/// A mutex for what is held for moments only, by few threads: taking it costs one atomic operation,
/// as nearly every call of MPI does. Who finds it taken leaves the core to others.
class Lock {
  public:
    void lock() {
        while (taken_.exchange(true, std::memory_order_acquire)) ::sched_yield();
    }
    bool try_lock() { return !taken_.exchange(true, std::memory_order_acquire); }
    void unlock() { taken_.store(false, std::memory_order_release); }

  private:
    std::atomic<bool> taken_ = false;
};

}  // namespace mpirepl::guard
