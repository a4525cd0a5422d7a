#include "broadcast/agent.h"

#include <pthread.h>
#include <sched.h>

#include <csignal>
#include <exception>

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr auto spin = 200us;          // after the last event: a reply may be due
constexpr auto lazy_spin = 20us;    // when only this rank's main thread is at work
constexpr auto sending_nap = 50us;    // a transfer goes on in pieces
constexpr auto long_idle = 500ms;     // from here on naps are long
constexpr auto short_nap = 1ms;
constexpr auto long_nap = 4ms;

}  // namespace

void Agent::start(AgentListener& listener) {
    // Signals are for the main thread: Python's handlers run there.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this, &listener] { run(listener); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Agent::join() {
    if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const std::string> Agent::encoded(const Message& message) const {
    return std::make_shared<const std::string>(encode(message, world_.epoch()));
}

void Agent::send(int destination, const Message& message) { send(destination, encoded(message)); }

void Agent::send(int destination, std::shared_ptr<const std::string> bytes) {
    channel_.send(destination, std::move(bytes));
}

void Agent::run(AgentListener& listener) {
    try {
        Clock::time_point last_event = Clock::now();
        while (!ending_ || channel_.sending()) {
            bool worked = turn(listener);
            Clock::time_point now = Clock::now();
            listener.on_turn(now);
            if (worked)
                last_event = now;
            else
                rest(now - last_event);
        }
    } catch (const std::exception& error) {
        listener.on_failure(error.what());
    }
}

bool Agent::turn(AgentListener& listener) {
    bool worked = channel_.progress([&](int source, std::string&& bytes) {
        auto shared = std::make_shared<const std::string>(std::move(bytes));
        listener.on_message(source, decode(*shared, world_.epoch()), shared);
    });
    return io_.poll() > 0 || worked;
}

void Agent::rest(Clock::duration idle) {
    if (idle < (lazy_ ? lazy_spin : spin)) {
        sched_yield();
    } else if (channel_.sending()) {
        std::this_thread::sleep_for(sending_nap);
    } else {
        io_.run_one_for(idle < long_idle ? short_nap : long_nap);
    }
}

}  // namespace mpirepl
