#include "session/workbench.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <utility>

#include "base/wall_clock.h"
#include "session/signals.h"

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr double slice_seconds = 1e-4;  // of tasks that the main thread takes at once
constexpr std::size_t slice_most = 100;
constexpr auto output_pause = 100ms;

}  // namespace

void Workbench::take(TaskBatch&& batch) {
    std::vector<std::shared_ptr<const std::string>> functions;
    for (std::string& function : batch.functions)
        functions.push_back(std::make_shared<const std::string>(std::move(function)));
    for (Task& task : batch.tasks) {
        Work& work = queue_.emplace_back();
        work.task = std::move(task);
        work.function = functions[work.task.function];
        if (work.task.blobs.empty()) continue;
        work.complete = false;
        for (std::uint64_t size : work.task.blobs) work.blobs.push_back(Blob::allocate(size));
        const SpreadPlace place =
            place_in_spread(world_.rank(), work.task.spread.empty() ? std::vector{world_.rank()}
                                                                    : work.task.spread.ranks());
        const std::uint64_t id = work.task.id;
        agent_.transfers().receive(place.parent, place.children, work.task.transfer, work.blobs,
                                   [this, id] {
                                       for (Work& waiting : queue_)
                                           if (waiting.task.id == id) waiting.complete = true;
                                   });
    }
}

bool Workbench::ready(std::uint32_t cell) const {
    return !queue_.empty() && queue_.front().complete && queue_.front().task.cell <= cell &&
           sending_ == 0;
}

void Workbench::obey(TaskControl&& control) {
    switch (control.kind) {
        case TaskControl::Kind::abort: {
            const std::unordered_set<std::uint64_t> ids(control.ids.begin(), control.ids.end());
            {
                const std::scoped_lock lock(mutex_);
                for (std::uint64_t id : ids)
                    if (taken_.contains(id)) aborted_.insert(id);
            }
            for (Work& work : queue_)
                if (ids.contains(work.task.id)) end_aborted(work.task);
            // What is still being received stays until it has come.
            std::erase_if(queue_, [&](const Work& work) { return ids.contains(work.task.id); });
            break;
        }
        case TaskControl::Kind::recall:
            give_back();
            break;
        case TaskControl::Kind::signal:
            if (control.signal != SIGINT)
                ::kill(::getpid(), control.signal);
            else
                interrupt();
    }
}

/// Interrupts the task that runs, or the one that is about to.
void Workbench::interrupt() {
    const std::scoped_lock lock(mutex_);
    if (running_ != 0)
        interrupt_task();
    else if (!taken_.empty())
        interrupt_next_ = true;
    else if (!queue_.empty())
        queue_.front().interrupted = true;
}

void Workbench::give_back() {
    TaskReturn back;
    std::erase_if(queue_, [&](const Work& work) {
        const bool goes = work.task.balanced && work.complete;
        if (goes) back.ids.push_back(work.task.id);
        return goes;
    });
    deliver_(std::move(back));
}

std::vector<Work> Workbench::begin_some() {
    const auto most = std::clamp<std::size_t>(
        static_cast<std::size_t>(slice_seconds / std::max(seconds_, 1e-7)), 1, slice_most);
    const std::scoped_lock lock(mutex_);
    std::vector<Work> some;
    while (!queue_.empty() && queue_.front().complete && some.size() < most) {
        taken_.insert(queue_.front().task.id);
        some.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    capture_.read_all();
    out_.clear();
    err_.clear();
    capture_.divert(&out_, &err_);
    return some;
}

void Workbench::run(const Run& run) {
    std::vector<Work> some = agent_.now([this] { return begin_some(); });
    auto work = some.begin();
    // Large results leave before the next task, which may change what they lie in.
    while (work != some.end() && sending_ == 0) run_one(*work++, run);
    agent_.now([&] {
        queue_.insert(queue_.begin(), std::make_move_iterator(work),
                      std::make_move_iterator(some.end()));
        capture_.read_all();
        send_output();  // of threads that print after their task
        capture_.divert(nullptr, nullptr);
        const std::scoped_lock lock(mutex_);
        taken_.clear();
        aborted_.clear();
        running_ = 0;
    });
}

void Workbench::run_one(Work& work, const Run& run) {
    const Task& task = work.task;
    Finished finished{.end = {.id = task.id, .started = seconds_since_1970()}};
    bool aborted = false;
    {
        const std::scoped_lock lock(mutex_);
        running_ = task.id;
        work.interrupted |= std::exchange(interrupt_next_, false);
        aborted = aborted_.contains(task.id);
    }
    if (aborted || (!task.balanced && task.failures < failures_)) {
        finished.end.status = TaskEnd::Status::aborted;
    } else {
        TaskValue value = run(work);
        finished.end.status = value.status;
        finished.end.value = std::move(value.value);
        finished.blobs = std::move(value.blobs);
        if (task.stops && value.status == TaskEnd::Status::error) ++failures_;
    }
    work.blobs.clear();
    finished.end.completed = seconds_since_1970();
    const double took = finished.end.completed - finished.end.started;
    seconds_ = took > seconds_ ? took : seconds_ + (took - seconds_) / 4;
    finish(std::move(finished));
}

void Workbench::finish(Finished&& finished) {
    if (!capture_.is_silent())
        agent_.now([&] {
            capture_.read_all();
            finished.end.out = std::exchange(out_, {});
            finished.end.err = std::exchange(err_, {});
            capture_.divert(&out_, &err_);
        });
    for (const Blob& blob : finished.blobs) finished.end.blobs.push_back(blob.size);
    if (!finished.blobs.empty()) {
        finished.end.transfer = ++transfers_;
        ++sending_;
    }
    const std::scoped_lock lock(mutex_);
    finished_.push_back(std::move(finished));
    some_finished_ = true;
}

void Workbench::end_aborted(const Task& task) {
    const std::scoped_lock lock(mutex_);
    finished_.push_back({.end = {.id = task.id, .status = TaskEnd::Status::aborted}, .blobs = {}});
    some_finished_ = true;
}

void Workbench::send_finished() {
    TaskResults results;
    std::vector<std::pair<std::uint32_t, std::vector<Blob>>> transfers;
    std::vector<Finished> finished;
    {
        const std::scoped_lock lock(mutex_);
        finished.swap(finished_);
        some_finished_ = false;
    }
    for (Finished& one : finished) {
        if (!one.blobs.empty()) transfers.emplace_back(one.end.transfer, std::move(one.blobs));
        results.ends.push_back(std::move(one.end));
    }
    deliver_(std::move(results));
    for (auto& [number, blobs] : transfers)
        agent_.transfers().send({0}, number, std::move(blobs), [this] { --sending_; });
}

void Workbench::note(TaskNote::Kind kind, std::string text) {
    agent_.post([this, id = running_.load(), kind, text = std::move(text)]() mutable {
        deliver_(TaskNote{.id = id, .kind = kind, .text = std::move(text)});
    });
}

void Workbench::send_output() {
    for (auto [text, kind] : {std::pair{&out_, TaskNote::Kind::out}, {&err_, TaskNote::Kind::err}})
        if (!text->empty())
            deliver_(TaskNote{.id = running_, .kind = kind, .text = std::exchange(*text, {})});
}

bool Workbench::tick(Clock::time_point now) {
    if (running_ != 0 && now - last_output_ >= output_pause) {
        last_output_ = now;
        send_output();
    }
    if (!some_finished_) return false;
    send_finished();
    return true;
}

}  // namespace mpirepl
