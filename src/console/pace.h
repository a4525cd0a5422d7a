#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace mpirepl {

/// How much text may wait on each rank while a user sees it. The prompt comes after all that has
/// been printed, also after Ctrl-C, so it shall be no more than what keeps the terminal busy: a
/// slow one gets little, one that has nothing to write gets twice as much. Rank 0's display owns
/// it; for the agent's thread.
class Pace {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::size_t first = 16 * 1024;  // bytes
    static constexpr std::size_t least = 4 * 1024;
    static constexpr std::size_t most = 128 * 1024;

    /// @param waiting bytes that have not been written yet
    /// @return the bytes that may wait from now on, if that has changed
    std::optional<std::size_t> look(Clock::time_point now, std::size_t waiting);

  private:
    std::size_t window_ = first;
    bool has_been_idle_ = false;
    Clock::time_point next_{};
};

}  // namespace mpirepl
