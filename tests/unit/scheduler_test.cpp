#include "tasks/scheduler.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

using namespace mpirepl;
using namespace std::chrono_literals;

namespace {

using Clock = Scheduler::Clock;

/// A scheduler with a clock of its own, and what it has sent.
struct Bench {
    explicit Bench(int size) : scheduler(size), size(size) {}

    std::uint64_t direct(int engine, bool stops = false) {
        Job job{.engine = engine};
        job.task.id = ++last;
        job.task.stops = stops;
        scheduler.submit(std::move(job), now);
        return last;
    }
    std::uint64_t balanced(Placement placement = {}) {
        if (placement.engines.empty()) placement.engines = RankSet::all(size);
        return add(std::make_shared<Placement>(placement));
    }
    std::uint64_t add(const std::shared_ptr<Placement>& placement) {
        Job job;
        job.placement = placement;
        job.task.id = ++last;
        job.task.balanced = true;
        scheduler.submit(std::move(job), now);
        return last;
    }
    /// What is sent now, by engine.
    std::map<int, std::vector<std::uint64_t>> send() {
        std::map<int, std::vector<std::uint64_t>> sent;
        for (const auto& parcel : scheduler.take_parcels(now))
            for (const Job* job : parcel.jobs) sent[parcel.engine].push_back(job->task.id);
        return sent;
    }
    int engine_of(std::uint64_t id) {
        for (const auto& [engine, ids] : send())
            for (std::uint64_t other : ids)
                if (other == id) return engine;
        return -1;
    }
    auto end(int engine, std::uint64_t id, TaskEnd::Status status = TaskEnd::Status::ok,
             double seconds = 1) {
        return scheduler.end(engine, {.id = id, .status = status, .completed = seconds}, now);
    }
    std::vector<std::pair<std::uint64_t, TaskEnd::Status>> ended() {
        std::vector<std::pair<std::uint64_t, TaskEnd::Status>> all;
        for (const auto& one : scheduler.take_ended(now))
            all.emplace_back(one.end.id, one.end.status);
        return all;
    }

    Scheduler scheduler;
    int size;
    std::uint64_t last = 0;
    Clock::time_point now{1h};
};

using Sent = std::map<int, std::vector<std::uint64_t>>;
using Ended = std::vector<std::pair<std::uint64_t, TaskEnd::Status>>;
using Status = TaskEnd::Status;

}  // namespace

TEST_CASE("scheduler: direct tasks go to their engine at once, in order") {
    Bench bench(3);
    bench.direct(1);
    bench.direct(2);
    bench.direct(1);
    CHECK(bench.send() == Sent{{1, {1, 3}}, {2, {2}}});
    CHECK(bench.scheduler.load(1).direct == 2);
    CHECK(bench.end(1, 1));
    CHECK(bench.scheduler.load(1).direct == 1);
    CHECK(bench.scheduler.load(1).completed == 1);
}

TEST_CASE("scheduler: a balanced task goes to an engine that has nothing to do") {
    Bench bench(3);
    for (int i = 0; i < 4; ++i) bench.balanced();
    CHECK(bench.send() == Sent{{0, {1}}, {1, {2}}, {2, {3}}});
    CHECK(bench.scheduler.unassigned() == 1);
    CHECK(bench.send().empty());
    bench.end(1, 2);
    CHECK(bench.send() == Sent{{1, {4}}});
}

TEST_CASE("scheduler: an engine that is not available gets no balanced tasks") {
    Bench bench(2);
    bench.scheduler.set_available(0, false);
    bench.balanced();
    bench.balanced();
    CHECK(bench.send() == Sent{{1, {1}}});
    bench.scheduler.set_available(0, true);
    CHECK(bench.send() == Sent{{0, {2}}});
}

TEST_CASE("scheduler: short tasks of one submission go in batches, long ones do not") {
    for (bool are_short : {true, false}) {
        Bench bench(2);
        auto placement = std::make_shared<Placement>();
        placement->engines = RankSet::all(2);
        for (int i = 0; i < 1000; ++i) bench.add(placement);
        CHECK(bench.send() == Sent{{0, {1}}, {1, {2}}});
        bench.end(0, 1, Status::ok, are_short ? 1e-5 : 0.1);
        const auto sent = bench.send();
        REQUIRE(sent.contains(0));
        CHECK((sent.at(0).size() > 50) == are_short);
    }
}

TEST_CASE("scheduler: what an idle engine could run is called back from one that is busy") {
    Bench bench(2);
    auto placement = std::make_shared<Placement>();
    placement->engines = RankSet::all(2);
    for (int i = 0; i < 8; ++i) bench.add(placement);
    bench.send();
    bench.end(0, 1, Status::ok, 1e-5);
    auto sent = bench.send();
    const auto batch = sent.at(0);
    REQUIRE(batch.size() > 1);
    bench.end(1, 2, Status::ok, 1e-5);
    for (; sent.contains(1); sent = bench.send())
        for (std::uint64_t id : sent.at(1)) bench.end(1, id, Status::ok, 1e-5);
    CHECK(bench.scheduler.take_recalls(bench.now).empty());
    bench.now += 10ms;
    CHECK(bench.scheduler.take_recalls(bench.now) == std::vector{0});
    CHECK(bench.scheduler.take_recalls(bench.now).empty());
    bench.scheduler.give_back(0, {batch.begin() + 1, batch.end()}, bench.now);
    CHECK(bench.send().contains(1));
}

