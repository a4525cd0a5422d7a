#include "broadcast/world.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "base/mpi_error.h"
#include "mpi/the_world.h"

using namespace mpirepl;

namespace {

/// The error that agree() throws on this rank.
std::optional<UserError> agreed(const std::optional<UserError>& problem) {
    try {
        the_world().agree(problem);
        return std::nullopt;
    } catch (const UserError& error) {
        return error;
    }
}

}  // namespace

TEST_CASE("world: rank, size and trees agree with MPI") {
    const World& world = the_world();
    int rank = -1;
    int size = -1;
    MPIREPL_MPI(PMPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPIREPL_MPI(PMPI_Comm_size(MPI_COMM_WORLD, &size));
    CHECK(world.rank() == rank);
    CHECK(world.size() == size);
    CHECK(world.control() != MPI_COMM_WORLD);
    CHECK(world.up().subtree().contains(rank));
    CHECK(world.down().subtree().contains(rank));
    CHECK((world.up().subtree() == RankSet::all(size)) == (rank == 0));
    CHECK_FALSE(world.host().empty());
    CHECK(World::thread_level() == "MPI_THREAD_MULTIPLE");
    CHECK(World::library_version().find_first_of("\n,") == std::string::npos);
    CHECK_FALSE(World::library_version().empty());
}

TEST_CASE("world: nobody has a problem") {
    for (int i = 0; i < 10; ++i) CHECK_FALSE(agreed(std::nullopt));
}

TEST_CASE("world: the problem of one rank ends all of them, which alone has words") {
    const int rank = the_world().rank();
    for (int who = 0; who < the_world().size(); ++who) {
        std::optional<UserError> problem;
        if (rank == who) problem.emplace("no such file", 3 + who);
        const auto error = agreed(problem);
        REQUIRE(error);
        CHECK(error->status() == 3 + who);
        CHECK(std::string(error->what()) == (rank == who ? "no such file" : ""));
    }
}

TEST_CASE("world: of several problems that of the first rank counts") {
    const int rank = the_world().rank();
    const int first = the_world().size() / 2;
    std::optional<UserError> problem;
    if (rank >= first) problem.emplace("of rank " + std::to_string(rank), 10 + rank);
    const auto error = agreed(problem);
    REQUIRE(error);
    CHECK(error->status() == 10 + first);
    CHECK(std::string(error->what()) == (rank == first ? "of rank " + std::to_string(first) : ""));
}
