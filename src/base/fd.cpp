#include "base/fd.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace mpirepl {

Fd::~Fd() {
    if (fd_ >= 0) ::close(fd_);
}

void open_missing_standard_fds() {
    for (int fd = 0; fd <= 2; ++fd)
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDWR) != fd)
            throw std::system_error(errno, std::generic_category(), "/dev/null");
}

void leave_controlling_terminal() {
    if (::getsid(0) == ::getpid()) return;  // the whole session would lose it
    const Fd terminal(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (terminal) ::ioctl(terminal.get(), TIOCNOTTY);
}

Fd duplicate(int fd) {
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) throw std::system_error(errno, std::generic_category(), "dup");
    return copy;
}

std::string first_line(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 4096> bytes;
    ssize_t size = file ? ::read(file.get(), bytes.data(), bytes.size()) : 0;
    std::string text(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return text.substr(0, text.find('\n'));
}

}  // namespace mpirepl
