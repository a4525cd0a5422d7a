#include "session/dispatcher.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include "base/wall_clock.h"

namespace mpirepl {

std::uint64_t Dispatcher::submit(std::vector<Job>&& jobs, bool spread) {
    std::uint64_t first = 0;
    {
        const std::scoped_lock lock(mutex_);
        if (closed_) throw std::runtime_error("the session ends: the engines have gone");
        first = next_id_;
        next_id_ += jobs.size();
        records_.reserve(records_.size() + jobs.size());
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            jobs[i].task.id = first + i;
            jobs[i].task.cell = cell_;
            records_[first + i].engine = jobs[i].engine;
        }
    }
    // At once where possible: the agent's thread may be asleep.
    if (agent_.is_main_thread()) {
        agent_.now([&] { add(std::move(jobs), spread); });
    } else {
        auto shared = std::make_shared<std::vector<Job>>(std::move(jobs));
        agent_.post([this, shared, spread] { add(std::move(*shared), spread); });
    }
    return first;
}

void Dispatcher::add(std::vector<Job>&& jobs, bool spread) {
    const Clock::time_point now = Clock::now();
    RankSet engines;
    if (spread && !jobs.empty() && !jobs.front().blobs.empty())
        for (const Job& job : jobs) engines.insert(RankSet::single(job.engine));
    engines.remove(RankSet::single(0));
    if (engines.count() > 1) {
        const std::uint32_t number = ++transfers_;
        for (Job& job : jobs) {
            job.task.spread = engines;
            job.task.transfer = number;
        }
    }
    if (!jobs.empty() && jobs.front().gathered)
        gatherings_.begin(jobs.front().task.id, jobs.size());
    std::vector<Blob> blobs = jobs.empty() ? std::vector<Blob>() : jobs.front().blobs;
    const std::uint32_t number = jobs.empty() ? 0 : jobs.front().task.transfer;
    for (Job& job : jobs) {
        if (!job.placement) job.task.failures = scheduler_.failures(job.engine);
        for (const Blob& blob : job.blobs) job.task.blobs.push_back(blob.size);
        scheduler_.submit(std::move(job), now);
    }
    flush();
    if (engines.count() <= 1) return;
    ++transfers_going_;
    agent_.transfers().send(place_in_spread(0, engines.ranks()).children, number, std::move(blobs),
                            [this] { --transfers_going_; });
}

void Dispatcher::flush() {
    const Clock::time_point now = Clock::now();
    for (const Scheduler::Parcel& parcel : scheduler_.take_parcels(now)) send(parcel);
    for (Scheduler::Ended& ended : scheduler_.take_ended(now)) keep(std::move(ended), {});
}

void Dispatcher::hand_to_own(const Job& job) {
    Work work{.task = job.task, .function = job.function, .blobs = job.blobs};
    own_.take(std::move(work));
}

void Dispatcher::send(const Scheduler::Parcel& parcel) {
    if (parcel.engine == 0) {
        for (const Job* job : parcel.jobs) hand_to_own(*job);
        return;
    }
    TaskBatch batch;
    std::vector<std::pair<std::uint32_t, std::vector<Blob>>> memory;
    const std::string* last = nullptr;
    for (const Job* job : parcel.jobs) {
        if (job->function.get() != last) {
            last = job->function.get();
            batch.functions.push_back(*last);
        }
        Task& task = batch.tasks.emplace_back(job->task);
        task.function = static_cast<std::uint32_t>(batch.functions.size() - 1);
        if (job->blobs.empty() || !task.spread.empty()) continue;
        task.transfer = ++transfers_;
        memory.emplace_back(task.transfer, job->blobs);
    }
    agent_.send(parcel.engine, std::move(batch));
    for (auto& [number, blobs] : memory) {
        ++transfers_going_;
        agent_.transfers().send({parcel.engine}, number, std::move(blobs),
                                [this] { --transfers_going_; });
    }
}

void Dispatcher::on_results(int engine, TaskResults&& results) {
    const Clock::time_point now = Clock::now();
    for (TaskEnd& end : results.ends) {
        if (end.blobs.empty())
            take_end(engine, std::move(end), {});
        else
            gatherings_.add(engine, std::move(end), now);
    }
    receive_memory(now);
    flush();
}

