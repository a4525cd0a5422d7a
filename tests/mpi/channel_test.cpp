#include "broadcast/channel.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/mpi_error.h"
#include "mpi/the_world.h"

using namespace mpirepl;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t sizes[] = {0, 1, 4096, std::size_t{1} << 20};

/// What rank `source` sends to rank `destination` as its message number `number`.
std::string message(int source, int destination, int number) {
    std::string text(sizes[static_cast<std::size_t>(number) % std::size(sizes)], '\0');
    auto seed = static_cast<std::uint32_t>(source * 10007 + destination * 101 + number);
    for (char& c : text) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
    return text;
}

void barrier() { MPIREPL_MPI(PMPI_Barrier(MPI_COMM_WORLD)); }

}  // namespace

TEST_CASE("channel: nothing to do") {
    barrier();
    Channel channel(the_world().control());
    CHECK_FALSE(channel.sending());
    CHECK_FALSE(channel.progress([](int, std::string&&) { FAIL("nobody has sent anything"); }));
    barrier();
}

TEST_CASE("channel: all to all, of all sizes, in the order of each pair") {
    constexpr int rounds = 9;
    const int rank = the_world().rank();
    const int size = the_world().size();
    Channel channel(the_world().control());
    for (int number = 0; number < rounds; ++number)
        for (int to = 0; to < size; ++to)
            channel.send(to, std::make_shared<const std::string>(message(rank, to, number)));

    std::vector<int> received(static_cast<std::size_t>(size));
    int missing = rounds * size;
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    while ((missing > 0 || channel.sending()) && Clock::now() < deadline)
        channel.progress([&](int source, std::string&& bytes) {
            int& number = received[static_cast<std::size_t>(source)];
            CHECK((bytes == message(source, rank, number)));
            ++number;
            --missing;
        });
    CHECK(missing == 0);
    CHECK_FALSE(channel.sending());
    barrier();
}

TEST_CASE("channel: sending does not wait for the receiver") {
    const int rank = the_world().rank();
    const int size = the_world().size();
    const int next = (rank + 1) % size;
    constexpr int count = 20;
    Channel channel(the_world().control());
    for (int i = 0; i < count; ++i)  // each more than MPI keeps in buffers of its own
        channel.send(next, std::make_shared<const std::string>(std::size_t{1} << 20, 'x'));
    barrier();  // nobody has received anything, and yet all are here
    int missing = count;
    while (missing > 0 || channel.sending())
        channel.progress([&](int source, std::string&& bytes) {
            CHECK(source == (rank + size - 1) % size);
            CHECK(bytes.size() == std::size_t{1} << 20);
            --missing;
        });
    barrier();
}

TEST_CASE("channel: its end waits until all has been received") {
    const int rank = the_world().rank();
    const int size = the_world().size();
    int received = 0;
    Channel receiving(the_world().control());
    {
        Channel channel(the_world().control());
        if (rank != 0)
            channel.send(0, std::make_shared<const std::string>(std::size_t{1} << 20, 'y'));
        while (rank == 0 && received < size - 1)
            receiving.progress([&](int, std::string&& bytes) { received += bytes.front() == 'y'; });
    }
    CHECK(received == (rank == 0 ? size - 1 : 0));
    barrier();
}
