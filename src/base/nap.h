#pragma once

#include <cerrno>
#include <chrono>
#include <ctime>

namespace mpirepl {

/// @return false when a signal has ended the nap
inline bool nap(std::chrono::steady_clock::duration duration) {
    auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
    timespec time{.tv_sec = 0, .tv_nsec = ns};  // shorter than a second
    return ::nanosleep(&time, nullptr) == 0 || errno != EINTR;
}

}  // namespace mpirepl
