#include "broadcast/collector.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "unit/support.h"

using namespace mpirepl;
using namespace std::chrono_literals;

namespace {

constexpr Fold::Waits waits{.error = 10ms, .output = 20ms, .bulk = 1s};

/// A node above ranks 0 to 3, and a clock that stands still unless the test moves it on.
struct Node {
    Collector::Clock::time_point now{1h};
    std::vector<Report> given;
    Collector collector{waits, [this](Report&& report) { given.push_back(std::move(report)); }};

    void begin(std::uint32_t sequence = 1, std::string_view spec = "0-3", bool folding = false) {
        collector.begin(sequence, ranks(spec), folding, now);
    }
    void print(Block block, std::uint32_t sequence = 1, bool streaming = false) {
        Report report{.sequence = sequence, .streaming = streaming};
        report.blocks.push_back(std::move(block));
        collector.add(std::move(report), now, 0);
    }
    void end(std::uint32_t count = 1, std::uint32_t sequence = 1) {
        collector.add({.sequence = sequence, .outcome = {.ranks = count}}, now, 0);
    }
    void tick(Collector::Clock::duration later = 0ms) {
        now += later;
        collector.tick(now);
    }
    /// What has been given on since the last time: "0 out a; (2 ended, streaming)".
    std::string taken() {
        std::string text;
        for (const Report& report : given) {
            text += (text.empty() ? "" : " / ") + show(report.blocks);
            text += fmt::format("({} ended{})", report.outcome.ranks,
                                report.streaming ? ", streaming" : "");
        }
        given.clear();
        return text;
    }
};

const std::string bulk = lines(1000);  // 80,000 bytes

}  // namespace

TEST_CASE_FIXTURE(Node, "collector: a quick cell is held until all have ended") {
    begin();
    CHECK(collector.running());
    CHECK(collector.holding());
    print(out("2", "a\n"));
    print(out("0", "a\n"));
    print(value("2", "v\n"));
    end(3);
    tick(499ms);
    CHECK(taken() == "");
    CHECK(collector.held_bytes() == 6);
    end();
    CHECK(taken() == "2 out a; | 0 out a; | 2 value v;(4 ended)");
    CHECK_FALSE(collector.running());
    CHECK_FALSE(collector.holding());
    CHECK(collector.held_bytes() == 0);
    tick(1s);
    CHECK(taken() == "");
}

TEST_CASE_FIXTURE(Node, "collector: outcomes are merged") {
    begin();
    collector.add({.sequence = 1, .outcome = {.ranks = 1, .failed = 1, .status = 1}}, now, 0);
    collector.add({.sequence = 1, .outcome = {.ranks = 3, .exited = 2, .status = 5}}, now, 0);
    REQUIRE(given.size() == 1);
    const Outcome expected{.ranks = 4, .failed = 1, .exited = 2, .status = 5};
    CHECK((given[0].outcome == expected));
    CHECK((collector.outcome() == expected));
    begin(2);
    CHECK((collector.outcome() == Outcome{}));
}

TEST_CASE_FIXTURE(Node, "collector: equal blocks are folded when folding") {
    begin(1, "0-3", true);
    for (const char* rank : {"3", "0", "1"}) print(out(rank, "a\n"));
    print(err("0", "a\n"));
    print(out("2", "b\n"));
    end(4);
    CHECK(taken() == "0-1,3 out a; | 0 err a; | 2 out b;(4 ended)");
}

TEST_CASE_FIXTURE(Node, "collector: errors, reports and exits are folded always") {
    begin();
    for (const char* rank : {"0", "1"}) {
        print(out(rank, "a\n"));
        print(err(rank, "a\n"));
        print(error(rank, "a\n"));
    }
    for (const char* rank : {"2", "3"}) print(block(rank, Stream::exit_message, "a\n"));
    end(4);
    CHECK(taken() ==
          "0 out a; | 0 err a; | 1 out a; | 1 err a; | 0-1 error a; | "
          "2-3 exit_message a;(4 ended)");
    begin(2);
    for (const char* rank : {"0", "1", "2"}) print(block(rank, Stream::report, "x\n"), 2);
    end(4, 2);
    CHECK(taken() == "0-2 report x;(4 ended)");
}

TEST_CASE_FIXTURE(Node, "collector: values come after their rank's text, folding too") {
    begin(1, "0-1", true);
    for (const char* rank : {"0", "1"}) {
        print(out(rank, std::string(rank) + "\n"));
        print(value(rank, "v\n"));
    }
    end(2);
    const std::string shown = taken();
    INFO(shown);
    CHECK((shown == "0 out 0; | 1 out 1; | 0-1 value v;(2 ended)" ||
           shown == "0 out 0; | 0 value v; | 1 out 1; | 1 value v;(2 ended)"));
}

