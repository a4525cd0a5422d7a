#include "broadcast/doorbell.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <iterator>
#include <string>

namespace mpirepl {
namespace {

/// A name in the abstract namespace, which nobody has to remove.
struct Address {
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
    socklen_t size;

    Address(std::uint64_t session, int rank) {
        auto* begin = name.sun_path + 1;  // after the null byte that makes it abstract
        auto* end =
            fmt::format_to_n(begin, sizeof name.sun_path - 1, "mpirepl-{:016x}-{}", session, rank)
                .out;
        size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + (end - begin));
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

Fd make_socket(std::uint64_t session, int rank) {
    Fd made(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    Address address(session, rank);
    if (!made || ::bind(made.get(), address.get(), address.size) != 0) return Fd();
    return made;
}

}  // namespace

std::uint64_t doorbell_place() {
    const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
    struct stat space {};
    if (boot.empty() || ::stat("/proc/self/ns/net", &space) != 0) return 0;
    return std::hash<std::string>{}(fmt::format("{} {} {}", boot, space.st_dev, space.st_ino));
}

Doorbell::Doorbell(std::uint64_t session, int rank)
    : session_(session),
      rank_(rank),
      socket_(session == 0 ? Fd() : make_socket(session, rank)),
      watched_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (socket_) watch(socket_.get());
}

void Doorbell::watch(int fd) {
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};
    ::epoll_ctl(watched_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Doorbell::ring(int rank) const {
    if (!socket_) return;
    Address address(session_, rank);
    // Fails when the other has been rung often enough, or has ended.
    ::sendto(socket_.get(), "", 0, MSG_DONTWAIT | MSG_NOSIGNAL, address.get(), address.size);
}

void Doorbell::ring_own() const {
    if (napping_ > 0) ring(rank_);
}

bool Doorbell::nap(std::chrono::steady_clock::duration longest, const std::atomic<bool>& awake) {
    auto seconds = std::chrono::floor<std::chrono::seconds>(longest);
    timespec time{.tv_sec = seconds.count(),
                  .tv_nsec = std::chrono::nanoseconds(longest - seconds).count()};
    pollfd any{.fd = watched_.get(), .events = POLLIN, .revents = 0};
    ++napping_;
    int woken = awake ? 0 : ::ppoll(&any, 1, &time, nullptr);
    bool by_signal = woken < 0 && errno == EINTR;
    --napping_;
    if (woken > 0) {
        epoll_event told[8];
        ::epoll_wait(watched_.get(), told, std::size(told), 0);
        char nothing = 0;
        while (socket_ && ::recv(socket_.get(), &nothing, 1, MSG_DONTWAIT) >= 0) {
        }
    }
    return !by_signal;
}

}  // namespace mpirepl
