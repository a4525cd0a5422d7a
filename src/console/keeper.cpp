#include "console/keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace mpirepl {
namespace {

// Takes back what an editor may switch on: bracketed paste, mouse, a hidden cursor, colours.
constexpr std::string_view plain_again = "\033[?2004l\033[?1000l\033[?1l\033[?25h\033[0m";

constexpr char farewell = 'x';  // words of rank 0
constexpr char given_up = 'g';

constexpr int launcher_ends_within = 10'000;  // ms, once it has lost rank 0

/// The process groups of the ranks on this host: launchers give each rank one of its own.
std::vector<pid_t> groups_of_ranks(pid_t launcher) {
    std::vector<pid_t> groups;
    std::error_code failed;
    const std::filesystem::directory_iterator threads(fmt::format("/proc/{}/task", launcher),
                                                      failed);
    for (const auto& thread : threads) {
        const std::string children = first_line(thread.path() / "children");
        const char* next = children.c_str();
        char* end = nullptr;
        while (auto child = static_cast<pid_t>(std::strtol(next, &end, 10))) {
            if (::getpgid(child) == child) groups.push_back(child);
            next = end;
        }
    }
    return groups;
}

/// What the new process needs. It calls only what is safe in the child of a process with threads.
struct Watch {
    int terminal;
    const termios& before;
    const termios& raw;  ///< of the session
    pid_t rank;
    pid_t group_in_front;  ///< the launcher's, or that of rank 0 where there is none
    int life;              ///< readable when rank 0 ends or gives up; with `farewell` in order
    int launcher;          ///< a pidfd; -1: none
    const std::vector<pid_t>& groups;

    [[noreturn]] void run() const;
    void close_others() const;
    bool ends_in_order(bool& launcher_ended) const;
    bool has_modes_of_session() const;
    bool put_back_in_front() const;
    void put_terminal_back() const;
};

void Watch::close_others() const {
    constexpr int any = 4096;
    for (int fd = 0; fd < any; ++fd)
        if (fd != STDERR_FILENO && fd != life && fd != terminal && fd != launcher) ::close(fd);
}

/// Waits for the end of rank 0 or of the launcher.
bool Watch::ends_in_order(bool& launcher_ended) const {
    std::array<pollfd, 2> events{{{life, POLLIN, 0}, {launcher, POLLIN, 0}}};
    while (::poll(events.data(), events.size(), -1) < 0 && errno == EINTR) {
    }
    launcher_ended = events[1].revents != 0;
    char word = given_up;
    return events[0].revents != 0 && ::read(life, &word, 1) == 1 && word == farewell;
}

/// While it lives the kernel refuses (EINTR, or EIO) what a process in the background does to its
/// terminal, instead of letting it or stopping it.
class BackgroundRefused {
  public:
    BackgroundRefused() {
        struct sigaction nothing {};
        nothing.sa_handler = [](int) {};
        ::sigaction(SIGTTOU, &nothing, nullptr);
        change(SIG_UNBLOCK);
    }
    ~BackgroundRefused() { change(SIG_BLOCK); }
    BackgroundRefused(const BackgroundRefused&) = delete;
    BackgroundRefused& operator=(const BackgroundRefused&) = delete;

  private:
    static void change(int how) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTTOU);
        ::sigprocmask(how, &set, nullptr);
    }
};

bool write_all(int fd, std::string_view text) {
    return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool Watch::has_modes_of_session() const {
    termios now{};
    return ::tcgetattr(terminal, &now) == 0 && now.c_iflag == raw.c_iflag &&
           (now.c_lflag | TOSTOP) == (raw.c_lflag | TOSTOP);
}

/// As one of the group in front: once a shell has taken the terminal each step is refused.
bool Watch::put_back_in_front() const {
    const BackgroundRefused refused;
    termios strict = raw;
    strict.c_lflag |= TOSTOP;  // without it whoever likes may write
    return ::tcsetattr(terminal, TCSANOW, &strict) == 0 && write_all(terminal, plain_again) &&
           write_all(terminal, "\r\n") && ::tcsetattr(terminal, TCSANOW, &before) == 0;
}

void Watch::put_terminal_back() const {
    const pid_t front = ::tcgetpgrp(terminal);  // fails where it is not our controlling terminal
    if (front >= 0 && front != group_in_front) return;  // a shell has put it back already
    if ((front < 0 || ::setpgid(0, group_in_front) == 0) && put_back_in_front()) return;
    // The shell has the terminal, or will have it at once. Some leave the modes as they find them.
    if (has_modes_of_session()) ::tcsetattr(terminal, TCSANOW, &before);
}

void Watch::run() const {
    ::setpgid(0, 0);  // launchers kill whole groups
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    close_others();
    bool launcher_ended = false;
    if (ends_in_order(launcher_ended)) ::_exit(0);
    if (launcher_ended) ::kill(rank, SIGKILL);  // nobody will ever read its output
    put_terminal_back();
    if (launcher < 0) ::_exit(0);
    // The launcher waits for the end of our standard error: so it came back to the shell after
    // the terminal was in order.
    ::close(STDERR_FILENO);
    pollfd end{launcher, POLLIN, 0};
    if (::poll(&end, 1, launcher_ends_within) > 0)
        for (const pid_t group : groups) ::kill(-group, SIGKILL);
    ::_exit(0);
}

}  // namespace

Keeper::Keeper(int terminal, const termios& before, const termios& raw, pid_t launcher) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    const Fd reader(ends[0]);
    life_ = Fd(ends[1]);
    const std::vector<pid_t> groups =
        launcher == 0 ? std::vector<pid_t>() : groups_of_ranks(launcher);
    const pid_t rank = ::getpid();
    const pid_t group_in_front = ::getpgid(launcher != 0 ? launcher : rank);
    const Fd handle(launcher == 0 ? -1 : static_cast<int>(::syscall(SYS_pidfd_open, launcher, 0)));
    process_ = ::fork();
    if (process_ != 0) return;
    Watch{.terminal = terminal,
          .before = before,
          .raw = raw,
          .rank = rank,
          .group_in_front = group_in_front,
          .life = reader.get(),
          .launcher = handle.get(),
          .groups = groups}
        .run();
}

// A byte, not the end of the pipe: forked children have that open too.
void Keeper::say(char word) const {
    [[maybe_unused]] const ssize_t written = ::write(life_.get(), &word, 1);
}

void Keeper::put_terminal_back() {
    say(given_up);
    process_ = -1;
}

Keeper::~Keeper() {
    if (process_ < 0) return;
    say(farewell);
    ::waitpid(process_, nullptr, 0);
}

}  // namespace mpirepl
