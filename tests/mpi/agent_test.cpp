#include "broadcast/agent.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "base/mpi_error.h"
#include "mpi/the_world.h"

using namespace mpirepl;
using namespace std::chrono_literals;

namespace {

/// Passes StreamNow down to all ranks, gathers one Credit of each of them up the other tree, and
/// ends every agent at CloseOutput.
class Listener : public AgentListener {
  public:
    ~Listener() override = default;
    void on_message(int /*source*/, Message&& message,
                    const std::shared_ptr<const std::string>& bytes) override {
        ++messages;
        if (auto* credit = std::get_if<Credit>(&message)) {
            gather(credit->bytes);
            return;
        }
        for (int child : the_world().down().children()) agent->send(child, bytes);
        if (auto* stream = std::get_if<StreamNow>(&message)) start(stream->sequence);
        if (std::holds_alternative<CloseOutput>(message)) agent->end();
    }
    bool on_turn(std::chrono::steady_clock::time_point /*now*/) override {
        ++turns;
        return false;
    }
    void on_failure(const std::string& what) override {
        std::cerr << "rank " << the_world().rank() << ": " << what << '\n';
        PMPI_Abort(MPI_COMM_WORLD, 1);
        std::abort();
    }

    void start(std::uint32_t sequence) {
        round = sequence;
        gather(1);
    }

    Agent* agent = nullptr;
    std::uint32_t round = 0;
    std::uint32_t gathered = 0;  ///< of the ranks of this round
    std::uint32_t finished = 0;  ///< rounds that all ranks have answered
    std::atomic<int> turns = 0;
    int messages = 0;

  private:
    void gather(std::uint32_t ranks) {
        const World& world = the_world();
        gathered += ranks;
        if (gathered < static_cast<std::uint32_t>(world.up().subtree().count())) return;
        gathered = 0;
        ++finished;
        if (!world.up().is_root())
            agent->send(world.up().parent(),
                        Credit{static_cast<std::uint32_t>(world.up().subtree().count())});
    }
};

/// A rank's agent at work; on rank 0 its end ends all of them.
struct Session {
    Session() {
        listener.agent = &agent;
        agent.start(listener);
    }
    ~Session() {
        PMPI_Barrier(MPI_COMM_WORLD);  // nobody needs it any longer
        if (the_world().rank() == 0) {
            agent.now([&] { broadcast(CloseOutput{}); });
            agent.post([&] { agent.end(); });
        }
        while (!agent.work_until([&] { return agent.ended(); })) {
        }
        PMPI_Barrier(MPI_COMM_WORLD);  // the next one gets no message of this one
    }

    void broadcast(const Message& message) {
        for (int child : the_world().down().children()) agent.send(child, message);
    }

    Listener listener;
    Agent agent{the_world()};
};

}  // namespace

TEST_CASE("agent: starts and ends") {
    for (int i = 0; i < 5; ++i) {
        Session session;
        CHECK_FALSE(session.agent.now([&] { return session.agent.ended(); }));
    }
}

TEST_CASE("agent: what is posted runs in order, on the agent's thread or in now()") {
    Session session;
    std::vector<int> order;  // touched as part of turns only
    for (int i = 0; i < 100; ++i) session.agent.post([&, i] { order.push_back(i); });
    const int value = session.agent.now([&] {
        order.push_back(100);
        return 42;
    });
    CHECK(value == 42);
    REQUIRE(order.size() == 101);
    for (int i = 0; i <= 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);

    std::promise<std::thread::id> ran;
    session.agent.post([&] { ran.set_value(std::this_thread::get_id()); });
    auto id = ran.get_future();
    REQUIRE(id.wait_for(10s) == std::future_status::ready);
    CHECK(id.get() != std::this_thread::get_id());
}

TEST_CASE("agent: many threads post") {
    Session session;
    int count = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int k = 0; k < 250; ++k) session.agent.post([&] { ++count; });
            });
    }
    CHECK(session.agent.work_until([&] { return count == 1000; }));
}

TEST_CASE("agent: turns go on while the main thread is busy or waits") {
    Session session;
    const int before = session.listener.turns;
    for (int i = 0; i < 1000 && session.listener.turns < before + 10; ++i)
        std::this_thread::sleep_for(10ms);
    CHECK(session.listener.turns >= before + 10);
    const int waiting = session.listener.turns;
    CHECK(session.agent.work_until([&] { return session.listener.turns >= waiting + 10; }));
}

TEST_CASE("agent: from rank 0 to all and back, again and again") {
    constexpr std::uint32_t rounds = 200;
    Session session;
    const bool root = the_world().rank() == 0;
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        if (root)
            session.agent.now([&] {
                session.broadcast(StreamNow{round});
                session.listener.start(round);
            });
        CHECK(session.agent.work_until([&] { return session.listener.finished >= round; }));
        if (round % 50 == 0) std::this_thread::sleep_for(5ms);  // now the thread does the work
    }
    session.agent.now([&] {
        if (root) CHECK(session.listener.finished == rounds);
        CHECK(session.listener.round == rounds);
    });
}

TEST_CASE("agent: a long message and many short ones") {
    constexpr int count = 500;
    Session session;
    if (the_world().rank() == 0) {
        const Cell cell{.sequence = 1, .source = std::string(std::size_t{4} << 20, '#')};
        session.agent.now([&] {
            for (int i = 0; i < count; ++i) session.broadcast(i == 100 ? cell : Cell{});
        });
    } else {
        CHECK(session.agent.work_until([&] { return session.listener.messages >= count; }));
    }
}
