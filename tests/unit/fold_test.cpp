#include "broadcast/fold.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "unit/support.h"

using namespace mpirepl;
using namespace std::chrono_literals;

namespace {

constexpr Fold::Waits waits{.error = 10ms, .output = 20ms, .bulk = 1s};

/// A Fold and a clock that stands still unless the test moves it on.
struct Setup {
    Fold fold{waits};
    Fold::Clock::time_point now{1h};
    RankSet everybody = ranks("0-3");

    void add(Block block, bool foldable = true) {
        const int source = block.ranks.first();
        fold.add(std::move(block), foldable, now, source);
    }
    std::string due(Fold::Clock::duration later = 0ms) {
        now += later;
        return show(fold.take_due(everybody, now));
    }
    std::string all() { return show(fold.take_all()); }
};

const std::string bulk = lines(1000);  // 80,000 bytes

}  // namespace

TEST_CASE_FIXTURE(Setup, "fold: what is not foldable goes at once and in order") {
    add(out("1", "a\n"), false);
    add(out("0", "a\n"), false);
    add(err("1", "b\n"), false);
    CHECK(fold.bytes() == 6);
    CHECK(due() == "1 out a; | 0 out a; | 1 err b;");
    CHECK(fold.empty());
    CHECK(fold.bytes() == 0);
}

TEST_CASE_FIXTURE(Setup, "fold: text of the same ranks and stream is joined") {
    add(out("1", "a\n"));
    add(out("1", "b\n"));
    add(out("0-1", "c\n"));
    add(out("1", "d\n"));
    add(value("1", "v\n"));
    add(value("1", "w\n"));
    CHECK(all() == "1 out a;b; | 0-1 out c; | 1 out d; | 1 value v; | 1 value w;");
}

TEST_CASE_FIXTURE(Setup, "fold: errors and text of different cells stay apart") {
    add(error("1", "a\n"));
    add(error("1", "a\n"));
    add(block("1", Stream::standard_error, "x\n", 1));
    add(block("1", Stream::standard_error, "y\n", 2));
    CHECK(all() == "1 error a; | 1 error a; | 1 err x; | 1 err y;");
}

TEST_CASE_FIXTURE(Setup, "fold: equal blocks become one after their wait") {
    add(out("0", "a\n"));
    add(out("2", "a\n"));
    CHECK(due() == "");
    CHECK(due(19ms) == "");
    add(out("3", "a\n"));
    CHECK(due(1ms) == "0,2-3 out a;");
    CHECK(fold.empty());
}

TEST_CASE_FIXTURE(Setup, "fold: small blocks wait even when they have met everybody") {
    add(out("0-3", "a\n"));
    CHECK(due(19ms) == "");
    CHECK(due(1ms) == "0-3 out a;");
}

TEST_CASE_FIXTURE(Setup, "fold: errors have a wait of their own and never fold in part") {
    add(error("0", "a\n"));
    add(error("1", "a\nb\n"));
    add(error("2", "a\n"));
    CHECK(due(9ms) == "");
    CHECK(due(1ms) == "0,2 error a; | 1 error a;b;");
}

TEST_CASE_FIXTURE(Setup, "fold: only the same stream and cell fold") {
    add(out("0", "a\n"));
    add(err("1", "a\n"));
    add(block("2", Stream::standard_output, "a\n", 2));
    add(value("3", "a\n"));
    CHECK(due(20ms) == "0 out a; | 1 err a; | 2 out a; | 3 value a;");
}

TEST_CASE_FIXTURE(Setup, "fold: who has written more keeps the rest") {
    add(out("0", "a\n"));
    add(out("1", "a\nb\n"));
    CHECK(due(20ms) == "0-1 out a; | 1 out b;");
}

TEST_CASE_FIXTURE(Setup, "fold: small blocks that differ stay whole") {
    add(out("0", "a\nx\n"));
    add(out("1", "a\ny\n"));
    CHECK(due(20ms) == "0 out a;x; | 1 out a;y;");
}

TEST_CASE_FIXTURE(Setup, "fold: a rank's order holds while streaming") {
    add(out("0", "a\n"));
    now += 10ms;
    add(value("0", "v\n"));
    add(value("1", "v\n"));
    CHECK(due(10ms) == "0 out a;");
    CHECK(due(10ms) == "0-1 value v;");

    add(err("0", "w\n"));
    add(error("0", "e\n"));
    add(error("1", "e\n"));
    CHECK(due(10ms) == "1 error e;");  // not before 0's own text
    CHECK(due(10ms) == "0 err w; | 0 error e;");
}

TEST_CASE_FIXTURE(Setup, "fold: what waits in front holds up what is not foldable") {
    add(error("0", "e\n"));
    add(err("0", "w\n"), false);
    add(out("0", "o\n"), false);
    CHECK(due() == "0 out o;");
    CHECK(due(10ms) == "0 error e; | 0 err w;");
}

