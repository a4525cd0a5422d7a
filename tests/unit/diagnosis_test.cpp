#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "guard/verdict.h"
#include "unit/pictures.h"

using namespace mpirepl;
using namespace mpirepl::guard;

namespace {

/// What is told, as the user sees it.
std::string told(const Pictures& pictures) {
    std::string text;
    for (const Diagnosis& diagnosis : diagnose(pictures))
        text += "[" + diagnosis.ranks.to_string() + "] " + diagnosis.text + "\n";
    return text;
}
std::string told_to(int rank, const Pictures& pictures) {
    for (const Diagnosis& diagnosis : diagnose(pictures))
        if (diagnosis.ranks.contains(rank)) return diagnosis.text;
    return "";
}

/// The line on this wait of rank 0, while rank 1 has left.
std::string line_on(const Wait& wait) {
    const std::string text = told_to(0, all({waiting(0, {wait}), left(1)}));
    const std::string begin = "rank 1 has left the cell\n  waiting in ";
    return text.starts_with(begin) ? text.substr(begin.size()) : "unexpected: " + text;
}

}  // namespace

TEST_CASE("diagnosis: large sends that cross") {
    const Pictures pictures = all({has_sent(waiting(0, "MPI_Send", {send(1, 7)}), 1, 7),
                                   has_sent(waiting(1, "MPI_Send", {send(0, 7)}), 0, 7)});
    CHECK(is_deadlock(pictures));
    CHECK(told(pictures) ==
          "[0] ranks 0-1 wait for each other\n"
          "  waiting in MPI_Send to 1, tag 7 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 1 waits in MPI_Send to 0, tag 7 on MPI_COMM_WORLD, f.py:3 in f\n"
          "[1] ranks 0-1 wait for each other\n"
          "  waiting in MPI_Send to 0, tag 7 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 0 waits in MPI_Send to 1, tag 7 on MPI_COMM_WORLD, f.py:3 in f\n");
}

TEST_CASE("diagnosis: tags that do not fit") {
    const Pictures pictures =
        all({has_sent(waiting(0, "MPI_Ssend", {send(1, 7)}), 1, 7), receiving(1, 0, 8)});
    CHECK(is_deadlock(pictures));
    CHECK(told_to(1, pictures) ==
          "ranks 0-1 wait for each other\n"
          "  waiting in MPI_Recv from 0, tag 8 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 0 waits in MPI_Ssend to 1, tag 7 on MPI_COMM_WORLD, f.py:3 in f");
}

TEST_CASE("diagnosis: a Waitany waits for all that it names") {
    Picture waitany = waiting(0, "MPI_Waitany", {receive(1, 3), receive(2, 3)});
    waitany.waits[0].any = true;
    CHECK(told(all({waitany, left(1), receiving(2, 0)})) ==
          "[0] rank 1 has left the cell\n"
          "  waiting in MPI_Waitany (receive from 1, tag 3; receive from 2, tag 3) on "
          "MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 2 waits in MPI_Recv from 0 on MPI_COMM_WORLD, f.py:3 in f\n"
          "[2] rank 1 has left the cell\n"
          "  waiting in MPI_Recv from 0 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 0 waits in MPI_Waitany (receive from 1, tag 3; receive from 2, tag 3) on "
          "MPI_COMM_WORLD, f.py:3 in f\n");
}

TEST_CASE("diagnosis: nonblocking collectives that differ") {
    auto calls = [](Picture picture, const char* call) {
        picture = has_begun(std::move(picture), 0, 3);
        picture.begun[0].latest = {{.number = 2, .call = "MPI_Ibarrier"},
                                   {.number = 3, .call = call}};
        return picture;
    };
    const Picture first = waiting(0, "MPI_Wait", {collective(3)});
    const Picture third = receiving(2, 0);
    const Pictures pictures = all(
        {calls(first, "MPI_Ibarrier"), calls(left(1), "MPI_Ibcast"), calls(third, "MPI_Ibarrier")});
    CHECK(is_deadlock(pictures));
    CHECK(
        told(pictures) ==
        "[0] ranks 0,2 call MPI_Ibarrier, rank 1 calls MPI_Ibcast on MPI_COMM_WORLD\n"
        "  waiting in MPI_Wait for a nonblocking collective on MPI_COMM_WORLD, f.py:3 in f\n"
        "[2] ranks 0,2 call MPI_Ibarrier, rank 1 calls MPI_Ibcast on MPI_COMM_WORLD\n"
        "  waiting in MPI_Recv from 0 on MPI_COMM_WORLD, f.py:3 in f\n"
        "  rank 0 waits in MPI_Wait for a nonblocking collective on MPI_COMM_WORLD, f.py:3 in f\n");
    for (const Diagnosis& diagnosis : diagnose(pictures)) {
        CHECK(diagnosis.mismatch);
        CHECK(diagnosis.missing.empty());
    }
    CHECK_FALSE(is_deadlock(all({calls(first, "MPI_Ibarrier"), calls(left(1), "MPI_Ibarrier")})));
    // What lies far back is not known.
    CHECK_FALSE(is_deadlock(all({calls(first, "MPI_Ibarrier"), has_begun(left(1), 0, 30)})));
}

