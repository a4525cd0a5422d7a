#include "unit/support.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace mpirepl {
namespace {

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

}  // namespace

Pipe make_pipe(int flags) {
    int ends[2];
    checked(::pipe2(ends, flags | O_CLOEXEC), "pipe2");
    return {Fd(ends[0]), Fd(ends[1])};
}

std::string read_all(int fd) {
    std::string all;
    char buffer[65536];
    for (ssize_t size = 0; (size = ::read(fd, buffer, sizeof buffer)) > 0;)
        all.append(buffer, static_cast<std::size_t>(size));
    return all;
}

TemporaryFile::TemporaryFile(std::string_view content) : path_("/tmp/mpirepl-test-XXXXXX") {
    Fd fd(checked(::mkstemp(path_.data()), "mkstemp"));
    checked(static_cast<int>(::write(fd.get(), content.data(), content.size())), "write");
}

TemporaryFile::~TemporaryFile() { ::unlink(path_.c_str()); }

Fd TemporaryFile::open(int flags) const {
    return Fd(checked(::open(path_.c_str(), flags | O_CLOEXEC), "open"));
}

std::string TemporaryFile::content() const { return read_all(open(O_RDONLY).get()); }

}  // namespace mpirepl