TEST_CASE("scheduler: after waits for the end, and for the right one") {
    Bench bench(2);
    const auto first = bench.balanced();
    Placement after{.after = {.ids = {first}}};
    const auto second = bench.balanced(after);
    Placement after_failure{.after = {.ids = {first}, .success = false, .failure = true}};
    const auto third = bench.balanced(after_failure);
    CHECK(bench.send() == Sent{{0, {first}}});
    bench.end(0, first);
    CHECK(bench.engine_of(second) >= 0);
    CHECK(bench.ended() == Ended{{third, Status::impossible}});
}

TEST_CASE("scheduler: what depends on no task is invalid") {
    Bench bench(2);
    const auto id = bench.balanced({.after = {.ids = {77}}});
    CHECK(bench.ended() == Ended{{id, Status::invalid}});
}

TEST_CASE("scheduler: follow runs where the other has run") {
    Bench bench(3);
    const auto first = bench.balanced();
    const int engine = bench.engine_of(first);
    bench.end(engine, first);
    CHECK(bench.engine_of(bench.balanced({.follow = {.ids = {first}}})) == engine);
}

TEST_CASE("scheduler: nobody can follow tasks on two engines") {
    Bench bench(2);
    const auto first = bench.balanced();
    const auto second = bench.balanced();
    bench.send();
    bench.end(0, first);
    bench.end(1, second);
    const auto both = bench.balanced({.follow = {.ids = {first, second}}});
    CHECK(bench.ended() == Ended{{both, Status::impossible}});
    CHECK(bench.engine_of(bench.balanced({.follow = {.ids = {first, second}, .all = false}})) >= 0);
}

TEST_CASE("scheduler: a retry goes to another engine") {
    Bench bench(2);
    const auto id = bench.balanced({.retries = 1});
    const int first = bench.engine_of(id);
    CHECK_FALSE(bench.end(first, id, Status::error));
    const int second = bench.engine_of(id);
    CHECK(second == 1 - first);
    const auto ended = bench.end(second, id, Status::error);
    REQUIRE(ended);
    CHECK(ended->end.status == Status::error);
}

TEST_CASE("scheduler: a task that has failed everywhere waits for its time to be over") {
    Bench bench(2);
    const auto id = bench.balanced({.retries = 2, .timeout = 0.25});
    for (int i = 0; i < 2; ++i) CHECK_FALSE(bench.end(bench.engine_of(id), id, Status::error));
    CHECK(bench.send().empty());
    CHECK(bench.ended().empty());
    bench.now += 300ms;
    CHECK(bench.ended() == Ended{{id, Status::timeout}});
}

TEST_CASE("scheduler: time does not cut a running task") {
    Bench bench(1);
    const auto id = bench.balanced({.timeout = 0.1});
    bench.send();
    bench.now += 1s;
    CHECK(bench.ended().empty());
    CHECK(bench.end(0, id));
}

TEST_CASE("scheduler: an unmet dependency goes round the engines") {
    Bench bench(2);
    const auto id = bench.balanced();
    const int first = bench.engine_of(id);
    CHECK_FALSE(bench.end(first, id, Status::unmet));
    const auto ended = bench.end(bench.engine_of(id), id, Status::unmet);
    REQUIRE(ended);
    CHECK(ended->end.status == Status::impossible);
}

TEST_CASE("scheduler: aborting what waits here, and what has been sent") {
    Bench bench(1);
    const auto sent = bench.balanced();
    const auto waits = bench.balanced();
    bench.send();
    const auto there = bench.scheduler.abort({sent, waits, 99});
    CHECK(there.at(0) == std::vector{sent});
    CHECK(bench.ended() == Ended{{waits, Status::aborted}});
    CHECK(bench.end(0, sent, Status::aborted)->end.status == Status::aborted);
    CHECK(bench.scheduler.idle());
}

TEST_CASE("scheduler: every one of many tasks comes to one end") {
    std::mt19937 random(7);
    Bench bench(5);
    std::map<std::uint64_t, int> ends;
    std::vector<std::pair<int, std::uint64_t>> running;
    auto note = [&] {
        for (const auto& [id, status] : bench.ended()) ++ends[id];
        for (const auto& [engine, ids] : bench.send())
            for (std::uint64_t id : ids) running.emplace_back(engine, id);
    };
    for (int i = 0; i < 10'000; ++i) {
        bench.now += 100us;
        Placement placement{.retries = static_cast<int>(random() % 3)};
        if (random() % 4 == 0) placement.after.ids = {1 + random() % (bench.last + 1)};
        if (random() % 50 == 0) placement.timeout = 0.001;
        if (random() % 3 == 0)
            bench.direct(static_cast<int>(random() % 5));
        else
            bench.balanced(placement);
        if (random() % 20 == 0) bench.scheduler.abort({1 + random() % bench.last});
        note();
        while (!running.empty() && random() % 2 == 0) {
            const auto which =
                running.begin() + static_cast<std::ptrdiff_t>(random() % running.size());
            const auto [engine, id] = *which;
            running.erase(which);
            const Status status = random() % 5 == 0 ? Status::error : Status::ok;
            if (bench.end(engine, id, status, (random() % 1000) * 1e-6)) ++ends[id];
            note();
        }
    }
    for (int i = 0; i < 100 && !bench.scheduler.idle(); ++i) {
        while (!running.empty()) {
            const auto [engine, id] = running.back();
            running.pop_back();
            if (bench.end(engine, id)) ++ends[id];
            note();
        }
        bench.now += 10ms;
        note();
    }
    CHECK(bench.scheduler.idle());
    CHECK(ends.size() == bench.last);
    for (const auto& [id, count] : ends) CHECK(count == 1);
}
