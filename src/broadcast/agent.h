#pragma once

#include <pthread.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broadcast/channel.h"
#include "broadcast/doorbell.h"
#include "broadcast/messages.h"
#include "broadcast/transfers.h"
#include "broadcast/world.h"

namespace mpirepl {

/// What the agent tells its owner. All calls come from whoever does the agent's work at the time,
/// one at a time, without the GIL.
class AgentListener {
  public:
    virtual ~AgentListener() = default;
    /// A message has arrived. `bytes` is its encoded form, to be passed on unchanged.
    virtual void on_message(int source, Message&& message,
                            const std::shared_ptr<const std::string>& bytes) = 0;
    /// Called in every turn: every few milliseconds while something goes on, in an idle session
    /// at least every 30.
    /// @return whether it has done something that others may wait for
    virtual bool on_turn(std::chrono::steady_clock::time_point now) = 0;
    /// The agent cannot go on; `what` says why. Ends the process.
    virtual void on_failure(const std::string& what) = 0;
};

/// Does what a rank must do besides running Python: it polls an io_context (pipes) and all control
/// messages over MPI, in turns. It has a thread of its own for that, which never takes the GIL;
/// but a main thread that waits does the work itself meanwhile, so that a cell goes from MPI to
/// Python and back without a change of threads.
///
/// MPI has no descriptor to wait on. After something has happened the next turn follows at once;
/// then come naps that grow with the time since, up to some milliseconds in an idle session. On
/// the same host whoever sends a message rings the receiver's doorbell, which ends its nap.
class Agent {
  public:
    explicit Agent(const World& world);
    /// Waits for the thread.
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    void start(AgentListener& listener);

    // For the main thread:
    /// Works until `done` is true, which is asked between turns.
    /// @return false when a signal came in first
    bool work_until(const std::function<bool()>& done);
    /// Has the thread take over at once, which it else does some milliseconds after the main thread
    /// has gone.
    void hand_over();
    /// Calls a function as part of a turn, after all that has been posted, and returns its value.
    template <typename Function>
    auto now(Function&& function) {
        std::scoped_lock lock(mutex_);
        run_posted();
        return std::forward<Function>(function)();
    }

    // For any thread:
    /// Has a function called in a coming turn.
    void post(std::function<void()> function);

    // As part of a turn:
    boost::asio::io_context& io() { return io_; }
    /// Something that comes to be read from a descriptor shall not wait for the end of a nap.
    void watch(int fd) { bell_.watch(fd); }
    /// The thread that has made the agent.
    pthread_t main_thread() const { return main_thread_; }
    bool is_main_thread() const { return ::pthread_equal(::pthread_self(), main_thread_) != 0; }
    void send(int destination, const Message& message);
    void send(int destination, std::shared_ptr<const std::string> bytes);
    std::shared_ptr<const std::string> encoded(const Message& message) const;
    /// Output of this rank waits until its parent gives credit, which may come soon.
    void await_credit(bool awaits) { awaits_credit_ = awaits; }
    /// Ends the thread when everything has been sent.
    void end() { ending_ = true; }
    bool sending() const { return channel_.sending(); }
    Transfers& transfers() { return transfers_; }
    std::uint64_t received() const { return channel_.received(); }
    bool ended() const { return ending_ && !busy(); }

  private:
    using Clock = std::chrono::steady_clock;
    void run();
    bool turn(bool look_at_pipes);
    bool run_posted();
    bool busy() const { return channel_.sending() || transfers_.active(); }
    Clock::duration nap_after(Clock::duration idle) const;
    Clock::duration pause_after(Clock::duration idle) const;
    void rest(Clock::duration longest);
    bool take_turns_until(const std::function<bool()>& done);
    Clock::duration since_last_event() const { return Clock::now() - last_event_.load(); }

    const World& world_;
    std::mutex mutex_;  ///< held during a turn, and by a main thread that waits
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    std::mutex posted_mutex_;
    std::vector<std::function<void()>> posted_;
    std::atomic<bool> some_posted_ = false;  ///< spares a turn the mutex; and the system call that
                                             ///< posting to the io_context would cost it
    Channel channel_;
    Transfers transfers_;
    Doorbell bell_;
    const int crowding_;
    std::vector<Clock::time_point> sent_;  ///< to each rank, at last
    AgentListener* listener_ = nullptr;
    std::atomic<Clock::time_point> last_event_{};
    std::atomic<bool> main_works_ = false;  ///< instead of the thread
    std::mutex rest_mutex_;
    std::condition_variable called_;
    bool is_called_ = false;
    unsigned turns_ = 0;
    bool awaits_credit_ = false;
    bool ending_ = false;
    pthread_t main_thread_ = ::pthread_self();
    std::thread thread_;
};

}  // namespace mpirepl
