#pragma once

#include <atomic>

namespace mpirepl::guard {

/// A mutex for what is held for moments only, by few threads. Nearly every call of MPI takes it
/// several times, nearly always on the same thread: that one is favoured, and pays no atomic
/// operation. The others have the kernel make sure that it knows of them, which takes a
/// microsecond, unless it is to be fair. Who finds it taken leaves the core to others.
class Lock {
  public:
    /// To be called once, by the thread that is to be favoured. Where the kernel has no membarrier
    /// for that, none is.
    void favour_this_thread();

    void lock() {
        if (favours == this) {
            held_by_favourite_.store(true, std::memory_order_relaxed);
            // The compiler keeps the order; that the processor does, too, others see to.
            std::atomic_signal_fence(std::memory_order_seq_cst);
            if (others_.load(std::memory_order_acquire) == 0) return;
        }
        lock_against_others();
    }

    void unlock() {
        if (favours == this && !taken_by_favourite_)
            held_by_favourite_.store(false, std::memory_order_release);
        else
            unlock_for_others();
    }

    /// From now on, until as many calls of be_unfair(), all threads pay the same, an atomic
    /// operation: for when several call MPI.
    void be_fair() { add_others(1); }
    void be_unfair() { add_others(-1); }

  private:
    void lock_against_others();
    void unlock_for_others();
    void add_others(int change);
    int count_others(int change);

    static inline constinit thread_local const Lock* favours = nullptr;  ///< the calling thread
    std::atomic<bool> held_by_favourite_ = false;  ///< or it is about to find others
    std::atomic<int> others_ = 0;                  ///< that hold it, and those for whom it is fair
    std::atomic<bool> taken_ = false;              ///< by any thread that has met others
    bool has_favourite_ = false;                   ///< for who has taken it
    bool taken_by_favourite_ = false;              ///< for the favourite
};

}  // namespace mpirepl::guard
