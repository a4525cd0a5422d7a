#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "broadcast/channel.h"
#include "broadcast/messages.h"
#include "broadcast/world.h"

namespace mpirepl {

/// What the agent tells its owner; all calls come on the agent's thread.
class AgentListener {
 public:
    virtual ~AgentListener() = default;
    /// A message has arrived. `bytes` is its encoded form, to be passed on unchanged.
    virtual void on_message(int source, Message&& message,
                            const std::shared_ptr<const std::string>& bytes) = 0;
    /// Called in every turn of the loop, at least every few milliseconds.
    virtual void on_turn(std::chrono::steady_clock::time_point now) = 0;
    /// The agent cannot go on; `what` says why. Must not return.
    [[noreturn]] virtual void on_failure(const std::string& what) = 0;
};

/// The thread of a rank that never takes the GIL: it runs an io_context (pipes, signals, timers)
/// and moves all control messages over MPI. Messages are sent on its thread only; every other
/// thread goes through post().
///
/// MPI has no descriptor to wait on, so the agent polls: it spins for a moment after something has
/// happened, then naps in the io_context, a millisecond at first and a few when the session has
/// been idle for long. Anything posted and any descriptor wakes it at once.
class Agent {
 public:
    explicit Agent(const World& world) : world_(world), channel_(world.control()) {}
    ~Agent() { join(); }
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    void start(AgentListener& listener);
    /// Waits for the thread to end, after end().
    void join();

    template <typename Function>
    void post(Function&& function) {
        boost::asio::post(io_, std::forward<Function>(function));
    }

    // On the agent's thread:
    boost::asio::io_context& io() { return io_; }
    void send(int destination, const Message& message);
    void send(int destination, std::shared_ptr<const std::string> bytes);
    std::shared_ptr<const std::string> encoded(const Message& message) const;
    /// While this rank's main thread is at work, polling leaves it the core.
    void main_is_busy(bool busy) { lazy_ = busy; }
    /// Ends the thread when everything has been sent.
    void end() { ending_ = true; }

 private:
    using Clock = std::chrono::steady_clock;
    void run(AgentListener& listener);
    bool turn(AgentListener& listener);
    void rest(Clock::duration idle);

    const World& world_;
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    Channel channel_;
    bool lazy_ = false;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace mpirepl
