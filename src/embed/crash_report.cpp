#include "embed/crash_report.h"

#include <fmt/format.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>

namespace mpirepl {
namespace {

namespace py = pybind11;

struct Fault {
    int signal;
    const char* name;
};
constexpr std::size_t real_faults = 5;  // faulthandler.enable() is for these
constexpr std::array<Fault, 12> faults{{{SIGSEGV, "SIGSEGV"},
                                        {SIGBUS, "SIGBUS"},
                                        {SIGFPE, "SIGFPE"},
                                        {SIGILL, "SIGILL"},
                                        {SIGABRT, "SIGABRT"},
                                        {SIGALRM, "SIGALRM"},
                                        {SIGVTALRM, "SIGVTALRM"},
                                        {SIGPROF, "SIGPROF"},
                                        {SIGXCPU, "SIGXCPU"},
                                        {SIGTRAP, "SIGTRAP"},
                                        {SIGSYS, "SIGSYS"},
                                        {SIGUSR2, "SIGUSR2"}}};

// What the handler needs lies ready here: it may allocate nothing.
struct Report {
    pid_t process = 0;
    int fd = -1;
    std::array<char, 400> start{};  // "mpirepl: rank 3 on node7 died of "
    std::array<struct sigaction, faults.size()> before{};
} report;
std::atomic<std::uint32_t> current_cell{0};
std::atomic<bool> at_terminal{false};
std::atomic<bool> warned{false};
std::atomic<unsigned> asked{0};  ///< times that output was to be saved
std::atomic<unsigned> saved{0};  ///< of these
std::atomic<bool> terminated{false};

/// The agent's thread is still there, unless it is what has died, and passes on what was printed.
void wait_for_output() {
    const unsigned number = ++asked;
    constexpr int tries = 500;
    for (int i = 0; i < tries && saved < number; ++i) {
        timespec nap{.tv_sec = 0, .tv_nsec = 2'000'000};
        ::nanosleep(&nap, nullptr);
    }
}

/// A line put together without any allocation, and written at once: other ranks may be dying too.
class Line {
  public:
    void add(const char* text) {
        while (*text != '\0' && size_ < text_.size()) text_[size_++] = *text++;
    }
    void add(std::uint32_t number) {
        std::array<char, 12> digits{};
        std::size_t at = digits.size() - 1;
        do {
            digits[--at] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number > 0);
        add(&digits[at]);
    }
    void write(int fd) const {
        [[maybe_unused]] ssize_t written = ::write(fd, text_.data(), size_);
    }

  private:
    std::array<char, 500> text_{};
    std::size_t size_ = 0;
};

void tell(const char* signal) {
    Line line;
    if (at_terminal) line.add("\n");  // behind a prompt, or the status line
    line.add(report.start.data());
    line.add(signal);
    if (std::uint32_t cell = current_cell; cell != 0) {
        line.add(" in cell ");
        line.add(cell);
    }
    line.add("; its Python stack:\n");
    line.write(report.fd);
}

void on_fault(int signal) {
    for (std::size_t i = 0; i < faults.size(); ++i) {
        if (faults[i].signal != signal) continue;
        if (::getpid() == report.process) {  // a child that dies is its parent's business
            tell(faults[i].name);
            wait_for_output();
        }
        ::sigaction(signal, &report.before[i], nullptr);
    }
    ::raise(signal);
}

/// Launchers end the other ranks so when one has died. Twice: at once.
void on_termination(int signal) {
    if (::getpid() == report.process && output_to_save() == 0) {
        terminated = true;
        ++asked;
        return;
    }
    std::signal(signal, SIG_DFL);
    ::raise(signal);
}

/// Open MPI's launchers send it a quarter of a second before they end a rank, some of them SIGTERM
/// and SIGKILL at once.
void on_continuation(int /*signal*/) { warned = true; }

/// Native code ends the process: what it has left in C's buffers counts as printed.
void on_exit() {
    if (::getpid() == report.process) std::fflush(nullptr);
    save_output();
}

/// It would put handlers of its own in the places of these, which know nothing of Python.
void keep_petsc_from_handling_signals() {
    const char* options = std::getenv("PETSC_OPTIONS");
    std::string more = fmt::format("{} -no_signal_handler", options == nullptr ? "" : options);
    ::setenv("PETSC_OPTIONS", more.c_str(), 1);
}

}  // namespace

void install_crash_report(int rank, const std::string& host, int fd) {
    report.process = ::getpid();
    report.fd = fd;
    std::string start = fmt::format("mpirepl: rank {} on {} died of ", rank, host);
    start.copy(report.start.data(), report.start.size() - 1);
    // faulthandler goes on to the handlers that were there; MPI's would print a C backtrace.
    for (std::size_t i = 0; i < real_faults; ++i) std::signal(faults[i].signal, SIG_DFL);
    py::gil_scoped_acquire gil;
    py::module_ faulthandler = py::module_::import("faulthandler");
    faulthandler.attr("disable")();
    faulthandler.attr("enable")(py::arg("file") = fd);
    for (std::size_t i = real_faults; i < faults.size(); ++i)
        faulthandler.attr("register")(faults[i].signal, py::arg("file") = fd,
                                      py::arg("chain") = true);
    struct sigaction action {};
    action.sa_handler = on_fault;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    for (std::size_t i = 0; i < faults.size(); ++i)
        ::sigaction(faults[i].signal, &action, &report.before[i]);
    keep_petsc_from_handling_signals();
    std::atexit(on_exit);
    std::at_quick_exit(save_output);
    struct sigaction continuation {};
    continuation.sa_handler = on_continuation;
    continuation.sa_flags = SA_RESTART;
    ::sigaction(SIGCONT, &continuation, nullptr);
    struct sigaction termination {};
    ::sigaction(SIGTERM, nullptr, &termination);
    if (termination.sa_handler != SIG_DFL) return;
    termination.sa_handler = on_termination;
    termination.sa_flags = SA_RESTART;
    ::sigaction(SIGTERM, &termination, nullptr);
}

void end_output_saving() {
    struct sigaction termination {};
    ::sigaction(SIGTERM, nullptr, &termination);
    if (termination.sa_handler == on_termination) std::signal(SIGTERM, SIG_DFL);
    output_is_saved(std::numeric_limits<unsigned>::max());
}

void save_output() {
    if (::getpid() == report.process) wait_for_output();
}

unsigned output_to_save() {
    const unsigned number = asked;
    return number > saved ? number : 0;
}

bool take_warning() { return warned.load(std::memory_order_relaxed) && warned.exchange(false); }

void output_is_saved(unsigned number) {
    saved = number;
    if (terminated.exchange(false)) ::kill(::getpid(), SIGTERM);
}

void set_crash_report_cell(std::uint32_t cell, bool interactive) {
    current_cell = cell;
    at_terminal = interactive;
}

}  // namespace mpirepl

/// In place of the C library's, for all that is loaded and for os._exit().
extern "C" [[gnu::visibility("default")]] void _exit(int status) {
    mpirepl::save_output();
    std::_Exit(status);
}
