#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "base/task.h"
#include "broadcast/agent.h"
#include "embed/capture.h"

namespace mpirepl {

/// A task on an engine, with what it needs.
struct Work {
    Task task;
    std::shared_ptr<const std::string> function;
    std::vector<Blob> blobs;
    bool complete = true;      ///< its memory has come
    bool interrupted = false;  ///< by a signal that came before it began
};

/// What a task has come to in Python.
struct TaskValue {
    TaskEnd::Status status = TaskEnd::Status::ok;
    std::string value;
    std::vector<Blob> blobs;
};

/// A rank as an engine of the views: keeps the tasks that rank 0 has sent, has the main thread run
/// them one after the other, and sends back how they end and what they print. The relay owns it.
class Workbench {
  public:
    using Clock = std::chrono::steady_clock;
    /// Gives a message to rank 0.
    using Deliver = std::function<void(Message&&)>;
    /// Runs a task in Python; takes the GIL itself.
    using Run = std::function<TaskValue(const Work&)>;

    Workbench(const World& world, Agent& agent, Capture& capture, Deliver deliver)
        : world_(world), agent_(agent), capture_(capture), deliver_(std::move(deliver)) {}

    // As part of a turn:
    void take(TaskBatch&& batch);
    /// One for rank 0's own engine, whose memory is here already.
    void take(Work&& work) { queue_.push_back(std::move(work)); }
    void obey(TaskControl&& control);
    /// @return whether tasks have ended
    bool tick(Clock::time_point now);
    /// There is a task that may begin, now that the cell of this sequence number has come.
    bool ready(std::uint32_t cell) const;
    bool waiting() const { return !queue_.empty(); }
    /// The first task may begin before that cell.
    bool comes_before(std::uint32_t cell) const { return queue_.front().task.cell < cell; }
    /// Large results have not left yet; what they lie in must not be changed.
    bool sending() const { return sending_ > 0; }
    /// Gives back what is balanced and has not begun.
    void give_back();

    // For the main thread:
    /// Runs tasks that are ready: one, or some that are short.
    void run(const Run& run);
    /// By those that have run.
    bool tasks_are_long() const { return seconds_ > 1e-3; }
    /// It runs one.
    bool running() const { return running_ != 0; }
    /// Says something about the task that runs.
    void note(TaskNote::Kind kind, std::string text);

  private:
    struct Finished {
        TaskEnd end;
        std::vector<Blob> blobs;
    };

    std::vector<Work> begin_some();
    void run_one(Work& work, const Run& run);
    void finish(Finished&& finished);
    void interrupt();
    void end_aborted(const Task& task);
    void send_finished();
    void send_output();

    const World& world_;
    Agent& agent_;
    Capture& capture_;
    Deliver deliver_;
    std::deque<Work> queue_;
    std::mutex mutex_;  ///< of what follows; a task is too short to wait for a turn
    std::vector<Finished> finished_;
    std::unordered_set<std::uint64_t> aborted_;  ///< among those that the main thread has taken
    std::unordered_set<std::uint64_t> taken_;
    bool interrupt_next_ = false;

    std::atomic<bool> some_finished_ = false;
    std::atomic<std::uint64_t> running_ = 0;
    std::atomic<std::uint32_t> failures_ = 0;
    double seconds_ = 1;  ///< that a task takes
    std::string out_;
    std::string err_;
    Clock::time_point last_output_;
    std::uint32_t transfers_ = 0;
    std::atomic<int> sending_ = 0;
};

}  // namespace mpirepl