TEST_CASE("diagnosis: a thread of an earlier cell waits where the cell has ended") {
    Picture served = waiting(0, {in_thread(in("MPI_Mprobe", {receive(any_rank)}))});
    served.left = true;
    served.left_by = "ValueError";
    const Pictures pictures = all({served, receiving(1, 0)});
    CHECK(is_deadlock(pictures));
    CHECK(told_to(1, pictures) ==
          "rank 0 has left the cell (ValueError)\n"
          "  waiting in MPI_Recv from 0 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 0 waits in MPI_Mprobe from any rank on MPI_COMM_WORLD, f.py:3 in f, in a thread");
}

TEST_CASE("diagnosis: those behind in a nonblocking collective") {
    const Pictures pictures = all({has_begun(waiting(0, "MPI_Wait", {collective(3)}), 0, 3),
                                   has_begun(left(1), 0, 2), has_begun(receiving(2, 0), 0, 3)});
    CHECK(told_to(0, pictures) ==
          "rank 1 has left the cell\n"
          "  waiting in MPI_Wait for a nonblocking collective on MPI_COMM_WORLD, f.py:3 in f");
    CHECK(diagnose(pictures)[0].missing == ranks("1"));
}

TEST_CASE("diagnosis: a rank that waits for itself") {
    const Pictures pictures = all({receiving(0, 0, 1), left(1)});
    CHECK(is_deadlock(pictures));
    CHECK(told(pictures) ==
          "[0] rank 0 waits for itself\n"
          "  waiting in MPI_Recv from 0, tag 1 on MPI_COMM_WORLD, f.py:3 in f\n");
    CHECK_FALSE(is_deadlock(all({has_sent(receiving(0, 0, 1), 0, 1), left(1)})));
    CHECK(told(all({receiving(0, any_rank)})).starts_with("[0] rank 0 waits for itself\n"));
}

TEST_CASE("diagnosis: three in a circle") {
    const Pictures pictures = all({receiving(0, 1), receiving(1, 2), receiving(2, 0)});
    CHECK(is_deadlock(pictures));
    CHECK(told_to(1, pictures) ==
          "ranks 0-2 wait for each other\n"
          "  waiting in MPI_Recv from 2 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 2 waits in MPI_Recv from 0 on MPI_COMM_WORLD, f.py:3 in f");
    const std::vector<Diagnosis> diagnoses = diagnose(pictures);
    REQUIRE(diagnoses.size() == 3);
    CHECK(diagnoses[1].ranks == ranks("1"));
    CHECK(diagnoses[1].missing == ranks("2"));
    CHECK(diagnoses[1].waiting == ranks("0-2"));
    CHECK(diagnoses[1].call == "MPI_Recv");
    CHECK(diagnoses[1].comm == "MPI_COMM_WORLD");
}

TEST_CASE("diagnosis: the example of the contract") {
    const Wait wait{.call = "MPI_Recv",
                    .needs = {on(hidden, receive(2, 17))},
                    .where = "psum.py:6 in psum",
                    .callee = "allreduce"};
    const Pictures pictures = all(
        {waiting(0, {wait}), waiting(1, {wait}), left(2, "ZeroDivisionError"), waiting(3, {wait})});
    CHECK(is_deadlock(pictures));
    CHECK(told(pictures) ==
          "[0-1,3] rank 2 has left the cell (ZeroDivisionError)\n"
          "  waiting in allreduce on MPI_COMM_WORLD (MPI_Recv from 2 on mpi4py's duplicate of it), "
          "psum.py:6 in psum\n");
    const Diagnosis diagnosis = diagnose(pictures)[0];
    CHECK(diagnosis.call == "MPI_Recv");
    CHECK(diagnosis.comm == "MPI_COMM_WORLD");
    CHECK(diagnosis.missing == ranks("2"));
    CHECK(diagnosis.waiting == ranks("0-1,3"));
}

