#include "console/output_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>

#include "unit/support.h"

using namespace mpirepl;

namespace {

/// Reads and lets `file` go on until nothing waits.
std::string drain(boost::asio::io_context& io, const OutputFile& file, int reader) {
    std::string all = read_all(reader);
    for (int turn = 0; turn < 100'000 && file.waiting() > 0; ++turn) {
        io.poll();
        all += read_all(reader);
    }
    return all + read_all(reader);
}

}  // namespace

TEST_CASE("output_file: a full pipe does not block, and all arrives in order") {
    Pipe pipe = make_pipe();
    ::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK);
    boost::asio::io_context io;
    OutputFile file(std::move(pipe.writer));
    file.attach(io);
    std::string expected;
    for (int i = 0; i < 100; ++i) {
        const std::string text = lines(100, std::to_string(i));
        expected += text;
        file.write(std::string(text));
    }
    CHECK(file.waiting() > 0);
    CHECK(file.waiting() <= expected.size());
    const std::string arrived = drain(io, file, pipe.reader.get());
    CHECK(arrived.size() == expected.size());
    CHECK((arrived == expected));
    CHECK(file.waiting() == 0);
    CHECK(file.failure() == 0);

    file.write("after that\n");
    CHECK(file.waiting() == 0);
    CHECK(read_all(pipe.reader.get()) == "after that\n");
}

TEST_CASE("output_file: a reader that goes away is a failure") {
    std::signal(SIGPIPE, SIG_IGN);
    boost::asio::io_context io;
    SUBCASE("before the write") {
        Pipe pipe = make_pipe();
        OutputFile file(std::move(pipe.writer));
        file.attach(io);
        pipe.reader = Fd();
        file.write("a\n");
        CHECK(file.failure() == EPIPE);
        CHECK(file.waiting() == 0);
        file.write("b\n");
        CHECK(file.waiting() == 0);
    }
    SUBCASE("while something waits") {
        Pipe pipe = make_pipe();
        OutputFile file(std::move(pipe.writer));
        file.attach(io);
        file.write(lines(10'000));
        CHECK(file.failure() == 0);
        CHECK(file.waiting() > 0);
        { Fd gone = std::move(pipe.reader); }
        for (int turn = 0; turn < 1000 && file.failure() == 0; ++turn) io.poll();
        CHECK(file.failure() == EPIPE);
        CHECK(file.waiting() == 0);
    }
}

TEST_CASE("output_file: a regular file is written at once") {
    TemporaryFile target;
    boost::asio::io_context io;
    OutputFile file(target.open(O_WRONLY));
    file.write("before ");
    file.attach(io);
    const std::string text = lines(10'000);
    file.write(std::string(text));
    CHECK(file.waiting() == 0);
    CHECK((target.content() == "before " + text));
    CHECK(file.failure() == 0);
}

TEST_CASE("output_file: devices and descriptors that are none") {
    boost::asio::io_context io;
    OutputFile null(Fd(::open("/dev/null", O_WRONLY | O_CLOEXEC)));
    null.attach(io);
    null.write(lines(10'000));
    CHECK(null.waiting() == 0);
    CHECK(null.failure() == 0);

    OutputFile full(Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)));
    full.attach(io);
    full.write("a\n");
    CHECK(full.failure() == ENOSPC);

    OutputFile none{Fd()};
    none.attach(io);
    none.write("a\n");
    CHECK(none.failure() == EBADF);
}

TEST_CASE("output_file: one that ends while it waits leaves nothing behind") {
    Pipe pipe = make_pipe();
    boost::asio::io_context io;
    auto file = std::make_unique<OutputFile>(std::move(pipe.writer));
    file->attach(io);
    file->write(lines(10'000));
    CHECK(file->waiting() > 0);
    file.reset();
    io.poll();  // must not touch what is gone; the address sanitizer sees it
    CHECK(io.stopped());
}
