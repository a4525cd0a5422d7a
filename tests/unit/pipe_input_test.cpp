#include "console/pipe_input.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "unit/support.h"

using namespace mpirepl;
using namespace std::chrono_literals;

namespace {

void no_signal() { FAIL("no signal was expected"); }

void put(const Fd& fd, std::string_view text) {
    REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

}  // namespace

TEST_CASE("pipe_input: cells of a file, then its end") {
    TemporaryFile file("a = 1\nif a:\n    b = 2\n\nc");
    PipeInput input(file.open(O_RDONLY), false, no_signal);
    CHECK(input.next() == "a = 1\n");
    std::optional<std::string> cell = input.next();
    REQUIRE(cell);
    CHECK(cell->starts_with("if a:\n    b = 2\n"));
    cell = input.next();
    REQUIRE(cell);
    CHECK(cell->starts_with("c"));
    CHECK(input.next() == std::nullopt);
    CHECK(input.next() == std::nullopt);
}

TEST_CASE("pipe_input: nothing") {
    TemporaryFile file;
    PipeInput input(file.open(O_RDONLY), false, no_signal);
    CHECK(input.next() == std::nullopt);
}

TEST_CASE("pipe_input: a cell comes as soon as it is complete") {
    Pipe pipe = make_pipe();
    PipeInput input(std::move(pipe.reader), false, no_signal);
    put(pipe.writer, "a = 1\nb =");
    CHECK(input.next() == "a = 1\n");
    put(pipe.writer, " 2\n# %%\nc = 3\nd = 4\n# %%\n");
    CHECK(input.next() == "b = 2\n");
    std::optional<std::string> cell = input.next();
    REQUIRE(cell);
    CHECK(cell->find("c = 3\nd = 4\n") != std::string::npos);
    { Fd closed = std::move(pipe.writer); }
    CHECK(input.next() == std::nullopt);
}

TEST_CASE("pipe_input: a long statement is read in pieces") {
    std::string statement = "x = '''\n";
    statement += lines(20'000) + "'''\n";
    TemporaryFile file(statement);
    PipeInput input(file.open(O_RDONLY), false, no_signal);
    CHECK((input.next() == statement));
}

TEST_CASE("pipe_input: after an error it goes on at the next beginning") {
    TemporaryFile file("x = = 1\ndropped = 1\n\nc = 1\n");
    PipeInput input(file.open(O_RDONLY), false, no_signal);
    CHECK(input.next() == "x = = 1\n");
    input.skip_after_error();
    CHECK(input.next() == "c = 1\n");
}

TEST_CASE("pipe_input: a signal is passed on, and the reading goes on") {
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int /*signal*/) {};
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
    Pipe pipe = make_pipe();
    std::atomic<int> signals = 0;
    PipeInput input(std::move(pipe.reader), false, [&] { ++signals; });
    std::thread sender([&, reader = ::pthread_self()] {
        while (signals == 0) {
            ::pthread_kill(reader, SIGUSR1);
            std::this_thread::sleep_for(1ms);
        }
        [[maybe_unused]] auto size = ::write(pipe.writer.get(), "a = 1\n", 6);
    });
    CHECK(input.next() == "a = 1\n");
    sender.join();
    CHECK(signals > 0);
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("pipe_input: what cannot be read") {
    PipeInput input(Fd(::open("/", O_RDONLY | O_CLOEXEC)), false, no_signal);
    try {
        input.next();
        FAIL("a directory has been read");
    } catch (const UserError& error) {
        CHECK(error.status() == 1);
        CHECK(std::string(error.what()).find("Is a directory") != std::string::npos);
    }
}