TEST_CASE("diagnosis: mpi4py's duplicates without a callee, with several needs, in an arrival") {
    CHECK(line_on(in("MPI_Recv", {on(hidden, receive(1, 17))})) ==
          "MPI_Recv on MPI_COMM_WORLD (MPI_Recv from 1 on mpi4py's duplicate of it), f.py:3 in f");
    Wait wait = in("MPI_Sendrecv", {on(hidden, send(1, 17)), on(hidden, receive(1, 17))});
    wait.callee = "scan";
    CHECK(line_on(wait) ==
          "scan on MPI_COMM_WORLD (MPI_Sendrecv (send to 1; receive from 1) on mpi4py's duplicate "
          "of it), f.py:3 in f");
    wait = in("MPI_Barrier", {on(hidden, arrival(1, 1))});
    wait.callee = "reduce";
    CHECK(line_on(wait) ==
          "reduce on MPI_COMM_WORLD (MPI_Barrier on mpi4py's duplicate of it), f.py:3 in f");
}

TEST_CASE("diagnosis: one need in words") {
    const std::string end = " on MPI_COMM_WORLD, f.py:3 in f";
    CHECK(line_on(in("MPI_Recv", {receive(1, 5)})) == "MPI_Recv from 1, tag 5" + end);
    CHECK(line_on(in("MPI_Recv", {receive(1)})) == "MPI_Recv from 1" + end);
    CHECK(line_on(in("MPI_Probe", {receive(any_rank, 5)})) ==
          "MPI_Probe from any rank, tag 5" + end);
    CHECK(line_on(in("MPI_Mrecv", {receive(any_rank)})) == "MPI_Mrecv from any rank" + end);
    CHECK(line_on(in("MPI_Send", {send(1, 0)})) == "MPI_Send to 1, tag 0" + end);
    CHECK(line_on(in("MPI_Send_c", {send(1, 7)})) == "MPI_Send_c to 1, tag 7" + end);
    CHECK(line_on(in("MPI_Wait", {receive(1, 7)})) == "MPI_Wait (receive from 1, tag 7)" + end);
    CHECK(line_on(in("MPI_Sendrecv", {send(1, 7)})) == "MPI_Sendrecv (send to 1, tag 7)" + end);
    CHECK(line_on(in("MPI_Allreduce", {arrival(1, 1)})) == "MPI_Allreduce" + end);
    CHECK(line_on(in("MPI_Wait", {collective(1)})) ==
          "MPI_Wait for a nonblocking collective" + end);
    CHECK(line_on(in("MPI_Recv", {on(row, receive(1))})) == "MPI_Recv from 1 on row, f.py:3 in f");
}

TEST_CASE("diagnosis: several needs in words") {
    CHECK(line_on(in("MPI_Waitall", {receive(1, 3), send(1, 4), collective(1)})) ==
          "MPI_Waitall (receive from 1, tag 3; send to 1, tag 4; a nonblocking collective) on "
          "MPI_COMM_WORLD, f.py:3 in f");
    CHECK(line_on(in("MPI_Waitall", std::vector<Need>(4, receive(1)))) ==
          "MPI_Waitall (receive from 1; receive from 1; receive from 1; receive from 1) on "
          "MPI_COMM_WORLD, f.py:3 in f");
    CHECK(line_on(in("MPI_Waitall", std::vector<Need>(1000, receive(1)))) ==
          "MPI_Waitall (receive from 1; receive from 1; receive from 1; receive from 1; and 996 "
          "more) on MPI_COMM_WORLD, f.py:3 in f");
    CHECK(line_on(in("MPI_Waitall", {receive(1, 3), on(row, send(1, 4))})) ==
          "MPI_Waitall (receive from 1, tag 3; send to 1, tag 4) on MPI_COMM_WORLD and row, "
          "f.py:3 in f");
}

