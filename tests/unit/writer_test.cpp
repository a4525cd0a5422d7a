#include "console/writer.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "unit/support.h"

using namespace mpirepl;

namespace {

Fd open_null() { return Fd(::open("/dev/null", O_WRONLY | O_CLOEXEC)); }

}  // namespace

TEST_CASE("writer: a full pipe blocks nobody, and all arrives in order") {
    Pipe pipe = make_pipe();
    std::string expected;
    {
        Writer writer(std::move(pipe.writer), open_null());
        for (int i = 0; i < 100; ++i) {
            expected += lines(100, std::to_string(i));
            writer.write(Writer::out, lines(100, std::to_string(i)));
        }
        CHECK(writer.waiting() > 0);
        std::string got(expected.size(), '\0');
        for (std::size_t done = 0; done < got.size();) {
            ssize_t size = ::read(pipe.reader.get(), got.data() + done, got.size() - done);
            REQUIRE(size > 0);
            done += static_cast<std::size_t>(size);
        }
        CHECK(got == expected);
    }
    CHECK(read_all(pipe.reader.get()).empty());
}

TEST_CASE("writer: both destinations keep the order of the calls") {
    TemporaryFile both;
    {
        Writer writer(both.open(O_WRONLY | O_APPEND), both.open(O_WRONLY | O_APPEND));
        for (int i = 0; i < 3; ++i) {
            writer.write(Writer::out, "out\n");
            writer.write(Writer::err, "err\n");
        }
    }
    CHECK(both.content() == "out\nerr\nout\nerr\nout\nerr\n");
}

TEST_CASE("writer: a failure ends its destination only") {
    std::signal(SIGPIPE, SIG_IGN);
    Pipe pipe = make_pipe();
    pipe.reader = Fd();
    TemporaryFile file;
    Writer writer(std::move(pipe.writer), file.open(O_WRONLY));
    writer.write(Writer::out, "lost\n");
    writer.write(Writer::err, "kept\n");
    wait_until_written(writer);
    CHECK(writer.failure(Writer::out) == EPIPE);
    CHECK(writer.failure(Writer::err) == 0);
    CHECK(file.content() == "kept\n");
}
