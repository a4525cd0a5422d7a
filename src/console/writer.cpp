#include "console/writer.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/signals_blocked.h"

namespace mpirepl {
namespace {

/// Those who print are told to go on while the rest is written.
constexpr std::size_t most_at_once = 128 * 1024;

void wait_until_writable(int fd) {
    pollfd entry{fd, POLLOUT, 0};
    ::poll(&entry, 1, -1);
}

}  // namespace

Writer::Writer(Fd out_fd, Fd err_fd) : fds_{std::move(out_fd), std::move(err_fd)} {
    SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
}

Writer::~Writer() {
    {
        std::scoped_lock lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Writer::write(Destination destination, std::string&& text) {
    {
        std::scoped_lock lock(mutex_);
        waiting_ += text.size();
        if (!queue_.empty() && queue_.back().first == destination &&
            queue_.back().second.size() + text.size() <= most_at_once)
            queue_.back().second += text;
        else
            queue_.emplace_back(destination, std::move(text));
    }
    changed_.notify_one();
}

void Writer::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
        if (queue_.empty()) return;
        auto [destination, text] = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        write_all(destination, text);
        lock.lock();
    }
}

void Writer::write_all(Destination destination, std::string_view text) {
    while (!text.empty() && failures_[destination] == 0) {
        const ssize_t size =
            ::write(fds_[destination].get(), text.data(), std::min(text.size(), most_at_once));
        if (size >= 0) {
            text.remove_prefix(static_cast<std::size_t>(size));
            waiting_ -= static_cast<std::size_t>(size);
        } else if (errno == EAGAIN) {  // someone else made it non-blocking
            wait_until_writable(fds_[destination].get());
        } else if (errno != EINTR) {
            failures_[destination] = errno;
        }
    }
    waiting_ -= text.size();  // what can no longer be written
}

}  // namespace mpirepl
