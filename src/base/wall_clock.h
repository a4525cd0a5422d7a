#pragma once

#include <chrono>

namespace mpirepl {

/// The time of day, as Python's time.time() gives it.
inline double seconds_since_1970() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace mpirepl