void Dispatcher::receive_memory(Clock::time_point now) {
    for (Gatherings::Result& result : gatherings_.take(now)) {
        ++transfers_going_;
        const int engine = result.engine;
        const std::uint32_t number = result.end.transfer;
        std::vector<Blob> blobs = result.blobs;
        agent_.transfers().receive(
            engine, {}, number, std::move(blobs), [this, result = std::move(result)]() mutable {
                --transfers_going_;
                take_end(result.engine, std::move(result.end), std::move(result.blobs));
                flush();
            });
    }
}

void Dispatcher::take_end(int engine, TaskEnd&& end, std::vector<Blob>&& blobs) {
    if (auto ended = scheduler_.end(engine, std::move(end), Clock::now()))
        keep(std::move(*ended), std::move(blobs));
}

void Dispatcher::keep(Scheduler::Ended&& ended, std::vector<Blob>&& blobs) {
    TaskEnd& end = ended.end;
    gatherings_.note_end(end.id);
    {
        const std::scoped_lock lock(mutex_);
        auto found = records_.find(end.id);
        if (found != records_.end()) {
            TaskRecord& record = found->second;
            record.ended = true;
            record.status = end.status;
            if (ended.engine >= 0) record.engine = ended.engine;
            record.started = end.started;
            record.completed = end.completed;
            record.received = seconds_since_1970();
            record.out += end.out;
            record.err += end.err;
            record.value = std::move(end.value);
            record.blobs = std::move(blobs);
        }
        ++events_;
    }
    changed_.notify_all();
}

void Dispatcher::on_note(TaskNote&& note) {
    {
        const std::scoped_lock lock(mutex_);
        auto found = records_.find(note.id);
        if (found == records_.end()) return;
        TaskRecord& record = found->second;
        if (note.kind == TaskNote::Kind::data)
            record.data.push_back(std::move(note.text));
        else
            (note.kind == TaskNote::Kind::out ? record.out : record.err) += note.text;
        ++events_;
    }
    changed_.notify_all();
}

void Dispatcher::on_return(int engine, TaskReturn&& back) {
    scheduler_.give_back(engine, back.ids, Clock::now());
    flush();
}

bool Dispatcher::tick(Clock::time_point now) {
    if (scheduler_.idle()) return false;
    receive_memory(now);
    std::vector<Scheduler::Ended> ended = scheduler_.take_ended(now);
    for (Scheduler::Ended& one : ended) {
        keep(std::move(one), {});
        flush();
    }
    for (int engine : scheduler_.take_recalls(now))
        control(engine, {.kind = TaskControl::Kind::recall});
    return !ended.empty();
}

void Dispatcher::control(int engine, TaskControl&& control) {
    if (engine == 0)
        own_.obey(std::move(control));
    else
        agent_.send(engine, std::move(control));
}

void Dispatcher::set_waiting(bool waiting) {
    scheduler_.set_available(0, waiting);
    if (waiting)
        flush();
    else if (scheduler_.load(0).balanced > 0)
        own_.give_back();
}

void Dispatcher::abort(std::vector<std::uint64_t> ids) {
    agent_.post([this, ids = std::move(ids)]() mutable {
        if (ids.empty())
            for (const auto& task : scheduler_.outstanding()) ids.push_back(task.id);
        const auto there = scheduler_.abort(ids);
        for (const auto& [engine, sent] : there)
            control(engine, {.kind = TaskControl::Kind::abort, .ids = sent});
        flush();
    });
}

void Dispatcher::send_signal(const std::vector<int>& engines, int signal) {
    agent_.post([this, engines, signal] {
        for (int engine : engines)
            control(engine, {.kind = TaskControl::Kind::signal, .signal = signal});
    });
}

bool Dispatcher::has_ended(std::uint64_t id) const {
    return look(id, [](const TaskRecord* record) { return record == nullptr || record->ended; });
}

std::optional<TaskValue> Dispatcher::take_value(std::uint64_t id) {
    const std::scoped_lock lock(mutex_);
    auto found = records_.find(id);
    if (found == records_.end() || !found->second.ended) return std::nullopt;
    TaskRecord& record = found->second;
    return TaskValue{.status = record.status,
                     .value = std::exchange(record.value, {}),
                     .blobs = std::exchange(record.blobs, {})};
}

void Dispatcher::forget(const std::vector<std::uint64_t>& ids) {
    const std::scoped_lock lock(mutex_);
    for (std::uint64_t id : ids) records_.erase(id);
}

void Dispatcher::await_event(std::uint64_t before, Clock::duration most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, most, [&] { return events_ != before; });
}

}  // namespace mpirepl
