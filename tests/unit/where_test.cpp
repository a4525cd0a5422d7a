#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "guard/verdict.h"
#include "unit/pictures.h"

using namespace mpirepl;
using namespace mpirepl::guard;

TEST_CASE("where: equal places and calls fold, with the longest wait") {
    Pictures pictures;
    for (int rank = 7; rank >= 0; --rank) {
        Wait wait{.call = "MPI_Allreduce", .seconds = rank + 0.1, .where = "psum.py:6 in psum"};
        pictures.push_back(rank == 5 ? computing(5, "sim.py:40 in step") : waiting(rank, {wait}));
    }
    CHECK(where(pictures) ==
          "0-4,6-7  psum.py:6 psum → MPI_Allreduce (7.1 s)\n"
          "5        sim.py:40 step\n");
}

TEST_CASE("where: other states, and what is not known") {
    Picture receives = receiving(3, 0);
    receives.waits[0].where = "";
    CHECK(where({computing(0), left(1), not_targeted(2), receives, left(4, "KeyError"),
                 computing(5, "<cell 3>:1"), computing(6), waiting(7, std::vector<Wait>{}),
                 without_task(8)}) ==
          "0,6  computing\n"
          "1    done with the cell\n"
          "2    not among the targets\n"
          "3    MPI_Recv (0.0 s)\n"
          "4    done with the cell (KeyError)\n"
          "5    <cell 3>:1\n"
          "7    waiting\n"
          "8    without a task\n");
    CHECK(where({}) == "");
}

TEST_CASE("where: other threads have lines of their own") {
    const Wait pump{
        .call = "MPI_Recv", .main_thread = false, .seconds = 2, .where = "io.py:9 in pump"};
    const Wait main{.call = "MPI_Barrier", .seconds = 0.25, .where = "my in.py:1 in f"};
    Picture computes = computing(2, "sim.py:40 in step");
    computes.waits = {pump};
    CHECK(where({waiting(0, {pump, main}), waiting(1, {main}), computes}) ==
          "0,2  (thread) io.py:9 pump → MPI_Recv (2.0 s)\n"
          "0-1  my in.py:1 f → MPI_Barrier (0.2 s)\n"
          "2    sim.py:40 step\n");
}
