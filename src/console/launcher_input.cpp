#include "console/launcher_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <string_view>

#include "base/fd.h"

namespace mpirepl {
namespace {

/// Nobody is left who could write to this pipe, and nothing is left in it.
bool pipe_has_ended(int fd) {
    int unread = 0;
    pollfd state{.fd = fd, .events = 0, .revents = 0};
    return ::ioctl(fd, FIONREAD, &unread) == 0 && unread == 0 && ::poll(&state, 1, 0) == 1 &&
           (state.revents & POLLHUP) != 0;
}

/// Of "pos:\t123", the first line of a descriptor's fdinfo; -1 when it is none.
long long position_in(std::string_view line) {
    constexpr std::string_view label = "pos:\t";
    long long position = -1;
    if (line.starts_with(label))
        std::from_chars(line.data() + label.size(), line.data() + line.size(), position);
    return position;
}

}  // namespace

LauncherInput::LauncherInput() {
    std::string parent = fmt::format("/proc/{}", ::getppid());
    if (first_line(parent + "/comm") != "prterun") return;
    descriptor_ = parent + "/fd/0";
    position_ = parent + "/fdinfo/0";
}

bool LauncherInput::has_ended() const {
    Fd input(::open(descriptor_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat status {};
    if (!input || ::fstat(input.get(), &status) != 0) return false;
    if (S_ISFIFO(status.st_mode)) return pipe_has_ended(input.get());
    if (S_ISCHR(status.st_mode)) return status.st_rdev == makedev(1, 3);  // /dev/null
    return S_ISREG(status.st_mode) && position_in(first_line(position_)) >= status.st_size;
}

}  // namespace mpirepl
