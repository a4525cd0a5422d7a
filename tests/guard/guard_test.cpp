// What needs MPI, but no session: the books, and what several threads do at once.
#define DOCTEST_CONFIG_IMPLEMENT
#include "guard/guard.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <mpi.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "guard/large_count.h"
#include "guard/state.h"

using namespace mpirepl::guard;

namespace {

std::atomic<bool> is_slow = false;      // receives are
std::atomic<bool> in_library = false;   // a slow one is
std::atomic<bool> goes_astray = false;  // it has posted a receive on what has been replaced
std::uint32_t cell = 0;

int rank_in_world() {
    int rank = 0;
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

void begin_next_cell() { begin_cell(++cell, true, false); }

/// Runs something over and over in a thread of its own, as long as it lives.
template <typename Work>
class Meanwhile {
  public:
    explicit Meanwhile(Work work)
        : thread_([this, work] {
              while (!stop_) work();
          }) {}
    ~Meanwhile() {
        stop_ = true;
        thread_.join();
    }

  private:
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

}  // namespace

TEST_CASE("elements beyond an int as one") {
    MPI_Datatype pair = MPI_DATATYPE_NULL;
    MPI_Type_vector(2, 1, 2, MPI_CHAR, &pair);  // 2 bytes in an extent of 3
    for (MPI_Count count : {MPI_Count{7}, MPI_Count{5} << 30, (MPI_Count{5} << 30) + 7}) {
        const AsOne all(count, pair);
        MPI_Count size = 0;
        MPI_Type_size_x(all.datatype(), &size);
        MPI_Count lower_bound = 0;
        MPI_Count extent = 0;
        MPI_Type_get_extent_x(all.datatype(), &lower_bound, &extent);
        CHECK(size == 2 * count);
        CHECK(extent == 3 * count);
    }
    MPI_Type_free(&pair);
}

TEST_CASE("persistent receives are counted while the agent looks") {
    begin_next_cell();
    const int rank = rank_in_world();
    int in = 0;
    const int out = 1;
    std::array<MPI_Request, 2> requests{};
    MPI_Recv_init(&in, 1, MPI_INT, rank, 2, MPI_COMM_WORLD, &requests[0]);
    MPI_Send_init(&out, 1, MPI_INT, rank, 2, MPI_COMM_WORLD, &requests[1]);
    {
        const Meanwhile agent([] { look({}); });
        for (int i = 0; i < 100'000; ++i) {
            MPI_Startall(2, requests.data());
            MPI_Waitall(2, requests.data(), MPI_STATUSES_IGNORE);
        }
    }
    for (MPI_Request& request : requests) MPI_Request_free(&request);
    const Context& world = *find_communicator(MPI_COMM_WORLD);
    CHECK(world.sent.total() == world.received.total());
}

TEST_CASE("a receive that was freed is counted when its message comes") {
    begin_next_cell();
    const int rank = rank_in_world();
    int in = 0;
    const int out = 1;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Irecv(&in, 1, MPI_INT, rank, 3, MPI_COMM_WORLD, &request);
    MPI_Request_free(&request);
    CHECK(request == MPI_REQUEST_NULL);
    MPI_Send(&out, 1, MPI_INT, rank, 3, MPI_COMM_WORLD);
    look({});
    const Context& world = *find_communicator(MPI_COMM_WORLD);
    CHECK(in == 1);
    CHECK(world.sent.total() == world.received.total());
    CHECK(state().requests.empty());
}

TEST_CASE("a thread that calls is out of the way before communicators are made anew") {
    begin_next_cell();
    is_slow = true;
    std::thread user([] {
        int in = 0;
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Irecv(&in, 1, MPI_INT, rank_in_world(), 4, MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    });
    while (!in_library) std::this_thread::yield();
    break_off(cell);
    proceed();
    take_part();
    end_cell();
    user.join();
    CHECK_FALSE(goes_astray);
    begin_next_cell();
    CHECK(MPI_Barrier(MPI_COMM_WORLD) == MPI_SUCCESS);
}

/// Stands before the library's.
extern "C" __attribute__((visibility("default"))) int PMPI_Irecv(void* buffer, int count,
                                                                 MPI_Datatype type, int source,
                                                                 int tag, MPI_Comm comm,
                                                                 MPI_Request* request) {
    static const auto native =
        reinterpret_cast<decltype(&PMPI_Irecv)>(dlsym(RTLD_NEXT, "PMPI_Irecv"));
    if (is_slow.exchange(false)) {
        in_library = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        goes_astray = comm != find_communicator(MPI_COMM_WORLD)->real;
    }
    return native(buffer, count, type, source, tag, comm, request);
}

int main(int argc, char** argv) {
    int provided = 0;
    PMPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    install();
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    const int result = doctest::Context(argc, argv).run();
    begin_cell(++cell, false, false);
    uninstall();
    PMPI_Finalize();
    return result;
}
