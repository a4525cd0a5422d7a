#include "guard/lock.h"

#include <doctest/doctest.h>

#include <mutex>
#include <thread>
#include <vector>

using mpirepl::guard::Lock;

namespace {

constexpr int times = 20'000;

/// Two numbers that differ whenever somebody is between them.
struct Pair {
    long first = 0;
    long second = 0;
    bool torn = false;
    void add() {
        torn |= first != second;
        ++first;
        ++second;
    }
};

void add(Lock& lock, Pair& pair, int how_often) {
    for (int i = 0; i < how_often; ++i) {
        const std::scoped_lock held(lock);
        pair.add();
    }
}

/// The calling thread takes it by far most often, others now and then.
/// @return how often all together
long contend(Lock& lock, Pair& pair, bool fair) {
    constexpr int others = 3;
    std::vector<std::thread> threads;
    for (int i = 0; i < others; ++i)
        threads.emplace_back([&] {
            for (int round = 0; round < times / 100; ++round) {
                const bool now_fair = fair && round % 2 == 0;
                if (now_fair) lock.be_fair();
                add(lock, pair, 10);
                if (now_fair) lock.be_unfair();
                std::this_thread::yield();
            }
        });
    add(lock, pair, 20 * times);
    for (std::thread& thread : threads) thread.join();
    return 20L * times + others * times / 10;
}

}  // namespace

TEST_CASE("lock: nobody is between two that hold it") {
    for (bool favours : {false, true})
        for (bool fair : {false, true}) {
            CAPTURE(favours);
            CAPTURE(fair);
            Lock lock;
            Pair pair;
            if (favours) lock.favour_this_thread();
            CHECK(contend(lock, pair, fair) == pair.first);
            CHECK_FALSE(pair.torn);
        }
}

TEST_CASE("lock: without others the favourite takes it as often as it likes") {
    Lock lock;
    Pair pair;
    lock.favour_this_thread();
    lock.be_fair();
    add(lock, pair, times);
    lock.be_unfair();
    add(lock, pair, times);
    CHECK(pair.first == 2 * times);
}
