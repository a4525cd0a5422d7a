#include "broadcast/doorbell.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

using mpirepl::Doorbell;
using namespace std::chrono_literals;

namespace {

const std::uint64_t session = std::uint64_t{std::random_device{}()} << 32U | 1U;

/// Naps until something ends it, an hour at most, while a function is called again and again.
/// @return what the nap said
template <typename Function>
bool nap_while(Doorbell& bell, Function&& function) {
    std::atomic<bool> awake = false, over = false;
    std::thread caller([&] {
        while (!over) {
            function();
            std::this_thread::sleep_for(1ms);
        }
    });
    bool result = bell.nap(1h, awake);
    over = true;
    caller.join();
    return result;
}

}  // namespace

TEST_CASE("a nap ends when another rank rings") {
    Doorbell mine(session, 0), other(session, 1);
    REQUIRE(mine.rings());
    CHECK(nap_while(mine, [&] { other.ring(0); }));
}

TEST_CASE(
    "a nap ends when another thread of the rank rings, which nobody hears but those who nap") {
    Doorbell mine(session, 0);
    CHECK(nap_while(mine, [&] { mine.ring_own(); }));
}

TEST_CASE("a nap ends when there is something to read, and again when there is more") {
    Doorbell mine(session, 0);
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    mine.watch(pipe[0]);
    for (int time = 0; time < 3; ++time)
        CHECK(nap_while(mine, [&] { CHECK(::write(pipe[1], "x", 1) == 1); }));
    for (int fd : pipe) ::close(fd);
}

TEST_CASE("what nobody reads ends one nap, not all") {
    Doorbell mine(session, 0);
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    mine.watch(pipe[0]);
    REQUIRE(::write(pipe[1], "x", 1) == 1);
    std::atomic<bool> awake = false;
    auto begin = std::chrono::steady_clock::now();
    for (int time = 0; time < 4; ++time) mine.nap(20ms, awake);
    CHECK(std::chrono::steady_clock::now() - begin >= 60ms);
    for (int fd : pipe) ::close(fd);
}

TEST_CASE("there is no nap for those who must be awake") {
    Doorbell mine(session, 0);
    CHECK(mine.nap(1h, std::atomic<bool>(true)));
}

TEST_CASE("a signal ends a nap and is told of") {
    struct sigaction ours {};
    struct sigaction before {};
    ours.sa_handler = [](int) {};
    ::sigaction(SIGUSR2, &ours, &before);
    Doorbell mine(session, 0);
    CHECK(!nap_while(mine, [thread = ::pthread_self()] { ::pthread_kill(thread, SIGUSR2); }));
    ::sigaction(SIGUSR2, &before, nullptr);
}

TEST_CASE("rings beyond counting, for a rank that is not there, and of a silent bell do no harm") {
    Doorbell mine(session, 0), other(session, 1), silent(0, 2);
    CHECK(!silent.rings());
    for (int time = 0; time < 10'000; ++time) {
        other.ring(0);
        mine.ring(7);
        silent.ring(0);
    }
    std::atomic<bool> awake = false;
    CHECK(mine.nap(1h, awake));
    auto begin = std::chrono::steady_clock::now();
    mine.nap(20ms, awake);  // all of them have been heard
    CHECK(std::chrono::steady_clock::now() - begin >= 20ms);
}
