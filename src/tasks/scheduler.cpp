#include "tasks/scheduler.h"

#include <algorithm>
#include <utility>

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr double batch_seconds = 1e-3;  // of tasks that go in one message
constexpr std::size_t batch_most = 2000;
constexpr std::size_t batch_bytes = 1 << 20;
constexpr auto recall_after = 2ms;  // without an end from an engine that has several tasks
constexpr auto look_again = 1ms;

}  // namespace

void Scheduler::submit(Job&& job, Clock::time_point now) {
    const std::uint64_t id = job.task.id;
    if (!job.placement) {
        Engine& engine = at(job.engine);
        ++engine.load.direct;
        engine.direct.push_back(id);
        jobs_.emplace(id, std::move(job));
        return;
    }
    if (job.placement->timeout > 0) {
        job.deadline = now + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(job.placement->timeout));
    }
    job.retries = job.placement->retries;
    jobs_.emplace(id, std::move(job));
    place(id, false);
}

/// Does what a dependency asks for hold, can it still, or not?
Scheduler::Readiness Scheduler::readiness(const Dependency& dependency, std::uint64_t id) const {
    if (dependency.ids.empty()) return Readiness::ready;
    std::size_t met = 0;
    std::size_t unreachable = 0;
    for (std::uint64_t other : dependency.ids) {
        if (other == 0 || other >= id) return Readiness::invalid;
        const std::int32_t end = other < finished_.size() ? finished_[other] : 0;
        if (end == 0) continue;
        const bool success = (end & 1) != 0;
        ++((success ? dependency.success : dependency.failure) ? met : unreachable);
    }
    const std::size_t count = dependency.ids.size();
    if (dependency.all ? met == count : met > 0) return Readiness::ready;
    if (dependency.all ? unreachable > 0 : unreachable == count) return Readiness::impossible;
    return Readiness::blocked;
}

/// The engines on which it may run now.
RankSet Scheduler::places(const Job& job) const {
    RankSet places = job.placement->engines;
    places.remove(job.refused);
    const Dependency& follow = job.placement->follow;
    if (follow.ids.empty()) return places;
    RankSet any;
    for (std::uint64_t other : follow.ids) {
        const std::int32_t end = other < finished_.size() ? finished_[other] : 0;
        if (end == 0) continue;
        const int engine = (end >> 1) - 2;
        if (engine < 0) continue;
        if (follow.all) places = places.within(RankSet::single(engine));
        any.insert(RankSet::single(engine));
    }
    return follow.all ? places : places.within(any);
}

/// Puts a balanced job where it belongs: ready, blocked, or at its end.
void Scheduler::place(std::uint64_t id, bool first) {
    const Job& job = jobs_.at(id);
    const Placement& placement = *job.placement;
    const Readiness after = readiness(placement.after, id);
    const Readiness follow = readiness(placement.follow, id);
    if (job.deadline != Clock::time_point::max()) has_deadlines_ = true;
    auto either = [&](Readiness r) { return after == r || follow == r; };
    if (either(Readiness::invalid)) {
        finish_here(id, TaskEnd::Status::invalid);
    } else if (either(Readiness::impossible)) {
        finish_here(id, TaskEnd::Status::impossible);
    } else if (either(Readiness::blocked)) {
        if (!blocked_.emplace(id, true).second) return;
        for (const Dependency* dependency : {&placement.after, &placement.follow})
            for (std::uint64_t other : dependency->ids) dependents_.emplace(other, id);
    } else if (places(job).empty()) {
        if (job.deadline == Clock::time_point::max())
            finish_here(id, TaskEnd::Status::impossible);
        else
            blocked_.emplace(id, false);  // until its time is over
    } else {
        blocked_.erase(id);
        if (first)
            ready_.push_front(id);
        else
            ready_.push_back(id);
    }
}

void Scheduler::wake(std::uint64_t id) {
    auto [begin, end] = dependents_.equal_range(id);
    std::vector<std::uint64_t> woken;
    for (auto it = begin; it != end; ++it) woken.push_back(it->second);
    dependents_.erase(begin, end);
    for (std::uint64_t other : woken)
        if (blocked_.contains(other)) place(other, false);
}

void Scheduler::note_finished(std::uint64_t id, int engine, bool success) {
    if (finished_.size() <= id) finished_.resize(std::max<std::size_t>(id + 1, 2 * id));
    finished_[id] = 2 * (engine + 2) + (success ? 1 : 0);
    wake(id);
}

