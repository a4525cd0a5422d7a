#include "base/fd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
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

Fd reopen_for_writing(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0 || S_ISREG(status.st_mode)) return duplicate(fd);
    int own = ::open(fmt::format("/proc/self/fd/{}", fd).c_str(),
                     O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    return own >= 0 ? Fd(own) : duplicate(fd);
}

}  // namespace mpirepl
