#include "embed/capture.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr int pipe_size = 1 << 20;
constexpr int narrow_pipe_size = 1 << 14;
constexpr std::size_t small_read = 32 * 1024;  // after less than that, let more come together
constexpr std::size_t longest_shown = 4096;    // of a line that is not finished
constexpr auto breath = 1ms;
constexpr auto silence = 1s;

}  // namespace

Capture::Capture() {
    std::fflush(nullptr);
    for (Source source : {out, err}) {
        int fd = source == out ? STDOUT_FILENO : STDERR_FILENO;
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
            throw std::system_error(errno, std::generic_category(), "pipe");
        read_ends_[source] = Fd(ends[0]);
        Fd write_end(ends[1]);
        ::fcntl(write_end.get(), F_SETPIPE_SZ, pipe_size);  // less will do where this is refused
        real_[source] = duplicate(fd);
        ::dup2(write_end.get(), fd);
    }
    // Whole lines at once from C as well, so that they keep their place among Python's.
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
}

void Capture::narrow(std::size_t bytes) {
    if (read_at_once_ == read_size)
        for (const Pipe& pipe : pipes_)  // refused as long as more waits in it
            ::fcntl(pipe.read_end->native_handle(), F_SETPIPE_SZ, narrow_pipe_size);
    read_at_once_ = std::min<std::size_t>(bytes, narrow_pipe_size);
}

Capture::~Capture() { give_back(); }

void Capture::give_back() {
    std::fflush(stdout);
    ::dup2(real_stdout(), STDOUT_FILENO);
    ::dup2(real_stderr(), STDERR_FILENO);
}

void Capture::start(boost::asio::io_context& io, Lines lines) {
    lines_ = std::move(lines);
    for (Source source : {out, err}) {
        Pipe& pipe = pipes_[source];
        pipe.read_end = std::make_unique<boost::asio::posix::stream_descriptor>(
            io, read_ends_[source].release());
        pipe.read_end->non_blocking(true);
        pipe.breather = std::make_unique<boost::asio::steady_timer>(io);
        await(source);
    }
}

void Capture::await(Source source) {
    Pipe& pipe = pipes_[source];
    if (pipe.waiting || paused_ || !pipe.read_end->is_open()) return;
    pipe.waiting = true;
    pipe.read_end->async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this, source, &pipe](boost::system::error_code error) {
            pipe.waiting = false;
            if (error || paused_) return;
            if (read_some(source) >= std::min(small_read, read_at_once_)) {
                await(source);
                return;
            }
            pipe.waiting = true;
            pipe.breather->expires_after(breath);
            pipe.breather->async_wait([this, source, &pipe](boost::system::error_code stopped) {
                pipe.waiting = false;
                if (!stopped) await(source);
            });
        });
}

std::size_t Capture::read_some(Source source) {
    // Not zeroed: what is never read costs no memory then.
    static thread_local const auto buffer = std::make_unique_for_overwrite<char[]>(read_size);
    Pipe& pipe = pipes_[source];
    boost::system::error_code error;
    if (diverted_[source] != nullptr) has_diverted_ = true;  // before the pipe looks empty
    std::size_t size =
        pipe.read_end->read_some(boost::asio::buffer(buffer.get(), read_at_once_), error);
    if (error || size == 0) return 0;
    pipe.last_read = Clock::now();
    if (diverted_[source] != nullptr) {
        diverted_[source]->append(buffer.get(), size);
        return size;
    }
    std::string lines;
    pipe.assembler.feed({buffer.get(), size}, lines);
    if (!lines.empty()) lines_(source, std::move(lines));
    return size;
}

/// Which pipes have something to read: one system call instead of two when neither has.
std::array<bool, 2> Capture::look() const {
    std::array<pollfd, 2> states{};
    for (Source source : {out, err})
        states[source] = {.fd = pipes_[source].read_end->is_open()
                                    ? pipes_[source].read_end->native_handle()
                                    : -1,
                          .events = POLLIN,
                          .revents = 0};
    ::poll(states.data(), states.size(), 0);
    return {states[out].revents != 0, states[err].revents != 0};
}

void Capture::drain() {
    read_all();
    for (Source source : {out, err}) end_line(source);
}

void Capture::read_all() {
    std::array<bool, 2> readable = look();
    for (Source source : {out, err}) {
        // What other processes go on writing meanwhile may wait for its turn.
        for (std::size_t size = 0; readable[source] && size < pipe_size;) {
            std::size_t got = read_some(source);
            if (got == 0) break;
            size += got;
        }
    }
}

void Capture::end_line(Source source) {
    std::string lines;
    pipes_[source].assembler.finish(lines);
    if (!lines.empty()) lines_(source, std::move(lines));
}

std::string Capture::unfinished(Source source) const {
    std::string line;
    if (pipes_[source].assembler.size() > longest_shown) return line;
    LineAssembler copy = pipes_[source].assembler;
    copy.finish(line);
    if (!line.empty()) line.pop_back();
    return line;
}

void Capture::tick(Clock::time_point now) {
    if (paused_) return;  // the rest of a line may wait in its pipe
    for (Source source : {out, err}) {
        Pipe& pipe = pipes_[source];
        if (pipe.assembler.in_progress() && now - pipe.last_read >= silence) end_line(source);
    }
}

void Capture::pause(bool paused) {
    paused_ = paused;
    if (paused) return;
    for (Source source : {out, err}) {
        pipes_[source].last_read = Clock::now();
        await(source);
    }
}

void Capture::close_output() {
    boost::system::error_code ignored;
    pipes_[out].read_end->close(ignored);
}

}  // namespace mpirepl