void Scheduler::finish_here(std::uint64_t id, TaskEnd::Status status) {
    blocked_.erase(id);
    jobs_.erase(id);
    ended_.push_back({.end = {.id = id, .status = status}});
    note_finished(id, -1, false);
}

std::size_t Scheduler::wanted(int engine, const Placement& placement) const {
    const std::uint64_t has = at(engine).load.direct + at(engine).load.balanced;
    if (placement.ended == 0 || placement.seconds > batch_seconds / 2) return has == 0 ? 1 : 0;
    const double most = std::min(batch_seconds / std::max(placement.seconds, 1e-9), 1e6);
    // At the end the batches get small, so that all engines end together.
    const std::size_t fair = ready_.size() / (2 * engines_.size()) + 1;
    const std::size_t target = std::min({static_cast<std::size_t>(most) + 1, fair, batch_most});
    return has <= target / 2 ? target : 0;
}

/// Balanced jobs for an engine that wants some.
Scheduler::Parcel Scheduler::take_for(int engine, Clock::time_point now) {
    Parcel parcel{.engine = engine};
    std::size_t bytes = 0;
    std::size_t want = 1;
    for (std::size_t i = 0; i < ready_.size() && parcel.jobs.size() < want;) {
        Job& job = jobs_.at(ready_[i]);
        if (!places(job).contains(engine)) {
            ++i;
            continue;
        }
        if (parcel.jobs.empty()) want = wanted(engine, *job.placement);
        const bool alike = parcel.jobs.empty() || parcel.jobs.front()->placement == job.placement;
        if (want == 0 || !alike || bytes > batch_bytes) break;
        bytes += job.task.argument.size();
        job.sent = true;
        job.engine = engine;
        parcel.jobs.push_back(&job);
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    Engine& to = at(engine);
    if (to.load.balanced == 0 && !parcel.jobs.empty()) to.last_event = now;
    to.load.balanced += parcel.jobs.size();
    return parcel;
}

void Scheduler::fill_balanced(std::vector<Parcel>& parcels, Clock::time_point now) {
    // Those that have least first; each in turn where they are equal.
    const std::size_t size = engines_.size();
    std::vector<int> order;
    for (std::size_t i = 0; i < size; ++i) {
        const auto engine = static_cast<int>((next_engine_ + i) % size);
        if (at(engine).available) order.push_back(engine);
    }
    auto load = [&](int e) { return at(e).load.direct + at(e).load.balanced; };
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return load(a) < load(b); });
    for (int engine : order) {
        if (ready_.empty()) return;
        Parcel parcel = take_for(engine, now);
        if (parcel.jobs.empty()) continue;
        next_engine_ = static_cast<std::size_t>(engine) + 1;
        parcels.push_back(std::move(parcel));
    }
}

std::vector<Scheduler::Parcel> Scheduler::take_parcels(Clock::time_point now) {
    std::vector<Parcel> parcels;
    for (std::size_t i = 0; i < engines_.size(); ++i) {
        Engine& engine = engines_[i];
        while (!engine.direct.empty()) {
            Parcel parcel{.engine = static_cast<int>(i)};
            for (std::size_t bytes = 0; !engine.direct.empty() && bytes < batch_bytes;
                 engine.direct.pop_front()) {
                auto found = jobs_.find(engine.direct.front());
                if (found == jobs_.end()) continue;  // aborted
                found->second.sent = true;
                bytes += found->second.task.argument.size();
                parcel.jobs.push_back(&found->second);
            }
            if (!parcel.jobs.empty()) parcels.push_back(std::move(parcel));
        }
    }
    if (!ready_.empty()) fill_balanced(parcels, now);
    return parcels;
}

/// @return whether the job waits for another engine now
bool Scheduler::try_again(Job& job, TaskEnd& end, int engine) {
    if (!job.placement) return false;
    const bool unmet = end.status == TaskEnd::Status::unmet;
    const bool retry = end.status == TaskEnd::Status::error && job.retries > 0;
    if (!unmet && !retry) return false;
    if (retry) --job.retries;
    job.refused.insert(RankSet::single(engine));
    if (places(job).empty() && job.deadline == Clock::time_point::max()) {
        if (unmet) end.status = TaskEnd::Status::impossible;
        return false;
    }
    job.sent = false;
    job.engine = -1;
    place(job.task.id, true);
    return true;
}

