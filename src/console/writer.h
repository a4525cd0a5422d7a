#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "console/sink.h"

namespace mpirepl {

/// Writes to standard output and standard error in the order of the calls, on a thread of its own
/// that may block: a reader is served as soon as it reads, and nobody else waits for it. For one
/// calling thread at a time. A write that fails ends its destination: what comes for it later is
/// dropped, and failure() says why.
class Writer : public Sink {
  public:
    Writer(Fd out_fd, Fd err_fd);
    /// Waits until all has been written.
    ~Writer() override;
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    void write(Destination destination, std::string&& text) override;
    std::size_t waiting() const override { return waiting_; }
    int failure(Destination destination) const override { return failures_[destination]; }

  private:
    void run();
    void write_all(Destination destination, std::string_view text);

    std::array<Fd, 2> fds_;
    std::array<std::atomic<int>, 2> failures_{};
    std::atomic<std::size_t> waiting_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::pair<Destination, std::string>> queue_;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace mpirepl
