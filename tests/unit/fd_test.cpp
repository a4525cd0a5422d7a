#include "base/fd.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

using namespace mpirepl;

TEST_CASE("the first line of a file") {
    std::string path = "/tmp/mpirepl-first-line-XXXXXX";
    Fd file(::mkstemp(path.data()));
    REQUIRE(file);
    auto with = [&](const std::string& text) {
        REQUIRE(::ftruncate(file.get(), 0) == 0);
        REQUIRE(::pwrite(file.get(), text.data(), text.size(), 0) ==
                static_cast<ssize_t>(text.size()));
        return first_line(path);
    };
    CHECK(with("one\ntwo\n") == "one");
    CHECK(with("without an end") == "without an end");
    CHECK(with("\n") == "");
    CHECK(with("") == "");
    CHECK(with(std::string(10000, 'x')).size() == 4096);
    ::unlink(path.c_str());
    CHECK(first_line(path) == "");
    CHECK(first_line("/") == "");
}
