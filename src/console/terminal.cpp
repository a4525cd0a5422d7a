#include "console/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace mpirepl {
namespace {

/// Without SIGTTOU, which a background process gets for changing its terminal.
class BackgroundAllowed {
  public:
    BackgroundAllowed() {
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGTTOU);
        pthread_sigmask(SIG_BLOCK, &blocked, &before_);
    }
    ~BackgroundAllowed() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    BackgroundAllowed(const BackgroundAllowed&) = delete;
    BackgroundAllowed& operator=(const BackgroundAllowed&) = delete;

  private:
    sigset_t before_{};
};

struct Process {
    std::string name;
    char state = '?';
    pid_t parent = 0;
    pid_t group = 0;
    pid_t group_in_front = -1;  ///< at its terminal; -1: it has none
};

Process look_up(pid_t process) {
    const std::string line = first_line(fmt::format("/proc/{}/stat", process));
    std::size_t open = line.find('(');
    std::size_t close = line.rfind(')');
    if (open == std::string::npos || close == std::string::npos || close + 3 >= line.size())
        return {};
    Process found{.name = line.substr(open + 1, close - open - 1), .state = line[close + 2]};
    int session = 0;
    int terminal = 0;
    const int read = std::sscanf(line.c_str() + close + 3, "%d %d %d %d %d", &found.parent,
                                 &found.group, &session, &terminal, &found.group_in_front);
    return read == 5 ? found : Process();
}

std::string descriptor(pid_t process, int fd) { return fmt::format("/proc/{}/fd/{}", process, fd); }

bool is_same_file(const std::string& one, const std::string& other) {
    struct stat a {};
    struct stat b {};
    if (::stat(one.c_str(), &a) != 0 || ::stat(other.c_str(), &b) != 0) return false;
    return S_ISCHR(a.st_mode) ? S_ISCHR(b.st_mode) && a.st_rdev == b.st_rdev
                              : a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// The path of the terminal behind a descriptor, empty when there is none.
std::string terminal_behind(const std::string& descriptor_path) {
    std::array<char, 256> target{};
    ssize_t size = ::readlink(descriptor_path.c_str(), target.data(), target.size());
    if (size <= 0) return {};
    std::string path(target.data(), static_cast<std::size_t>(size));
    if (!path.starts_with("/dev/")) return {};
    Fd opened(::open(path.c_str(), O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    return opened && ::isatty(opened.get()) != 0 ? path : std::string();
}

bool has_launcher() {
    constexpr std::array variables{"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
    return std::any_of(variables.begin(), variables.end(),
                       [](const char* variable) { return std::getenv(variable) != nullptr; });
}

/// The process that passes its input on: the first ancestor with another descriptor 0 than ours,
/// since wrappers such as `sh -c` share ours; MPICH's has a helper in between.
pid_t find_launcher(int input) {
    const std::string own = descriptor(::getpid(), input);
    constexpr int generations = 8;
    pid_t ancestor = ::getppid();
    for (int i = 0; i < generations && ancestor > 1; ++i) {
        Process process = look_up(ancestor);
        if (process.name != "hydra_pmi_proxy" && !is_same_file(own, descriptor(ancestor, 0)))
            return ancestor;
        ancestor = process.parent;
    }
    return 0;
}

/// Output stays as it was: other processes, the launcher among them, write there too.
termios raw(termios modes) {
    modes.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
    modes.c_iflag &= ~static_cast<tcflag_t>(IXON | IXOFF | ICRNL | INLCR | IGNCR | BRKINT | ISTRIP);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    return modes;
}

}  // namespace

std::optional<TerminalPlace> find_terminal(int input, int output, int errors) {
    pid_t reader = ::getpid();
    std::string path = terminal_behind(descriptor(reader, input));
    pid_t launcher = 0;
    if (path.empty()) {
        launcher = has_launcher() ? find_launcher(input) : 0;
        if (launcher == 0) return std::nullopt;
        reader = launcher;
        path = terminal_behind(descriptor(launcher, STDIN_FILENO));
        if (path.empty()) return std::nullopt;
        output = STDOUT_FILENO;
        errors = STDERR_FILENO;
    }
    return TerminalPlace{.path = path,
                         .launcher = launcher,
                         .has_output = is_same_file(path, descriptor(reader, output)),
                         .has_errors = is_same_file(path, descriptor(reader, errors))};
}

Terminal::Terminal(TerminalPlace place)
    : place_(std::move(place)), fd_(::open(place_.path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (!fd_ || ::tcgetattr(fd(), &before_) != 0)
        throw UserError(
            fmt::format("the terminal {} cannot be used: {}", place_.path, std::strerror(errno)));
    modes_ = raw(before_);
    keeper_.emplace(fd(), before_, modes_, place_.launcher);
    if (place_.launcher != 0) leave_controlling_terminal();
    if (in_foreground()) make_raw();
}

Terminal::~Terminal() { restore(); }

winsize Terminal::size() const {
    winsize size{};
    ::ioctl(fd(), TIOCGWINSZ, &size);
    return size;
}

void Terminal::set(const termios& modes) const {
    BackgroundAllowed allowed;
    ::tcsetattr(fd(), TCSADRAIN, &modes);
}

void Terminal::make_raw() {
    set(modes_);
    raw_ = true;
}

void Terminal::abandon() {
    raw_ = false;
    keeper_->put_terminal_back();
}

void Terminal::restore() {
    if (!std::exchange(raw_, false)) return;
    set(before_);
}

bool Terminal::in_foreground() const {
    const Process reader = look_up(place_.launcher != 0 ? place_.launcher : ::getpid());
    if (reader.state == 'T' || reader.group == 0) return false;
    return reader.group_in_front < 0 || reader.group_in_front == reader.group;
}

bool Terminal::launcher_is_stopped() const { return look_up(place_.launcher).state == 'T'; }

bool Terminal::is_gone() const {
    termios modes{};
    return ::tcgetattr(fd(), &modes) != 0;
}

bool Terminal::suspend() const {
    pid_t reader = place_.launcher != 0 ? place_.launcher : ::getpid();
    // Without a shell above it that can put it in front again it would be stopped for ever.
    pid_t above = look_up(reader).parent;
    if (above <= 1 || ::getsid(above) != ::getsid(reader) || ::getpgid(above) == ::getpgid(reader))
        return false;
    return ::kill(-::getpgid(reader), SIGSTOP) == 0;
}

}  // namespace mpirepl
