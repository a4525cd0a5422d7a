#include "console/pace.h"

#include <doctest/doctest.h>

using mpirepl::Pace;
using namespace std::chrono_literals;

namespace {

/// Looks each millisecond for so long, and returns the last window that it was told of.
std::size_t after(Pace& pace, Pace::Clock::time_point& now, std::chrono::milliseconds time,
                  std::size_t waiting) {
    std::size_t window = 0;
    for (const auto end = now + time; now < end; now += 1ms)
        if (auto bytes = pace.look(now, waiting)) window = *bytes;
    return window;
}

}  // namespace

TEST_CASE("a terminal that always has something to write gets little, and one that has not much") {
    Pace pace;
    Pace::Clock::time_point now{1h};
    CHECK(after(pace, now, 1s, 100) == Pace::least);
    CHECK(after(pace, now, 1s, 100) == 0);  // no change
    CHECK(after(pace, now, 1s, 0) == Pace::most);
    CHECK(after(pace, now, 50ms, 1) < Pace::most);
}

TEST_CASE("one moment without anything to write counts") {
    Pace pace;
    Pace::Clock::time_point now{1h};
    after(pace, now, 1001ms, 100);
    CHECK_FALSE(pace.look(now, 0));
    CHECK(after(pace, now, 25ms, 100) == 2 * Pace::least);
}
