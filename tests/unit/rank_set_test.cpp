#include "base/rank_set.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <vector>

using mpirepl::RankSet;

namespace {

using Ranges = std::vector<RankSet::Range>;

RankSet set_of(const std::vector<int>& ranks) {
    RankSet set;
    for (int rank : ranks) set.insert(RankSet::single(rank));
    return set;
}

}  // namespace

TEST_CASE("rank_set: nothing") {
    const RankSet none;
    CHECK(none.empty());
    CHECK(none.count() == 0);
    CHECK_FALSE(none.contains(0));
    CHECK_FALSE(none.intersects(none));
    CHECK(none.ranks().empty());
    CHECK(none.to_string() == "");
    CHECK(RankSet::range(3, 2) == none);
    CHECK(RankSet::all(0) == none);
}

TEST_CASE("rank_set: all of many ranks are one range") {
    const RankSet all = RankSet::all(100'000);
    CHECK(all.ranges() == Ranges{{0, 99'999}});
    CHECK(all.count() == 100'000);
    CHECK(all.contains(0));
    CHECK(all.contains(99'999));
    CHECK_FALSE(all.contains(100'000));
    CHECK_FALSE(all.contains(-1));
}

TEST_CASE("rank_set: neighbours become one range") {
    CHECK(set_of({3, 1, 2}).ranges() == Ranges{{1, 3}});
    CHECK(set_of({1, 3}).ranges() == Ranges{{1, 1}, {3, 3}});
    RankSet set = RankSet::range(0, 4);
    set.insert(RankSet::range(2, 9));
    CHECK(set.ranges() == Ranges{{0, 9}});
    set.insert(RankSet::range(3, 5));
    CHECK(set.ranges() == Ranges{{0, 9}});
    set.insert(set);
    CHECK(set.ranges() == Ranges{{0, 9}});
}

TEST_CASE("rank_set: removing splits ranges") {
    RankSet set = RankSet::range(0, 9);
    set.remove(set_of({0, 4, 5, 9, 12}));
    CHECK(set.ranges() == Ranges{{1, 3}, {6, 8}});
    set.remove(RankSet::range(2, 7));
    CHECK(set.ranks() == std::vector{1, 8});
    set.remove(RankSet());
    CHECK(set.count() == 2);
    set.remove(set);
    CHECK(set.empty());
}

TEST_CASE("rank_set: to_string is what prefixes show") {
    CHECK(set_of({0}).to_string() == "0");
    CHECK(set_of({0, 1}).to_string() == "0-1");
    CHECK(set_of({0, 1, 2, 5}).to_string() == "0-2,5");
    CHECK(RankSet::all(1024).to_string() == "0-1023");
}

TEST_CASE("rank_set: agrees with std::set on random operations") {
    std::mt19937 random(1);
    auto up_to = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n + 1)); };
    for (int round = 0; round < 300; ++round) {
        RankSet sets[2];
        std::set<int> models[2];
        for (int step = 0; step < 30; ++step) {
            const int which = up_to(1);
            const int first = up_to(40);
            const int last = first + up_to(6) - 1;
            const bool insert = up_to(2) > 0;
            const RankSet range = RankSet::range(first, last);
            insert ? sets[which].insert(range) : sets[which].remove(range);
            for (int rank = first; rank <= last; ++rank)
                insert ? void(models[which].insert(rank)) : void(models[which].erase(rank));
        }
        std::vector<int> both;
        std::ranges::set_intersection(models[0], models[1], std::back_inserter(both));
        for (int i : {0, 1}) {
            CHECK(sets[i].ranks() == std::vector(models[i].begin(), models[i].end()));
            CHECK(sets[i].count() == static_cast<int>(models[i].size()));
            for (int rank = -1; rank < 50; ++rank)
                CHECK(sets[i].contains(rank) == models[i].contains(rank));
        }
        CHECK(sets[0].within(sets[1]).ranks() == both);
        CHECK(sets[0].within(sets[1]) == sets[1].within(sets[0]));
        CHECK(sets[0].intersects(sets[1]) == !both.empty());
        CHECK(sets[0].includes(sets[1]) == (both.size() == models[1].size()));
        CHECK(sets[0].includes(sets[0].within(sets[1])));
        sets[0].insert(sets[1]);
        models[0].merge(models[1]);
        CHECK(sets[0].ranks() == std::vector(models[0].begin(), models[0].end()));
    }
}
