#include "guard/lock.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>

namespace mpirepl::guard {
namespace {

bool membarrier(int command) { return ::syscall(__NR_membarrier, command, 0, 0) == 0; }

}  // namespace

void Lock::favour_this_thread() {
    if (!membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) return;
    {
        const std::scoped_lock held(*this);
        has_favourite_ = true;
    }
    favours = this;
}

void Lock::lock_against_others() {
    const bool favourite = favours == this;
    if (favourite) held_by_favourite_.store(false, std::memory_order_release);
    while (taken_.exchange(true, std::memory_order_acquire)) ::sched_yield();
    if (favourite) {
        taken_by_favourite_ = true;
    } else if (count_others(1) == 1 && has_favourite_) {
        // Once each thread has passed a barrier, the favourite either knows of this one or is seen
        // to hold the lock.
        membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        while (held_by_favourite_.load(std::memory_order_acquire)) ::sched_yield();
    }
}

void Lock::unlock_for_others() {
    if (favours == this)
        taken_by_favourite_ = false;
    else
        count_others(-1);
    taken_.store(false, std::memory_order_release);
}

void Lock::add_others(int change) {
    lock_against_others();
    count_others(change);
    unlock_for_others();
}

/// For who has taken it.
int Lock::count_others(int change) {
    const int count = others_.load(std::memory_order_relaxed) + change;
    others_.store(count, std::memory_order_release);
    return count;
}

}  // namespace mpirepl::guard
