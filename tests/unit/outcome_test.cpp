#include "base/outcome.h"

#include <doctest/doctest.h>

using mpirepl::Outcome;
using mpirepl::Timing;

namespace {

Timing timing(int rank, double seconds) {
    return {.least = seconds,
            .most = seconds,
            .sum = seconds,
            .least_rank = rank,
            .most_rank = rank,
            .ranks = 1};
}

}  // namespace

TEST_CASE("outcome: timings keep the extremes and who has them") {
    Timing all;
    all.merge(Timing{});
    CHECK(all == Timing{});
    all.merge(timing(1, 2.0));
    CHECK(all == timing(1, 2.0));
    all.merge(timing(0, 0.5));
    all.merge(Timing{});
    all.merge(timing(2, 8.0));
    all.merge(timing(3, 1.0));
    CHECK(all.least == 0.5);
    CHECK(all.least_rank == 0);
    CHECK(all.most == 8.0);
    CHECK(all.most_rank == 2);
    CHECK(all.sum == 11.5);
    CHECK(all.ranks == 4);
}

TEST_CASE("outcome: the highest status counts") {
    Outcome all;
    all.merge({.ranks = 1, .failed = 1, .status = 1});
    all.merge({.ranks = 2, .exited = 1, .status = 7});
    all.merge({.ranks = 3});
    CHECK(all == Outcome{.ranks = 6, .failed = 1, .exited = 1, .status = 7});
}

TEST_CASE("outcome: each %time of a cell has its own timing") {
    Outcome all{.ranks = 1, .timings = {timing(0, 1)}};
    all.merge({.ranks = 1, .timings = {timing(1, 3), timing(1, 5)}});
    REQUIRE(all.timings.size() == 2);
    CHECK(all.timings[0].sum == 4);
    CHECK(all.timings[0].most_rank == 1);
    CHECK(all.timings[1] == timing(1, 5));
    all.merge({.ranks = 1});
    CHECK(all.timings.size() == 2);
}
