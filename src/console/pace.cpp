#include "console/pace.h"

#include <algorithm>

namespace mpirepl {
namespace {

constexpr std::chrono::milliseconds period{20};

}  // namespace

std::optional<std::size_t> Pace::look(Clock::time_point now, std::size_t waiting) {
    has_been_idle_ |= waiting == 0;
    if (now < next_) return std::nullopt;
    next_ = now + period;
    const std::size_t before = window_;
    window_ = std::clamp(has_been_idle_ ? window_ * 2 : window_ / 2, least, most);
    has_been_idle_ = false;
    return window_ == before ? std::nullopt : std::optional(window_);
}

}  // namespace mpirepl
