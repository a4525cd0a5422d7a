#include "base/fd.h"

#include <fcntl.h>
#include <unistd.h>

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

Fd duplicate(int fd) {
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) throw std::system_error(errno, std::generic_category(), "dup");
    return copy;
}

}  // namespace mpirepl