TEST_CASE_FIXTURE(Setup, "fold: equal bulk of everybody goes at once") {
    add(out("0", bulk));
    add(out("1-2", bulk));
    CHECK(due(100ms) == "");
    add(out("3", bulk));
    CHECK(due() == "0-3 out 80000 bytes");
    CHECK(fold.empty());
}

TEST_CASE_FIXTURE(Setup, "fold: lines at the start that all have in common are folded") {
    add(out("0-2", bulk));
    add(out("3", bulk + lines(2, "more ")));
    CHECK(due() == "0-3 out 80000 bytes");
    CHECK(fold.bytes() == lines(2, "more ").size());

    Setup other;
    other.add(out("0-1", bulk + lines(1000, "x")));
    other.add(out("2-3", bulk + lines(1000, "y")));
    CHECK(other.due() == "0-3 out 80000 bytes");
    CHECK(other.due(999ms) == "");
    CHECK(other.due(1ms) == "0-1 out 81000 bytes | 2-3 out 81000 bytes");
}

TEST_CASE_FIXTURE(Setup, "fold: bulk waits in vain only once a cell") {
    add(out("0", bulk));
    CHECK(due(999ms) == "");
    CHECK(due(1ms) == "0 out 80000 bytes");
    add(out("0", bulk));
    CHECK(due() == "0 out 80000 bytes");
    add(out("1", bulk));
    CHECK(due() == "1 out 80000 bytes");
    fold.begin();
    add(out("0", bulk));
    CHECK(due() == "");
}

TEST_CASE_FIXTURE(Setup, "fold: bulk of the others is folded when a rank does not come") {
    add(out("0-2", bulk));
    CHECK(due(1s) == "0-2 out 80000 bytes");
    add(out("3", bulk));
    CHECK(due() == "3 out 80000 bytes");
    add(out("0-1", bulk));
    CHECK(due() == "");
    add(out("2", bulk));
    CHECK(due() == "0-2 out 80000 bytes");
}

TEST_CASE_FIXTURE(Setup, "fold: a small piece of bulk waits for its equals like the rest") {
    add(out("0", bulk + "more\n"));
    add(out("1-3", bulk));
    CHECK(due() == "0-3 out 80000 bytes");
    CHECK(due(100ms) == "");
    add(out("1-3", "more\n"));
    CHECK(due() == "0-3 out more;");
}

TEST_CASE_FIXTURE(Setup, "fold: bulk that a child has given up on is not waited for") {
    Block block = out("0-1", bulk);
    block.settled = true;
    add(block);
    add(out("2", bulk));
    CHECK(due() == "0-2 out 80000 bytes");
    add(block);
    CHECK(due() == "0-1 out 80000 bytes");
    add(out("2", bulk));
    CHECK(due() == "");
    add(out("3", bulk));
    CHECK(due() == "2-3 out 80000 bytes");
}

TEST_CASE_FIXTURE(Setup, "fold: knows what has come from where") {
    add(out("0", "a\n"));
    add(out("1", "a\n"));
    add(out("1", "b\n"), false);
    CHECK(fold.bytes_from(0) == 2);
    CHECK(fold.bytes_from(1) == 4);
    CHECK(fold.bytes_from(2) == 0);
    CHECK(due(20ms) == "0-1 out a; | 1 out b;");
    CHECK(fold.bytes_from(0) == 0);
    CHECK(fold.bytes_from(1) == 0);
}

TEST_CASE_FIXTURE(Setup, "fold: what has waited on its way does not wait again") {
    Block block = out("0-1", "a\n");
    block.settled = true;
    add(block);
    CHECK(due() == "0-1 out a;");
    add(out("0", bulk));
    add(out("1", bulk));
    now += 1s;
    const auto due = fold.take_due(everybody, now);
    REQUIRE(due.size() == 1);
    CHECK(due[0].settled);
}

TEST_CASE_FIXTURE(Setup, "fold: take_all folds what is equal as a whole") {
    add(out("0", "a\n"));
    add(out("1", "a\nb\n"));
    add(out("2", "a\n"));
    add(out("3", "a\n"), false);
    CHECK(all() == "1 out a;b; | 0,2 out a; | 3 out a;");
    CHECK(fold.empty());
    CHECK(fold.bytes() == 0);
}

TEST_CASE_FIXTURE(Setup, "fold: take_all keeps a rank's standard output in order") {
    add(out("0", "a\n"));
    add(value("0", "v\n"));
    add(out("1", "b\n"));
    add(value("1", "v\n"));
    const std::string shown = all();
    INFO(shown);
    // Rank 1's value must come after its text, folded with rank 0's or not.
    CHECK((shown == "0 out a; | 1 out b; | 0-1 value v;" ||
           shown == "0 out a; | 0 value v; | 1 out b; | 1 value v;"));
}

TEST_CASE_FIXTURE(Setup, "fold: take_all keeps a rank's standard error in order") {
    add(error("0", "e\n"));
    add(err("1", "w\n"), false);
    add(error("1", "e\n"));
    const std::string shown = all();
    INFO(shown);
    CHECK(shown.find("1 err w;") < shown.find("1 error e;"));
}
