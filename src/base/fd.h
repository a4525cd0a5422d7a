#pragma once

#include <string>
#include <utility>

namespace mpirepl {

/// Owns a file descriptor and closes it. Movable, not copyable; -1 is "none".
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd();

    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

/// Opens /dev/null on those of descriptors 0, 1 and 2 that are closed, so that no file opened
/// later is taken for one of them.
void open_missing_standard_fds();

/// Gives up this process's controlling terminal, in favour of none. A child that reads /dev/tty
/// gets an error then, which would else stop it and with it this process, in the background under a
/// launcher.
void leave_controlling_terminal();

/// A copy of `fd` above the standard ones, closed in children.
Fd duplicate(int fd);

/// The first line of a small file such as those of /proc, its first 4 KiB at most; empty when it
/// cannot be read. Without a stream, whose locales cost each rank half a megabyte.
std::string first_line(const std::string& path);

}  // namespace mpirepl