TEST_CASE("diagnosis: waits of threads, and of unknown place") {
    Wait wait = in("MPI_Recv", {receive(1)});
    CHECK(line_on(in_thread(wait)) ==
          "MPI_Recv from 1 on MPI_COMM_WORLD, f.py:3 in f, in a thread");
    wait.where = "";
    CHECK(line_on(wait) == "MPI_Recv from 1 on MPI_COMM_WORLD");
    CHECK(line_on(in_thread(wait)) == "MPI_Recv from 1 on MPI_COMM_WORLD, in a thread");
}

TEST_CASE("diagnosis: a rank that waits in two threads") {
    const Picture both = waiting(0, {in("MPI_Recv", {receive(1, 1)}),
                                     in_thread(in("MPI_Barrier", {on(row, arrival(1, 1))}))});
    CHECK(told(all({both, receiving(1, 0), left(2)})) ==
          "[0] ranks 0-1 wait for each other\n"
          "  waiting in MPI_Recv from 1, tag 1 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  waiting in MPI_Barrier on row, f.py:3 in f, in a thread\n"
          "  rank 1 waits in MPI_Recv from 0 on MPI_COMM_WORLD, f.py:3 in f\n"
          "[1] ranks 0-1 wait for each other\n"
          "  waiting in MPI_Recv from 0 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 0 waits in MPI_Recv from 1, tag 1 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 0 waits in MPI_Barrier on row, f.py:3 in f, in a thread\n");
}

TEST_CASE("diagnosis: who is to blame, by state") {
    auto first_line = [](Pictures others) {
        others.insert(others.begin(), waiting(0, "MPI_Recv", {receive(any_rank)}));
        const std::string text = told_to(0, all(others));
        return text.substr(0, text.find('\n'));
    };
    CHECK(first_line({left(1), left(2, "")}) == "ranks 1-2 have left the cell");
    CHECK(first_line({left(1), receiving(2, 0), left(3)}) == "ranks 1,3 have left the cell");
    CHECK(first_line({left(1, "KeyError"), left(2, "KeyError")}) ==
          "ranks 1-2 have left the cell (KeyError)");
    CHECK(first_line({not_targeted(4)}) == "rank 4 is not among the targets of this cell");
    CHECK(first_line({not_targeted(4), not_targeted(5)}) ==
          "ranks 4-5 are not among the targets of this cell");
    CHECK(first_line({without_task(4)}) == "rank 4 has no task");
    CHECK(first_line({without_task(4), without_task(5)}) == "ranks 4-5 have no task");
    CHECK(first_line({left(1, "KeyError"), not_targeted(2), left(3), left(4, "KeyError")}) ==
          "ranks 1,4 have left the cell (KeyError); rank 2 is not among the targets of this cell; "
          "rank 3 has left the cell");
}

TEST_CASE("diagnosis: the nearest are to blame, through those who wait for them") {
    const Pictures pictures =
        all({receiving(0, 1), receiving(1, 2), left(2, "KeyError"), receiving(3, 2), left(4)});
    CHECK(told_to(0, pictures) ==
          "rank 2 has left the cell (KeyError)\n"
          "  waiting in MPI_Recv from 1 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 1 waits in MPI_Recv from 2 on MPI_COMM_WORLD, f.py:3 in f");
    const Pictures nearer = all({waiting(0, "MPI_Waitall", {receive(1), receive(2)}),
                                 receiving(1, 3), left(2), left(3, "KeyError")});
    CHECK(told_to(0, nearer).starts_with("rank 2 has left the cell\n"));
}

TEST_CASE("diagnosis: a collective on a communicator that is not all of the targets") {
    const Pictures pictures =
        all({has_begun(waiting(0, "MPI_Allreduce", {arrival(1, 1)}), 1),
             has_begun(waiting(1, "MPI_Allreduce", {arrival(1, 0)}), 1), not_targeted(2)});
    CHECK(is_deadlock(pictures));
    CHECK(told(pictures) ==
          "[0-1] rank 2 is not among the targets of this cell\n"
          "  waiting in MPI_Allreduce on MPI_COMM_WORLD, f.py:3 in f\n");
    CHECK(diagnose(pictures)[0].missing == ranks("2"));
}