std::optional<Scheduler::Ended> Scheduler::end(int engine, TaskEnd&& end, Clock::time_point now) {
    auto found = jobs_.find(end.id);
    if (found == jobs_.end()) return std::nullopt;
    Job& job = found->second;
    Engine& from = at(engine);
    from.last_event = now;
    --(job.placement ? from.load.balanced : from.load.direct);
    ++from.load.completed;
    if (job.placement) {
        Placement& placement = *job.placement;
        const double seconds = std::max(0.0, end.completed - end.started);
        const double share = placement.ended < 8 ? 1.0 / (placement.ended + 1) : 1.0 / 8;
        placement.seconds += share * (seconds - placement.seconds);
        ++placement.ended;
    }
    if (job.task.stops && end.status == TaskEnd::Status::error) ++from.failures;
    if (try_again(job, end, engine)) return std::nullopt;
    jobs_.erase(found);
    note_finished(end.id, engine, end.status == TaskEnd::Status::ok);
    return Ended{.end = std::move(end), .engine = engine};
}

void Scheduler::give_back(int engine, const std::vector<std::uint64_t>& ids,
                          Clock::time_point now) {
    at(engine).recalled = false;
    at(engine).last_event = now;
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
        auto found = jobs_.find(*id);
        if (found == jobs_.end() || !found->second.placement) continue;
        --at(engine).load.balanced;
        found->second.sent = false;
        found->second.engine = -1;
        place(*id, true);
    }
}

std::unordered_map<int, std::vector<std::uint64_t>> Scheduler::abort(
    const std::vector<std::uint64_t>& ids) {
    std::unordered_map<int, std::vector<std::uint64_t>> there;
    for (std::uint64_t id : ids) {
        auto found = jobs_.find(id);
        if (found == jobs_.end()) continue;
        Job& job = found->second;
        job.retries = 0;
        if (job.sent) {
            there[job.engine].push_back(id);
            continue;
        }
        if (job.placement)
            std::erase(ready_, id);
        else
            --at(job.engine).load.direct;
        finish_here(id, TaskEnd::Status::aborted);
    }
    return there;
}

void Scheduler::expire(Clock::time_point now) {
    std::vector<std::uint64_t> late;
    has_deadlines_ = false;
    for (const auto& [id, job] : jobs_) {
        if (job.sent || job.deadline == Clock::time_point::max()) continue;
        has_deadlines_ = true;
        if (now >= job.deadline) late.push_back(id);
    }
    for (std::uint64_t id : late) {
        std::erase(ready_, id);
        finish_here(id, TaskEnd::Status::timeout);
    }
}

std::vector<Scheduler::Ended> Scheduler::take_ended(Clock::time_point now) {
    if (has_deadlines_ && now >= next_look_) {
        next_look_ = now + look_again;
        expire(now);
    }
    return std::exchange(ended_, {});
}

std::vector<int> Scheduler::take_recalls(Clock::time_point now) {
    std::vector<int> recalls;
    if (!ready_.empty() || jobs_.empty()) return recalls;
    const bool some_idle = std::any_of(engines_.begin(), engines_.end(), [](const Engine& e) {
        return e.available && e.load.direct + e.load.balanced == 0;
    });
    if (!some_idle) return recalls;
    for (std::size_t i = 0; i < engines_.size(); ++i) {
        Engine& engine = engines_[i];
        const bool holds_back =
            engine.load.balanced > 1 || (engine.load.balanced == 1 && engine.load.direct > 0);
        if (!holds_back || engine.recalled || now - engine.last_event < recall_after) continue;
        engine.recalled = true;
        engine.last_event = now;
        recalls.push_back(static_cast<int>(i));
    }
    return recalls;
}

std::vector<Scheduler::Outstanding> Scheduler::outstanding() const {
    std::vector<Outstanding> tasks;
    tasks.reserve(jobs_.size());
    for (const auto& [id, job] : jobs_)
        tasks.push_back({.id = id, .engine = job.engine, .balanced = job.placement != nullptr});
    std::ranges::sort(tasks, {}, &Outstanding::id);
    return tasks;
}

RankSet Scheduler::busy() const {
    RankSet busy;
    for (std::size_t i = 0; i < engines_.size(); ++i)
        if (engines_[i].load.direct + engines_[i].load.balanced > 0)
            busy.insert(RankSet::single(static_cast<int>(i)));
    return busy;
}

}  // namespace mpirepl
