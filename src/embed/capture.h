#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/line_assembler.h"

namespace mpirepl {

/// Takes the place of descriptors 1 and 2 with two pipes, so that whatever this rank and its
/// children print arrives here, from Python, C, Fortran or a subprocess, and hands it on in whole,
/// clean lines. The main thread makes it before Python starts and ends it after Python; in between
/// it belongs to the agent's thread.
class Capture {
  public:
    using Clock = std::chrono::steady_clock;
    enum Source { out = 0, err = 1 };
    using Lines = std::function<void(Source, std::string&& lines)>;

    Capture();
    /// Gives descriptors 1 and 2 back.
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    /// The descriptors that were 1 and 2 before.
    int real_stdout() const { return real_[out].get(); }
    int real_stderr() const { return real_[err].get(); }
    /// Puts 1 and 2 back as they were; what is written from now on is not captured.
    void give_back();

    // On the agent's thread:
    void start(boost::asio::io_context& io, Lines lines);
    /// Reads what has been written so far; unfinished lines end here.
    void drain();
    /// Ends lines that nobody has gone on with for a second.
    void tick(Clock::time_point now);
    /// The line that has been begun, as far as it has been read; empty when it is very long.
    std::string unfinished(Source source) const;
    /// What is read goes to these as it is, until called with null.
    void divert(std::string* out, std::string* err) {
        diverted_ = {out, err};
        has_diverted_ = false;
    }
    /// Reads what has been written so far; unfinished lines stay unfinished.
    void read_all();
    /// Nothing has been written since divert(). For any thread.
    bool is_silent() const { return look() == std::array{false, false} && !has_diverted_; }
    /// While paused nothing is read, and writers block when their pipe is full.
    void pause(bool paused);
    /// From now on little waits in the pipes, and no more than so much is read at once.
    void narrow(std::size_t bytes);
    /// From now on writing to standard output fails with EPIPE, as it does in any program whose
    /// reader has gone.
    void close_output();

  private:
    static constexpr std::size_t read_size = 256 * 1024;

    struct Pipe {
        std::unique_ptr<boost::asio::posix::stream_descriptor> read_end;
        std::unique_ptr<boost::asio::steady_timer> breather;
        LineAssembler assembler;
        Clock::time_point last_read;
        bool waiting = false;
    };

    void await(Source source);
    std::array<bool, 2> look() const;
    std::size_t read_some(Source source);
    void end_line(Source source);

    std::array<Fd, 2> real_;
    std::array<Fd, 2> read_ends_;
    std::array<Pipe, 2> pipes_;
    Lines lines_;
    std::array<std::string*, 2> diverted_{};
    std::atomic<bool> has_diverted_ = false;
    std::size_t read_at_once_ = read_size;
    bool paused_ = false;
};

}  // namespace mpirepl
