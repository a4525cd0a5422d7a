#include "guard/verdict.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "unit/pictures.h"

using namespace mpirepl;
using namespace mpirepl::guard;

TEST_CASE("verdict: stuck when nobody computes and somebody waits") {
    CHECK(may_be_stuck({receiving(0, 1), left(1)}));
    CHECK(may_be_stuck({receiving(0, 1), not_targeted(1), receiving(2, 0)}));
    CHECK_FALSE(may_be_stuck({receiving(0, 1), computing(1)}));
    CHECK_FALSE(may_be_stuck({left(0), not_targeted(1)}));
    CHECK_FALSE(may_be_stuck({}));
}

TEST_CASE("verdict: unchanged means the same ranks, states and events") {
    const Pictures before = {receiving(0, 1), left(1)};
    Pictures after = before;
    after[0].census = 2;
    after[0].waits[0].seconds = 5;
    CHECK(unchanged(before, after));
    std::swap(after[0], after[1]);
    CHECK(unchanged(before, after));

    CHECK_FALSE(unchanged(before, {before[0]}));
    CHECK_FALSE(unchanged({before[0]}, before));
    CHECK_FALSE(unchanged(before, {receiving(0, 1), left(2)}));
    CHECK_FALSE(unchanged(before, {receiving(0, 1), receiving(1, 0)}));
    after = before;
    ++after[1].events;
    CHECK_FALSE(unchanged(before, after));
}

TEST_CASE("verdict: a receive for which nothing was sent") {
    CHECK(is_deadlock(all({receiving(0, 1, 5), left(1)})));
    CHECK(is_deadlock(all({receiving(0, any_rank), left(1)})));
}

TEST_CASE("verdict: an eager message is in flight to one who waits, its sender is done") {
    CHECK_FALSE(is_deadlock(all({receiving(0, 1, 5), has_sent(left(1), 0, 5)})));
    CHECK_FALSE(is_deadlock(all({receiving(0, any_rank, 5), has_sent(left(1), 0, 5)})));
    CHECK_FALSE(is_deadlock(all({receiving(0, 1), has_sent(left(1), 0, 5)})));
}

TEST_CASE("verdict: messages that have come do not count") {
    auto after = [](std::uint64_t received) {
        return all({waiting(0, "MPI_Recv", {receive(1, 5, received)}), has_sent(left(1), 0, 5, 3)});
    };
    CHECK_FALSE(is_deadlock(after(2)));
    CHECK(is_deadlock(after(3)));
    CHECK(is_deadlock(all({waiting(0, "MPI_Recv", {receive(any_rank, any_tag, 3)}),
                           has_sent(left(1), 0, 5), has_sent(left(2), 0, 6, 2)})));
}

TEST_CASE("verdict: messages for others do not count") {
    CHECK(is_deadlock(all({receiving(0, 1, 5), has_sent(left(1), 0, 6)})));
    CHECK(is_deadlock(all({receiving(0, 1, 5), has_sent(left(1), 2, 5), left(2)})));
    CHECK(is_deadlock(all({receiving(0, 1, 5), left(1), has_sent(left(2), 0, 5)})));
    const Sent elsewhere{.comm = row, .peer = 0, .tag = 5, .messages = 1};
    CHECK(is_deadlock(all({receiving(0, 1, 5), has_sent(left(1), elsewhere)})));
    const Sent to_arrive{.arrival = true, .comm = world, .peer = 0, .tag = 5, .messages = 1};
    CHECK(is_deadlock(all({receiving(0, 1, 5), has_sent(left(1), to_arrive)})));
}

TEST_CASE("verdict: tags in one bucket are taken for the same") {
    CHECK_FALSE(is_deadlock(all({receiving(0, 1, 5 + tag_buckets), has_sent(left(1), 0, 5)})));
}

TEST_CASE("verdict: a long transfer at both ends of which ranks wait") {
    CHECK_FALSE(is_deadlock(
        all({has_sent(waiting(0, "MPI_Send", {send(1, 7)}), 1, 7), receiving(1, 0, 7)})));
    CHECK_FALSE(is_deadlock(
        all({has_sent(waiting(0, "MPI_Send", {send(1, 7)}), 1, 7), receiving(1, any_rank)})));
}

TEST_CASE("verdict: a send goes on when its receive is open, also after the cell") {
    const Picture sender = waiting(0, "MPI_Send", {send(1, 7)});
    CHECK_FALSE(is_deadlock(all({sender, may_receive(left(1), receive(0, 7))})));
    CHECK_FALSE(is_deadlock(all({sender, may_receive(left(1), receive(any_rank))})));
    CHECK(is_deadlock(all({sender, may_receive(left(1), receive(0, 8))})));
    CHECK(is_deadlock(all({sender, may_receive(left(1), receive(2, 7)), left(2)})));
    CHECK(is_deadlock(all({sender, may_receive(left(1), on(row, receive(0, 7)))})));
    // Tags are compared as they are, not by bucket.
    CHECK(is_deadlock(all({sender, may_receive(left(1), receive(0, 7 + tag_buckets))})));
}

