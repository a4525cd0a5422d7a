#include "tasks/gatherings.h"

#include <doctest/doctest.h>

#include <vector>

using namespace mpirepl;
using namespace std::chrono_literals;

namespace {

using Clock = Gatherings::Clock;

/// Gatherings with a clock of its own.
struct Bench {
    void announce(int engine, std::uint64_t id, std::vector<std::uint64_t> sizes) {
        gatherings.add(engine, {.id = id, .blobs = std::move(sizes)}, now);
    }
    auto take() { return gatherings.take(now); }

    Gatherings gatherings;
    Clock::time_point now{};
};

TEST_CASE("what is no part of a gather gets memory at once") {
    Bench bench;
    bench.announce(2, 7, {10, 20});
    const auto ready = bench.take();
    REQUIRE(ready.size() == 1);
    CHECK(ready[0].engine == 2);
    REQUIRE(ready[0].blobs.size() == 2);
    CHECK(ready[0].blobs[1].size == 20);
    CHECK(bench.take().empty());
}

TEST_CASE("the parts of a gather lie one behind the other, in the order of the tasks") {
    Bench bench;
    bench.gatherings.begin(5, 3);
    bench.announce(2, 7, {30});
    bench.announce(0, 5, {10});
    CHECK(bench.take().empty());
    bench.announce(1, 6, {20});
    const auto ready = bench.take();
    REQUIRE(ready.size() == 3);
    const char* begin = ready[0].blobs[0].data.get();
    CHECK(ready[0].engine == 0);
    CHECK(ready[1].blobs[0].data.get() == begin + 10);
    CHECK(ready[2].blobs[0].data.get() == begin + 30);
    CHECK(ready[2].blobs[0].size == 30);
}

TEST_CASE("who has no memory, or more than one piece, ends the hope for one piece") {
    Bench bench;
    bench.gatherings.begin(5, 2);
    bench.announce(0, 5, {10});
    SUBCASE("none") { bench.gatherings.note_end(6); }
    SUBCASE("several") { bench.announce(1, 6, {10, 10}); }
    const auto ready = bench.take();
    REQUIRE(!ready.empty());
    CHECK(ready[0].end.id == 5);
    CHECK(ready[0].blobs.size() == 1);
}

TEST_CASE("nobody waits long for the last") {
    Bench bench;
    bench.gatherings.begin(5, 2);
    bench.now += 1h;
    bench.announce(0, 5, {10});
    CHECK(bench.take().empty());
    bench.now += 1s;
    CHECK(bench.take().size() == 1);
    bench.announce(1, 6, {10});
    CHECK(bench.take().size() == 1);
}

}  // namespace
