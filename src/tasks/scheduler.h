#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "tasks/job.h"

namespace mpirepl {

/// Decides which task runs where and when, for rank 0's agent. Pure logic: it is told what has
/// happened and asked what to send. All methods are for the agent's turns.
///
/// Tasks for one engine go there at once; the engine has its own queue. Balanced ones wait here
/// until an engine has nothing to do; those that have turned out short go in batches, as many as
/// take a millisecond. When an engine is idle and nothing waits here, batches whose first task was
/// long after all are called back.
class Scheduler {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Scheduler(int size) : engines_(static_cast<std::size_t>(size)) {}

    /// A message to an engine: jobs that it shall run.
    struct Parcel {
        int engine = 0;
        std::vector<const Job*> jobs;
    };
    /// A job that has ended, for whoever waits for it.
    struct Ended {
        TaskEnd end;
        int engine = -1;
    };

    void submit(Job&& job, Clock::time_point now);
    /// What is to be sent now; the pointers are good until the next call of any method.
    std::vector<Parcel> take_parcels(Clock::time_point now);
    /// An engine says how a job has ended.
    /// @return nothing when it will be tried again
    std::optional<Ended> end(int engine, TaskEnd&& end, Clock::time_point now);
    void give_back(int engine, const std::vector<std::uint64_t>& ids, Clock::time_point now);
    /// @return by engine, those that have been sent and must be aborted there
    std::unordered_map<int, std::vector<std::uint64_t>> abort(
        const std::vector<std::uint64_t>& ids);
    /// Jobs that have come to an end here: aborted, too late, or impossible.
    std::vector<Ended> take_ended(Clock::time_point now);
    /// Engines whose unbegun tasks are wanted back.
    std::vector<int> take_recalls(Clock::time_point now);

    /// Whether the engine takes balanced tasks; rank 0 does while its main thread waits.
    void set_available(int engine, bool available) { at(engine).available = available; }
    /// How many executions have failed on it.
    std::uint32_t failures(int engine) const { return at(engine).failures; }

    struct Load {
        std::uint64_t direct = 0;     ///< tasks for this engine that have not ended
        std::uint64_t balanced = 0;   ///< balanced tasks that were sent there
        std::uint64_t completed = 0;  ///< of both kinds
    };
    Load load(int engine) const { return at(engine).load; }
    std::uint64_t unassigned() const { return ready_.size() + blocked_.size(); }
    /// A task that has not ended.
    struct Outstanding {
        std::uint64_t id;
        int engine;  ///< -1: it waits for one
        bool balanced;
    };
    std::vector<Outstanding> outstanding() const;  ///< in the order of submission
    bool idle() const { return jobs_.empty(); }
    /// Engines that have work.
    RankSet busy() const;

  private:
    struct Engine {
        bool available = true;
        bool recalled = false;
        std::uint32_t failures = 0;
        Load load;
        std::deque<std::uint64_t> direct;  ///< not sent
        Clock::time_point last_event;
    };
    enum class Readiness { ready, blocked, invalid, impossible };

    Engine& at(int engine) { return engines_[static_cast<std::size_t>(engine)]; }
    const Engine& at(int engine) const { return engines_[static_cast<std::size_t>(engine)]; }
    Readiness readiness(const Dependency& dependency, std::uint64_t id) const;
    RankSet places(const Job& job) const;
    void place(std::uint64_t id, bool first);
    void wake(std::uint64_t id);
    bool try_again(Job& job, TaskEnd& end, int engine);
    void finish_here(std::uint64_t id, TaskEnd::Status status);
    void note_finished(std::uint64_t id, int engine, bool success);
    std::size_t wanted(int engine, const Placement& placement) const;
    void fill_balanced(std::vector<Parcel>& parcels, Clock::time_point now);
    Parcel take_for(int engine, Clock::time_point now);
    void expire(Clock::time_point now);

    std::vector<Engine> engines_;
    std::unordered_map<std::uint64_t, Job> jobs_;
    std::deque<std::uint64_t> ready_;                  ///< balanced, to be sent
    std::unordered_map<std::uint64_t, bool> blocked_;  ///< balanced, wait for others or for no one
    std::unordered_multimap<std::uint64_t, std::uint64_t> dependents_;
    std::vector<std::int32_t> finished_;  ///< by id: 0: not; else 2 * (engine + 2) + success
    std::vector<Ended> ended_;
    std::size_t next_engine_ = 0;
    bool has_deadlines_ = false;
    Clock::time_point next_look_;
};

}  // namespace mpirepl
