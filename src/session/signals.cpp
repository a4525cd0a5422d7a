#include "session/signals.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <utility>

namespace mpirepl {
namespace {

std::atomic<unsigned> interrupt_count = 0;
std::atomic<unsigned> interrupts_taken = 0;
std::atomic<bool> for_task_alone = false;
std::atomic<bool> where_wanted = false;
std::atomic<bool> watches_interrupts = false;
pthread_t main_thread;
struct sigaction pythons {};

/// In front of Python's handler, which must run on the main thread to end a sleep there.
void on_interrupt(int signal) {
    if (::pthread_equal(::pthread_self(), main_thread) == 0) {
        ::pthread_kill(main_thread, signal);
        return;
    }
    if (!for_task_alone.exchange(false)) ++interrupt_count;
    pythons.sa_handler(signal);
}

// None that programs, launchers or other libraries use. Real-time signals are no constants.
int waking_signal() { return SIGRTMAX - 2; }
void on_waking_signal(int /*signal*/) {}

void on_user_signal(int /*signal*/) { where_wanted = true; }

void put_in_front() {
    struct sigaction ours = pythons;
    ours.sa_handler = on_interrupt;
    ::sigaction(SIGINT, &ours, nullptr);
}

void interrupt_children_of(pid_t process) {
    namespace fs = std::filesystem;
    std::error_code error;
    for (const auto& thread :
         fs::directory_iterator(fmt::format("/proc/{}/task", process), error)) {
        std::ifstream children(thread.path() / "children");
        for (pid_t child = 0; children >> child;) {
            interrupt_children_of(child);
            if (::getpgid(child) == ::getpgrp()) ::kill(child, SIGINT);
        }
    }
}

}  // namespace

void interrupt() {
    struct sigaction now {};
    ::sigaction(SIGINT, nullptr, &now);
    if (now.sa_handler == SIG_IGN)
        ++interrupt_count;
    else
        ::kill(::getpid(), SIGINT);
}

void interrupt_task() {
    struct sigaction now {};
    ::sigaction(SIGINT, nullptr, &now);
    if (now.sa_handler == on_interrupt) for_task_alone = true;
    ::pthread_kill(main_thread, SIGINT);
}

void wake_main_thread() {
    struct sigaction now {};
    ::sigaction(waking_signal(), nullptr, &now);
    if (now.sa_handler == on_waking_signal) ::pthread_kill(main_thread, waking_signal());
}

unsigned interrupts() { return interrupt_count; }

void interrupt_children() { interrupt_children_of(::getpid()); }

void install_signals(bool is_root) {
    main_thread = ::pthread_self();
    struct sigaction now {};
    ::sigaction(SIGUSR1, nullptr, &now);
    if (now.sa_handler == SIG_DFL) {
        struct sigaction ours {};
        ours.sa_handler = on_user_signal;
        ours.sa_flags = SA_RESTART;
        ::sigaction(SIGUSR1, &ours, nullptr);
    }
    struct sigaction waking {};  // without SA_RESTART
    waking.sa_handler = on_waking_signal;
    ::sigaction(waking_signal(), &waking, nullptr);
    ::sigaction(SIGINT, nullptr, &pythons);
    bool pythons_handler = pythons.sa_handler != SIG_DFL && pythons.sa_handler != SIG_IGN;
    watches_interrupts = is_root && pythons_handler;
    if (watches_interrupts) put_in_front();
}

void keep_signals_installed() {
    if (!watches_interrupts) return;
    struct sigaction now {};
    ::sigaction(SIGINT, nullptr, &now);
    if (now.sa_handler == pythons.sa_handler) put_in_front();
}

bool take_interrupt() {
    const unsigned count = interrupt_count;
    return interrupts_taken.exchange(count) != count;
}
bool has_interrupt() { return interrupts_taken != interrupt_count; }
bool take_where() { return where_wanted && where_wanted.exchange(false); }

}  // namespace mpirepl
