#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/fd.h"

namespace mpirepl {

/// What identifies the place where a rank's doorbell can be heard: the running kernel and the
/// network namespace. 0 when that cannot be found out.
std::uint64_t doorbell_place();

/// What ends the nap of a rank that has nothing to do: MPI has no descriptor to wait on, so a rank
/// that sends a message rings the receiver's bell, if they are on one host. The bell is a socket
/// without a file; its name is made of a number that the session's ranks share. Ringing is a hint,
/// not a message: whoever naps looks up from time to time in any case.
class Doorbell {
  public:
    /// @param session the number that all ranks share; 0 when they are on several hosts: such a
    /// bell is silent
    Doorbell(std::uint64_t session, int rank);

    /// Whether naps end when another rank rings.
    bool rings() const { return static_cast<bool>(socket_); }
    /// Has naps end also when something comes to be read from a descriptor; whether it is read
    /// then does not matter.
    void watch(int fd);

    // For any thread:
    /// Wakes another rank if it naps.
    void ring(int rank) const;
    /// Wakes the thread of this rank that naps, if one does.
    void ring_own() const;
    /// Rests until somebody rings, at most `longest`; not at all when `awake` is true.
    /// @return false when a signal has ended the nap
    bool nap(std::chrono::steady_clock::duration longest, const std::atomic<bool>& awake);

  private:
    std::uint64_t session_;
    int rank_;
    Fd socket_;
    Fd watched_;
    std::atomic<int> napping_ = 0;
};

}  // namespace mpirepl
