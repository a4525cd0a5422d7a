#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "guard/state.h"

namespace mpirepl::guard {

/// How a thread waits in a call: it looks again and again, at first without a pause, later with
/// naps, and makes itself known to others when it has waited for long. It lives as long as the
/// wait.
class Patience {
  public:
    /// @param bytes of transfers that must be driven: it rests later and for shorter
    Patience(Thread& thread, const char* call, std::int64_t bytes = 0)
        : thread_(thread), call_(call), bytes_(bytes), cell_(state().cell) {}
    ~Patience() {
        if (looks_ >= free_looks) end();
    }
    Patience(const Patience&) = delete;
    Patience& operator=(const Patience&) = delete;

    /// Rests before the next look.
    /// @param describe fills in what is waited for; called once, when others want to know
    /// @return false when the wait has been broken off
    template <typename Describe>
    bool rest(Describe&& describe) {
        if (state().breaking.load(std::memory_order_relaxed)) return false;
        if (++looks_ < free_looks) return true;
        if (rest_or_tell()) tell(std::forward<Describe>(describe));
        return true;
    }

    /// A break ends the waits of its cell; what another thread has begun to wait for in an earlier
    /// one goes on afterwards, as long as there are cells to come.
    bool outlives_break() const {
        return !thread_.is_main && cell_ != state().cell && !state().ending;
    }
    /// It has waited so long that others know.
    bool told() const { return waiting_.has_value(); }

  private:
    static constexpr unsigned free_looks = 64;

    /// @return whether it is time to tell
    bool rest_or_tell();
    template <typename Describe>
    void tell(Describe&& describe) {
        waiting_.emplace();
        describe(*waiting_);
        publish();
    }
    void publish();
    void end();

    Thread& thread_;
    const char* call_;
    std::int64_t bytes_;
    std::uint64_t cell_;  ///< in which it has begun
    bool napping_ = false;
    unsigned looks_ = 0;
    Clock::time_point begun_;
    std::optional<Waiting> waiting_;
};

}  // namespace mpirepl::guard
