#include "base/targets.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>

#include "base/error.h"

using mpirepl::parse_targets;
using mpirepl::RankSet;
using mpirepl::UserError;

namespace {

std::string parsed(std::string_view spec, int size = 6) {
    return parse_targets(spec, size).to_string();
}

/// The sentence with which `spec` is refused.
std::string refused(std::string_view spec, int size = 6) {
    try {
        return "not refused: " + parsed(spec, size);
    } catch (const UserError& error) {
        CHECK(error.status() == 2);
        return error.what();
    }
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// `item` is what the sentence must quote.
void check_refused(std::string_view spec, std::string_view item) {
    const std::string sentence = refused(spec);
    INFO(sentence);
    CHECK(sentence.starts_with("targets: '" + std::string(item) + "' "));
    CHECK(has(sentence, "0-5"));
}

}  // namespace

TEST_CASE("targets: the examples of the contract") {
    CHECK(parsed("0") == "0");
    CHECK(parsed("-1") == "5");
    CHECK(parsed("0,2,5") == "0,2,5");
    CHECK(parsed("0-3") == "0-3");
    CHECK(parsed("::2") == "0,2,4");
    CHECK(parsed("1:4") == "1-3");
    CHECK(parsed("-2:") == "4-5");
    CHECK(parsed("all,!3") == "0-2,4-5");
    CHECK(parsed("!0") == "1-5");
    CHECK(parsed("all") == "0-5");
}

TEST_CASE("targets: exclusions are taken from the union of the rest, wherever they stand") {
    CHECK(parsed("!3,all") == "0-2,4-5");
    CHECK(parsed("0,!1,0-2") == "0,2");
    CHECK(parsed("!0,!1") == "2-5");
    CHECK(parsed("!::2") == "1,3,5");
    CHECK(parsed("!1-4") == "0,5");
    CHECK(parsed("0-1,!5") == "0-1");
}

TEST_CASE("targets: blanks, doubles and order") {
    CHECK(parsed(" 0 ,\t2 , 5 ") == "0,2,5");
    CHECK(parsed("5,0,5,1") == "0-1,5");
    CHECK(parsed("0-3,2-4") == "0-4");
}

TEST_CASE("targets: ranges from the end") {
    CHECK(parsed("-3--1") == "3-5");
    CHECK(parsed("0--1") == "0-5");
    CHECK(parsed("2-2") == "2");
}

TEST_CASE("targets: slices are Python's") {
    CHECK(parsed(":") == "0-5");
    CHECK(parsed("::") == "0-5");
    CHECK(parsed("1:2:") == "1");
    CHECK(parsed("4:100") == "4-5");
    CHECK(parsed("-100:2") == "0-1");
    CHECK(parsed(":-1") == "0-4");
    CHECK(parsed("1::3") == "1,4");
    CHECK(parsed("::-1") == "0-5");
    CHECK(parsed("::-2") == "1,3,5");
    CHECK(parsed("4:1:-2") == "2,4");
    CHECK(parsed("100:-100:-5") == "0,5");
    CHECK(parsed("::99999999999999999999") == "0");
    CHECK(parsed("::-99999999999999999999") == "5");
    CHECK(parsed("-99999999999999999999:99999999999999999999") == "0-5");
}

TEST_CASE("targets: an item that names no rank is quoted with the valid range") {
    for (std::string_view item :
         {"9", "-7", "6", "1-9", "3-1", "-9-2", "9:12", "2:2", "4:1", "!9", "99999999999999999999",
          "4294967296-2", "222222222222-22", "-99999999999999999999", "0-99999999999999999999"}) {
        check_refused(item, item);
        check_refused("0," + std::string(item) + ",1", item);
    }
}

TEST_CASE("targets: a malformed item is quoted with the valid range") {
    for (std::string_view item : {"", "some", "1.5", "1-2-3", "0:1:2:3", "::0", "--1", "+1", "0x1",
                                  "1 2", "0-", ":-", "-", "all:", "allx", "ALL", "1:b", "a:1"}) {
        check_refused(item, item);
        check_refused("0, " + std::string(item) + " ,1", item);
    }
    check_refused("0,", "");
    check_refused(",", "");
    check_refused("0;1", "0;1");
}

TEST_CASE("targets: a malformed exclusion is quoted as it was written") {
    for (std::string_view item : {"!", "!some", "!!0", "!1-2-3"}) check_refused(item, item);
}

TEST_CASE("targets: a set that ends up empty") {
    for (std::string_view spec : {"0,!0", "all,!all", "!all", "1-2,!0-3", "!0-2,!3-5"}) {
        const std::string sentence = refused(spec);
        INFO(sentence);
        CHECK(has(sentence, "'" + std::string(spec) + "' leaves no rank"));
        CHECK(has(sentence, "0-5"));
    }
}

TEST_CASE("targets: of one rank") {
    CHECK(parsed("all", 1) == "0");
    CHECK(parsed("-1", 1) == "0");
    CHECK(has(refused("1", 1), "the only rank is 0"));
}

TEST_CASE("targets: of very many ranks") {
    CHECK(parsed("all,!5", 1'000'000) == "0-4,6-999999");
    CHECK(parsed("-1", 1'000'000) == "999999");
}

TEST_CASE("targets: what is printed can be pasted") {
    std::mt19937 random(2);
    for (int round = 0; round < 500; ++round) {
        const int size = 1 + static_cast<int>(random() % 70);
        RankSet set = RankSet::single(static_cast<int>(random() % static_cast<unsigned>(size)));
        for (int rank = 0; rank < size; ++rank)
            if (random() % 2 == 0) set.insert(RankSet::single(rank));
        CAPTURE(set.to_string());
        CHECK(parse_targets(set.to_string(), size) == set);
    }
}
