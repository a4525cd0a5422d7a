#include "broadcast/world.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/error.h"
#include "base/mpi_error.h"
#include "broadcast/doorbell.h"

namespace mpirepl {
namespace {

constexpr int down_arity = 64;
constexpr int star_size = 17;     // up to here answers go straight to rank 0
constexpr int up_root_arity = 3;  // rank 0 receives three copies of what everybody prints;
constexpr int up_arity = 20;      // the fewer levels, the sooner an answer is there

std::string host_name() {
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    return name;
}

/// See World::doorbells().
std::uint64_t agree_on_doorbells() {
    std::uint64_t place = doorbell_place();
    std::uint64_t number = std::random_device{}();
    std::array<std::uint64_t, 3> least{place, ~place, number << 32U | std::random_device{}()};
    MPIREPL_MPI(PMPI_Allreduce(MPI_IN_PLACE, least.data(), static_cast<int>(least.size()),
                               MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD));
    return place != 0 && least[0] == ~least[1] ? least[2] : 0;
}

}  // namespace

World::World() : host_(host_name()) {
    int provided = MPI_THREAD_SINGLE;
    MPIREPL_MPI(PMPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided));
    MPIREPL_MPI(PMPI_Comm_rank(MPI_COMM_WORLD, &rank_));
    MPIREPL_MPI(PMPI_Comm_size(MPI_COMM_WORLD, &size_));
    if (provided < MPI_THREAD_MULTIPLE) {
        PMPI_Finalize();
        throw UserError(fmt::format(
            "this MPI library grants {} only, and mpirepl needs MPI_THREAD_MULTIPLE: use an MPI "
            "that was built with thread support, and build mpirepl with it",
            thread_level()));
    }
    MPIREPL_MPI(PMPI_Comm_dup(MPI_COMM_WORLD, &control_));
    MPIREPL_MPI(PMPI_Comm_dup(MPI_COMM_WORLD, &data_));
    for (MPI_Comm comm : {control_, data_})
        MPIREPL_MPI(PMPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    doorbells_ = agree_on_doorbells();
    if (doorbells_ != 0)
        crowding_ = std::max(1, size_ / static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
    down_ = std::make_unique<Tree>(rank_, size_, down_arity);
    up_ = size_ <= star_size ? std::make_unique<Tree>(rank_, size_, star_size)
                             : std::make_unique<Tree>(rank_, size_, up_arity, up_root_arity);
}

World::~World() {
    PMPI_Comm_free(&data_);
    PMPI_Comm_free(&control_);
    int finalized = 0;
    PMPI_Finalized(&finalized);
    if (finalized == 0) PMPI_Finalize();
}

void World::agree(const std::optional<UserError>& problem) const {
    int mine = problem ? rank_ : size_;
    int first = size_;
    MPIREPL_MPI(PMPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, control_));
    if (first == size_) return;
    int status = problem ? problem->status() : 0;
    MPIREPL_MPI(PMPI_Bcast(&status, 1, MPI_INT, first, control_));
    throw UserError(first == rank_ ? problem->what() : "", status);
}

std::string World::thread_level() {
    int provided = MPI_THREAD_SINGLE;
    PMPI_Query_thread(&provided);
    switch (provided) {
        case MPI_THREAD_MULTIPLE:
            return "MPI_THREAD_MULTIPLE";
        case MPI_THREAD_SERIALIZED:
            return "MPI_THREAD_SERIALIZED";
        case MPI_THREAD_FUNNELED:
            return "MPI_THREAD_FUNNELED";
        default:
            return "MPI_THREAD_SINGLE";
    }
}

std::string World::library_version() {
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    PMPI_Get_library_version(text, &length);
    std::string version(text, static_cast<std::size_t>(length));
    return version.substr(0, version.find_first_of(",\n"));
}

}  // namespace mpirepl