TEST_CASE("verdict: a Waitall goes on when any of it can") {
    const std::vector<Need> needs = {receive(1, 3), send(2, 4)};
    const Picture waitall = waiting(0, "MPI_Waitall", needs);
    CHECK_FALSE(is_deadlock(all({waitall, has_sent(left(1), 0, 3), left(2)})));
    CHECK_FALSE(is_deadlock(all({waitall, left(1), may_receive(left(2), receive(0, 4))})));
    CHECK(is_deadlock(all({waitall, left(1), left(2)})));
}

TEST_CASE("verdict: a Waitany goes on when any of it can") {
    Picture waitany = waiting(0, "MPI_Waitany", {receive(1, 3), receive(2, 3)});
    waitany.waits[0].any = true;
    CHECK_FALSE(is_deadlock(all({waitany, left(1), has_sent(left(2), 0, 3)})));
    CHECK(is_deadlock(all({waitany, left(1), left(2)})));
}

TEST_CASE("verdict: a call with nothing left to wait for is about to return") {
    CHECK_FALSE(is_deadlock(all({waiting(0, "MPI_Waitall", {}), receiving(1, 0)})));
    CHECK_FALSE(is_deadlock(all({waiting(0, std::vector<Wait>{}), receiving(1, 0)})));
}

TEST_CASE("verdict: a thread that goes on after its cell may still send") {
    Picture other = left(1);
    other.waits = {in_thread(in("MPI_Recv", {receive(2, 9)}))};
    CHECK_FALSE(is_deadlock(all({receiving(0, 1), other, has_sent(left(2), 1, 9)})));
    CHECK(is_deadlock(all({receiving(0, 1), other, left(2)})));
}

TEST_CASE("verdict: an arrival that is in flight, one that is not, and the end of all") {
    CHECK(is_deadlock(in_collective(4, "MPI_Barrier", ranks("2"))));
    Pictures in_flight = in_collective(4, "MPI_Barrier", ranks("2"));
    in_flight[1].waits[0].needs[0].received = 0;
    CHECK_FALSE(is_deadlock(in_flight));
    // The kind of the message matters, and its tag where there is one.
    in_flight[0].sent[0].tag = 9;
    CHECK_FALSE(is_deadlock(in_flight));
    in_flight[1].waits[0].needs[0].tag = 9;
    CHECK_FALSE(is_deadlock(in_flight));
    in_flight[1].waits[0].needs[0].tag = 8;
    CHECK(is_deadlock(in_flight));
    in_flight[1].waits[0].needs[0].tag = 9;
    in_flight[0].sent[0].arrival = false;
    CHECK(is_deadlock(in_flight));
}

TEST_CASE("verdict: a nonblocking collective runs when all have begun it") {
    const Picture done = has_begun(left(1), 0, 2);
    CHECK_FALSE(is_deadlock(all({has_begun(waiting(0, "MPI_Wait", {collective(2)}), 0, 2), done})));
    const Pictures behind = all({has_begun(waiting(0, "MPI_Wait", {collective(3)}), 0, 3), done});
    CHECK(is_deadlock(behind));
    // Blocking ones are counted apart, and none is begun without an entry.
    CHECK(is_deadlock(
        all({has_begun(waiting(0, "MPI_Wait", {collective(1)}), 0, 1), has_begun(left(1), 5)})));
    CHECK(is_deadlock(all({has_begun(waiting(0, "MPI_Wait", {collective(1)}), 0, 1), left(1)})));
}

TEST_CASE("verdict: what the pictures leave open is no deadlock") {
    CHECK_FALSE(is_deadlock({waiting(0, "MPI_Wait", {collective(1)}), left(1)}));
    CHECK_FALSE(is_deadlock({receiving(0, 1), left(1)}));
    CHECK_FALSE(is_deadlock(all({receiving(0, 1)})));
    CHECK_FALSE(is_deadlock(all({waiting(0, "MPI_Send", {send(3, 1)}), left(1)})));
    CHECK_FALSE(is_deadlock(all({waiting(0, "MPI_Send", {send(any_rank, 1)}), left(1)})));
    CHECK_FALSE(is_deadlock(all({waiting(0, "MPI_Barrier", {arrival(1, any_rank)}), left(1)})));
    const Need by_anyone = on(row, receive(any_rank));  // rank 1 has not answered
    CHECK_FALSE(is_deadlock(all({waiting(0, "MPI_Recv", {by_anyone}), left(2)})));
}
