#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broadcast/agent.h"
#include "session/workbench.h"
#include "tasks/gatherings.h"
#include "tasks/scheduler.h"

namespace mpirepl {

/// What rank 0 knows of a task. Times are seconds since 1970; 0: not yet.
struct TaskRecord {
    bool ended = false;
    TaskEnd::Status status = TaskEnd::Status::ok;
    int engine = -1;
    double started = 0;
    double completed = 0;
    double received = 0;
    std::string out;
    std::string err;
    std::vector<std::string> data;  ///< what it has published, in order
    std::string value;
    std::vector<Blob> blobs;
};

/// Rank 0's side of the views: takes tasks from Python, has the scheduler place them, sends them to
/// the engines and keeps how they end until Python has fetched it. The display owns it.
class Dispatcher {
  public:
    using Clock = std::chrono::steady_clock;

    Dispatcher(const World& world, Agent& agent, Workbench& own)
        : agent_(agent), own_(own), scheduler_(world.size()) {
        scheduler_.set_available(0, false);
    }

    // As part of a turn:
    void on_results(int engine, TaskResults&& results);
    void on_note(TaskNote&& note);
    void on_return(int engine, TaskReturn&& back);
    /// @return whether tasks have ended
    bool tick(Clock::time_point now);
    /// Engines that have tasks.
    RankSet busy() const { return scheduler_.busy(); }
    bool idle() const { return scheduler_.idle() && transfers_going_ == 0; }
    /// Rank 0's engine takes balanced tasks while its main thread waits.
    void set_waiting(bool waiting);
    const Scheduler& scheduler() const { return scheduler_; }
    void set_cell(std::uint32_t sequence) { cell_ = sequence; }

    /// The engines go; nothing can be submitted any more.
    void close() {
        const std::scoped_lock lock(mutex_);
        closed_ = true;
    }

    // For any thread:
    /// Jobs with ids that follow each other.
    /// @return the first id
    std::uint64_t submit(std::vector<Job>&& jobs, bool spread);
    void abort(std::vector<std::uint64_t> ids);
    void send_signal(const std::vector<int>& engines, int signal);
    bool has_ended(std::uint64_t id) const;
    /// Grows whenever a task ends or says something.
    std::uint64_t events() const { return events_; }
    /// The value of one that has ended, which is given away.
    std::optional<TaskValue> take_value(std::uint64_t id);
    /// Calls a function with the record of a task, or with null where there is none.
    template <typename Function>
    auto look(std::uint64_t id, Function&& function) const {
        const std::scoped_lock lock(mutex_);
        auto found = records_.find(id);
        return function(found == records_.end() ? nullptr : &found->second);
    }
    void forget(const std::vector<std::uint64_t>& ids);
    /// Waits until events() differs from `before`, at most so long. Not for the main thread.
    void await_event(std::uint64_t before, Clock::duration most);

  private:
    void add(std::vector<Job>&& jobs, bool spread);
    void flush();
    void send(const Scheduler::Parcel& parcel);
    void control(int engine, TaskControl&& control);
    void hand_to_own(const Job& job);
    void receive_memory(Clock::time_point now);
    void take_end(int engine, TaskEnd&& end, std::vector<Blob>&& blobs);
    void keep(Scheduler::Ended&& ended, std::vector<Blob>&& blobs);

    Agent& agent_;
    Workbench& own_;
    Scheduler scheduler_;
    Gatherings gatherings_;
    std::uint32_t transfers_ = 0;
    int transfers_going_ = 0;
    std::atomic<std::uint32_t> cell_ = 0;

    mutable std::mutex mutex_;  ///< of the records; held for moments only
    std::condition_variable changed_;
    std::unordered_map<std::uint64_t, TaskRecord> records_;
    std::uint64_t next_id_ = 1;
    bool closed_ = false;
    std::atomic<std::uint64_t> events_ = 0;
};

}  // namespace mpirepl