TEST_CASE("diagnosis: ranks in the same call need no line about each other") {
    const Pictures pictures = all({receiving(0, any_rank), receiving(1, any_rank), left(2)});
    CHECK(told(pictures) ==
          "[0-1] rank 2 has left the cell\n"
          "  waiting in MPI_Recv from any rank on MPI_COMM_WORLD, f.py:3 in f\n");
    CHECK(diagnose(pictures)[0].missing == ranks("2"));
    const Pictures all_of_them = all({receiving(0, any_rank), receiving(1, any_rank)});
    CHECK(diagnose(all_of_them)[0].missing == ranks("0-1"));  // of these each leaves itself out
}

TEST_CASE("diagnosis: collectives that some libraries let return early") {
    auto note = [](const char* call) {
        const std::string text = told_to(0, in_collective(2, call, ranks("1")));
        const std::size_t place = text.find("\n  (under the guard ");
        return place == std::string::npos ? "" : text.substr(place + 1);
    };
    for (std::string call : {"MPI_Bcast", "MPI_Scatter", "MPI_Scatterv", "MPI_Gather",
                             "MPI_Gatherv", "MPI_Reduce", "MPI_Bcast_c"})
        CHECK(note(call.c_str()) ==
              "  (under the guard " + call + " waits for all its ranks; the standard allows that)");
    for (const char* call : {"MPI_Barrier", "MPI_Allreduce", "MPI_Allgather", "MPI_Reduce_scatter"})
        CHECK(note(call) == "");
    CHECK(told(all({has_begun(waiting(0, "MPI_Bcast", {arrival(1, 1)}), 1), receiving(1, 0)})) ==
          "[0] ranks 0-1 wait for each other\n"
          "  waiting in MPI_Bcast on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 1 waits in MPI_Recv from 0 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  (under the guard MPI_Bcast waits for all its ranks; the standard allows that)\n"
          "[1] ranks 0-1 wait for each other\n"
          "  waiting in MPI_Recv from 0 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 0 waits in MPI_Bcast on MPI_COMM_WORLD, f.py:3 in f\n");
}

TEST_CASE("diagnosis: 64 ranks in a collective fold to one short text") {
    const Pictures pictures = in_collective(64, "MPI_Allreduce", ranks("5,9"));
    CHECK(is_deadlock(pictures));
    CHECK(told(pictures) ==
          "[0-4,6-8,10-63] ranks 5,9 have left the cell (ValueError)\n"
          "  waiting in MPI_Allreduce on MPI_COMM_WORLD, f.py:3 in f\n");
}

TEST_CASE("diagnosis: one of 64 ranks waits for all others, which wait for it") {
    Pictures pictures = {waiting(0, "MPI_Recv", {receive(any_rank)})};
    for (int rank = 1; rank < 64; ++rank) pictures.push_back(receiving(rank, 0, (rank - 1) / 5));
    const std::string text = told_to(0, all(pictures));
    CHECK(text.starts_with(
        "ranks 0-63 wait for each other\n"
        "  waiting in MPI_Recv from any rank on MPI_COMM_WORLD, f.py:3 in f\n"
        "  ranks 1-5 wait in MPI_Recv from 0, tag 0 on MPI_COMM_WORLD, f.py:3 in f\n"));
    CHECK(text.ends_with(
        "  ranks 36-40 wait in MPI_Recv from 0, tag 7 on MPI_COMM_WORLD, f.py:3 in f\n"
        "  and 23 more ranks wait"));
    pictures.resize(1 + 8 * 5 + 1);
    CHECK(told_to(0, all(pictures)).ends_with("\n  and 1 more rank waits"));
    pictures.resize(1 + 8 * 5);
    CHECK(told_to(0, all(pictures)).ends_with("tag 7 on MPI_COMM_WORLD, f.py:3 in f"));
}

TEST_CASE("diagnosis: 64 ranks in a ring of sends") {
    Pictures pictures;
    for (int rank = 0; rank < 64; ++rank)
        pictures.push_back(waiting(rank, "MPI_Send", {send((rank + 1) % 64, 0)}));
    CHECK(is_deadlock(all(pictures)));
    CHECK(diagnose(all(pictures)).size() == 64);
    CHECK(told_to(63, all(pictures)) ==
          "ranks 0-63 wait for each other\n"
          "  waiting in MPI_Send to 0, tag 0 on MPI_COMM_WORLD, f.py:3 in f\n"
          "  rank 0 waits in MPI_Send to 1, tag 0 on MPI_COMM_WORLD, f.py:3 in f");
}
