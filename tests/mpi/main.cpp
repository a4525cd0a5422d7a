// All ranks run all tests together. Rank 0 prints the report of the first rank on which one has
// failed, and on how many others something has failed.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <iostream>
#include <sstream>
#include <string>

#include "base/mpi_error.h"
#include "mpi/the_world.h"

namespace mpirepl {
namespace {

const World* world = nullptr;

/// The text of rank `source`, on rank 0.
std::string text_of(int source, std::string text) {
    int size = static_cast<int>(text.size());
    MPIREPL_MPI(PMPI_Bcast(&size, 1, MPI_INT, source, MPI_COMM_WORLD));
    text.resize(static_cast<std::size_t>(size));
    MPIREPL_MPI(PMPI_Bcast(text.data(), size, MPI_CHAR, source, MPI_COMM_WORLD));
    return text;
}

int run(int argc, char** argv) {
    std::ostringstream report;
    doctest::Context context(argc, argv);
    context.setCout(&report);
    const bool failed = context.run() != 0;

    const int rank = world->rank();
    const int mine = failed ? rank : world->size();
    int first = 0;
    MPIREPL_MPI(PMPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD));
    const int one = failed ? 1 : 0;
    int count = 0;
    MPIREPL_MPI(PMPI_Allreduce(&one, &count, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    const std::string shown = text_of(count > 0 ? first : 0, report.str());
    if (rank != 0) return count > 0;
    if (count > 0) std::cout << "rank " << first << ":\n";
    std::cout << shown;
    if (count > 0) std::cout << count - 1 << " other ranks of " << world->size() << " failed\n";
    return count > 0;
}

}  // namespace

const World& the_world() { return *world; }

}  // namespace mpirepl

int main(int argc, char** argv) {
    const mpirepl::World world;
    mpirepl::world = &world;
    return mpirepl::run(argc, argv);
}