TEST_CASE_FIXTURE(Node, "collector: streams after half a second") {
    begin();
    print(out("1", "a\n"));
    tick(499ms);
    CHECK(taken() == "");
    tick(1ms);
    CHECK(taken() == "1 out a;(0 ended, streaming)");
    print(out("1", "b\n"));
    CHECK(taken() == "1 out b;(0 ended, streaming)");
    end();
    CHECK(taken() == "(1 ended, streaming)");
    print(value("0", "v\n"));
    CHECK(taken() == "0 value v;(0 ended, streaming)");
    end(3);
    CHECK(taken() == "(3 ended, streaming)");
}

TEST_CASE_FIXTURE(Node, "collector: streams after 64 KiB of a rank") {
    begin();
    print(out("0", std::string(40'000, 'x')));
    print(out("1", std::string(40'000, 'x')));
    CHECK(taken() == "");
    print(err("1", std::string(25'535, 'y')));
    CHECK(taken() == "");
    print(out("1", "x"));
    CHECK(taken() ==
          "0 out 40000 bytes | 1 out 40001 bytes | 1 err 25535 bytes(0 ended, streaming)");
}

TEST_CASE_FIXTURE(Node, "collector: streams when a child does, or when told to") {
    begin();
    print(out("1", "a\n"));
    print(out("2", "b\n"), 1, true);
    CHECK(taken() == "1 out a; | 2 out b;(0 ended, streaming)");
    begin(2);
    print(out("1", "a\n"), 2);
    collector.stream(1);
    tick();
    CHECK(taken() == "");
    collector.stream(2);
    tick();
    CHECK(taken() == "1 out a;(0 ended, streaming)");
}

TEST_CASE_FIXTURE(Node, "collector: a report that is early waits for its cell") {
    begin();
    print(out("1", "early\n"), 2);
    end(1, 2);
    print(out("1", "earlier still\n"), 3, true);
    print(out("0", "a\n"));
    end(4);
    CHECK(taken() == "0 out a;(4 ended)");
    tick(1s);
    CHECK(taken() == "");
    begin(2);
    CHECK(collector.outcome().ranks == 1);
    end(3, 2);
    CHECK(taken() == "1 out early;(4 ended)");
    begin(3);
    CHECK_FALSE(collector.holding());
    CHECK(taken() == "1 out earlier still;(0 ended, streaming)");
}

TEST_CASE_FIXTURE(Node, "collector: an early report may end its cell") {
    begin();
    end(4);
    taken();
    print(out("1", "a\n"), 2);
    end(2, 2);
    begin(2, "1-2");
    CHECK(taken() == "1 out a;(2 ended)");
    CHECK_FALSE(collector.running());
}

TEST_CASE_FIXTURE(Node, "collector: output between cells goes on at once") {
    print(out("3", "before any\n"), 0);
    CHECK(taken() == "3 out before any;(0 ended, streaming)");
    begin();
    end(4);
    taken();
    print(out("3", "late\n"));
    CHECK(taken() == "3 out late;(0 ended, streaming)");
    begin(2);
    print(out("3", "later still\n"), 1);
    CHECK(taken() == "");  // with the cell that runs now
    end(4, 2);
    CHECK(taken() == "3 out later still;(4 ended)");
}

TEST_CASE_FIXTURE(Node, "collector: a cell that nobody here runs") {
    begin(1, "");
    CHECK_FALSE(collector.running());
    CHECK_FALSE(collector.holding());
    tick(1s);
    CHECK(taken() == "");
    print(out("3", "late\n"), 1);
    CHECK(taken() == "3 out late;(0 ended, streaming)");
}

TEST_CASE_FIXTURE(Node, "collector: streaming, equal blocks wait for each other") {
    begin(1, "0-3", true);
    collector.stream(1);
    print(out("0", "a\n"));
    tick(19ms);
    print(out("2", "a\n"));
    print(error("1", "e\n"));
    CHECK(taken() == "");
    tick(1ms);
    CHECK(taken() == "0,2 out a;(0 ended, streaming)");
    tick(9ms);
    CHECK(taken() == "1 error e;(0 ended, streaming)");
}

TEST_CASE_FIXTURE(Node, "collector: the end of a streaming cell waits for nothing") {
    begin(1, "0-3", true);
    collector.stream(1);
    print(out("0", "a\n"));
    print(out("1", bulk));
    print(error("0", "e\n"));
    end(4);
    CHECK(taken() == "0 out a; | 1 out 80000 bytes | 0 error e;(4 ended, streaming)");
    CHECK(collector.held_bytes() == 0);
}

TEST_CASE_FIXTURE(Node, "collector: equal bulk of everybody goes at once") {
    begin(1, "0-1", true);
    print(out("0", bulk));
    CHECK(taken() == "");
    print(out("1", bulk));
    CHECK(taken() == "0-1 out 80000 bytes(0 ended, streaming)");
    print(out("0", bulk));
    tick(999ms);
    CHECK(taken() == "");
    tick(1ms);
    CHECK(taken() == "0 out 80000 bytes(0 ended, streaming)");
    print(out("0", bulk));
    CHECK(taken() == "0 out 80000 bytes(0 ended, streaming)");
    begin(2, "0-1", true);
    print(out("0", bulk), 2);
    CHECK(taken() == "");
}
