#include "broadcast/agent.h"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdlib>
#include <exception>

#include "base/nap.h"
#include "base/signals_blocked.h"

namespace mpirepl {
namespace {

using namespace std::chrono_literals;
using Duration = std::chrono::steady_clock::duration;

constexpr unsigned thorough_share = 16;  // of a spinning thread's turns, one in so many looks at
                                         // the pipes, and yields (MPI may do that in all of them)
constexpr int io_per_turn = 8;
constexpr auto transfer_spin = 2ms;  // so long the thread does not nap while a transfer goes on
constexpr auto credit_spin = 10ms;   // and so long not while output waits for its credit
constexpr int nap_share = 8;         // a nap is this part of the time since the last event, but
constexpr auto sending_nap = 50us;   // at most this while a transfer goes on in pieces,
constexpr auto longest_nap = 1ms;    // this for a while,
constexpr auto idle_nap = 30ms;      // this in a session that has been idle, and
constexpr auto deaf_nap = 9ms;       // this where nobody can ring,
constexpr auto idle_after = 500ms;   // for so long.
constexpr auto thread_nap = 200us;   // The agent's thread leaves the core to the main thread.
// These are as many times as long where ranks share a core, up to so many:
constexpr int most_crowded = 32;
constexpr auto spin = 1ms;           // Before it naps a waiting main thread only yields.
constexpr auto still_awake = 500us;  // Who has been sent something so recently is awake.
constexpr auto second_look = 5ms;    // While the main thread does the work, the agent's thread
                                     // looks so often whether it still does,
constexpr auto idle_look = 50ms;     // and so often in a session that has been idle.

}  // namespace

Agent::Agent(const World& world)
    : world_(world),
      channel_(world.control()),
      transfers_(world.data()),
      bell_(world.doorbells(), world.rank()),
      crowding_(std::min(world.crowding(), most_crowded)),
      sent_(static_cast<std::size_t>(world.size())) {}

Agent::~Agent() {
    hand_over();
    if (thread_.joinable()) thread_.join();
}

void Agent::start(AgentListener& listener) {
    listener_ = &listener;
    last_event_ = Clock::now();
    ::prctl(PR_SET_TIMERSLACK, 1000);  // ns; naps are short, and threads inherit it
    SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
}

void Agent::run() {
    while (true) {
        if (main_works_) {
            rest(since_last_event() < idle_after ? crowding_ * second_look : idle_look);
            continue;
        }
        std::unique_lock lock(mutex_, std::try_to_lock);
        if (!lock) {
            sched_yield();
            continue;
        }
        if (ended()) return;
        if (turn(true)) continue;
        Duration pause = pause_after(since_last_event());
        lock.unlock();
        if (pause > Duration::zero())
            bell_.nap(pause, some_posted_);
        else
            sched_yield();
    }
}

/// How long a thread rests that has nothing to do.
Agent::Clock::duration Agent::nap_after(Clock::duration idle) const {
    Duration longest = bell_.rings() ? idle_nap : deaf_nap;
    if (idle < idle_after) longest = longest_nap;
    if (busy()) longest = sending_nap;
    return std::min<Duration>(idle / nap_share, longest);
}

/// How long the agent's thread rests while the main thread is busy with Python.
Agent::Clock::duration Agent::pause_after(Clock::duration idle) const {
    // The printing rank's main thread waits as well then, and a core that sleeps wakes up slowly.
    if (awaits_credit_ && idle < credit_spin) return Duration::zero();
    if (!busy()) return std::max<Duration>(nap_after(idle), thread_nap);
    return idle < transfer_spin ? Duration::zero() : nap_after(idle);
}

/// Rests until the main thread hands over, at most that long.
void Agent::rest(Clock::duration longest) {
    std::unique_lock lock(rest_mutex_);
    called_.wait_for(lock, longest, [this] { return std::exchange(is_called_, false); });
}

void Agent::hand_over() {
    {
        const std::scoped_lock lock(rest_mutex_);
        is_called_ = true;
    }
    called_.notify_one();
}

bool Agent::work_until(const std::function<bool()>& done) {
    const std::scoped_lock lock(mutex_);
    main_works_ = true;
    const bool is_done = take_turns_until(done);
    main_works_ = false;
    return is_done;
}

bool Agent::take_turns_until(const std::function<bool()>& done) {
    while (!done()) {
        Duration idle = since_last_event();
        bool spins = idle < crowding_ * spin;
        // Messages are what a rank waits for; the rest costs system calls.
        bool thorough = !spins || ++turns_ % thorough_share == 0;
        if (turn(thorough)) continue;
        if (!spins && !bell_.nap(nap_after(idle), some_posted_)) return false;
        if (spins && thorough) sched_yield();
    }
    return true;
}

bool Agent::turn(bool look_at_pipes) {
    try {
        bool worked = channel_.progress([&](int source, std::string&& bytes) {
            auto shared = std::make_shared<const std::string>(std::move(bytes));
            listener_->on_message(source, decode(*shared, world_.epoch()), shared);
        });
        worked |= transfers_.progress();
        worked |= run_posted();
        // A few at a time: on_turn() is asked in between whether there is room for more.
        for (int i = 0; look_at_pipes && i < io_per_turn && io_.poll_one() > 0; ++i) worked = true;
        Clock::time_point now = Clock::now();
        worked |= listener_->on_turn(now);
        // Memory flows only while both ends look.
        if (worked || transfers_.active()) last_event_ = now;
        return worked;
    } catch (const std::exception& error) {
        listener_->on_failure(error.what());
        std::abort();
    }
}

void Agent::post(std::function<void()> function) {
    std::scoped_lock lock(posted_mutex_);
    posted_.push_back(std::move(function));
    some_posted_ = true;
    bell_.ring_own();
}

bool Agent::run_posted() {
    if (!some_posted_) return false;
    std::vector<std::function<void()>> functions;
    {
        std::scoped_lock lock(posted_mutex_);
        functions.swap(posted_);
        some_posted_ = false;
    }
    for (const auto& function : functions) function();
    return true;
}

std::shared_ptr<const std::string> Agent::encoded(const Message& message) const {
    return std::make_shared<const std::string>(encode(message, world_.epoch()));
}

void Agent::send(int destination, const Message& message) { send(destination, encoded(message)); }

void Agent::send(int destination, std::shared_ptr<const std::string> bytes) {
    channel_.send(destination, std::move(bytes));
    Clock::time_point now = Clock::now();
    if (now - std::exchange(sent_[static_cast<std::size_t>(destination)], now) >
        crowding_ * still_awake)
        bell_.ring(destination);
    last_event_ = now;  // there may be an answer soon
}

}  // namespace mpirepl
