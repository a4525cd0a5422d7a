#include "session/sentry.h"

#include <fmt/format.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "embed/stacks.h"
#include "session/signals.h"

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr auto gil_patience = 300ms;       // then whoever holds it computes
constexpr auto parked_for_good = 20ms;     // an arrival may still come through
constexpr auto raise_after = 1s;           // code that goes on although its calls fail
constexpr auto shortest_wake = 50ms;       // who may have begun to sleep at the moment of Ctrl-C is
constexpr auto longest_wake = 1s;          // woken some times, more and more rarely
constexpr std::size_t most_open = 10'000;  // receives that a picture lists

bool has(const std::vector<pthread_t>& threads, pthread_t thread) {
    return std::any_of(threads.begin(), threads.end(),
                       [&](pthread_t t) { return ::pthread_equal(t, thread) != 0; });
}

/// The main thread, which waits for another in Python, does its part of a break meanwhile.
int take_part_of_waiting_thread(void* /*nothing*/) {
    const pybind11::gil_scoped_release release;
    if (guard::breaking()) guard::take_part(true);
    return 0;
}

}  // namespace

void Sentry::begin(const Cell& cell, bool mine) {
    after_tasks_ = mine ? Phase::running : Phase::not_mine;
    if (!in_tasks_) phase_ = after_tasks_;
    has_python_ = true;
    sequence_ = cell.sequence;
    guarded_ = cell.guarded;
    raised_.clear();
    unanswered_.reset();
    owes_quiet_.reset();
    told_parked_ = broken_ = recovers_ = false;
    order_.reset();
    wake_wait_ = Clock::duration::max();
}

void Sentry::begin_tasks() {
    const bool in_cell = agent_.now([this] {
        in_tasks_ = true;
        awaits_tasks_ = false;
        after_tasks_ = phase_;
        return std::exchange(phase_, Phase::running) == Phase::running;
    });
    if (!in_cell) guard::begin_task(sequence_, guarded_);
}

void Sentry::end_tasks() {
    agent_.now([this] {
        in_tasks_ = false;
        phase_ = after_tasks_;
    });
}

void Sentry::await_threads() {
    awaits_threads_ = true;
    phase_ = Phase::left;
}

void Sentry::begin_exit() {
    awaits_threads_ = false;
    phase_ = Phase::running;
}

void Sentry::end_python() {
    has_python_ = false;
    if (auto question = std::exchange(unanswered_, std::nullopt)) send(*question, Picture{});
}

void Sentry::leave(const std::string& raised) {
    phase_ = Phase::left;
    raised_ = raised;
}

Picture::State Sentry::state_of(const guard::Look& look) const {
    if (phase_ == Phase::not_mine) return Picture::State::not_targeted;
    if (phase_ == Phase::left)
        return look.picture.waits.empty() ? Picture::State::left : Picture::State::waiting;
    if (awaits_tasks_) return Picture::State::not_targeted;
    return look.main_waits ? Picture::State::waiting : Picture::State::computing;
}

void Sentry::answer(const AskPicture& question) {
    guard::Look look = guard::look(question.communicators);
    look.picture.state = state_of(look);
    if (look.picture.open_receives.size() > most_open)
        look.picture.state = Picture::State::computing;
    if (!question.stacks || !has_python_) {
        send(question, std::move(look.picture));
    } else if (look.gil_is_held) {
        complete(look, look.threads);
        send(question, std::move(look.picture));
    } else {
        unanswered_ = question;
        asked_ = Clock::now();
        with_gil([this, question, look = std::move(look)]() mutable {
            std::vector<PythonThread> threads = python_threads();
            agent_.post([this, question, look = std::move(look), threads]() mutable {
                if (!unanswered_ || unanswered_->census != question.census) return;
                unanswered_.reset();
                // A thread that is in neither list may have acted in between.
                look.unknown_waits |= guard::look({}).picture.events != look.picture.events;
                complete(look, threads);
                send(question, std::move(look.picture));
            });
        });
    }
}

/// Adds what Python knows: places, and threads that compute beside those that wait.
void Sentry::complete(guard::Look& look, const std::vector<PythonThread>& threads) const {
    Picture& picture = look.picture;
    bool computes = look.unknown_waits;
    bool may_be_woken = false;  // one that counts, by another that would have to compute for it
    bool others_compute = false;
    for (const PythonThread& thread : threads) {
        bool is_main = ::pthread_equal(thread.id, agent_.main_thread()) != 0;
        if (is_main && phase_ == Phase::running) picture.where = thread.where;
        for (std::size_t i = 0; i < picture.waits.size(); ++i) {
            if (::pthread_equal(look.waiting[i], thread.id) == 0) continue;
            picture.waits[i].where = thread.where;
            picture.waits[i].callee = thread.callee;
        }
        if (is_main || has(look.waiting, thread.id)) continue;
        const bool counts = thread.of_this_cell || has(look.calling, thread.id);
        if (!thread.awaits_work)
            (counts ? computes : others_compute) = true;
        else if (counts)
            may_be_woken = true;
    }
    computes |= may_be_woken && others_compute;
    if (computes)
        picture.state = Picture::State::computing;
    else if (!picture.waits.empty() && picture.state != Picture::State::computing)
        picture.state = Picture::State::waiting;
}

void Sentry::send(const AskPicture& question, Picture&& picture) {
    picture.census = question.census;
    picture.rank = rank_;
    picture.left = phase_ == Phase::left;
    picture.left_by = raised_;
    if (picture.state == Picture::State::computing) owes_quiet_ = question.census;
    tell_(std::move(picture));
}

void Sentry::break_off(BreakOff&& order) {
    if (order.sequence != sequence_) return;
    bool interrupts = order.interrupt && runs();
    bool first = !std::exchange(broken_, true);  // until all have recovered
    if (first) {
        next_raise_ = Clock::now() + raise_after;
        order_ = std::move(order);
        if (guarded_) guard::break_off(sequence_);
    }
    if (!interrupts) return;
    // Python first, or it sees its child end before it knows why. On rank 0 it has had the signal.
    if (rank_ != 0) ::pthread_kill(agent_.main_thread(), SIGINT);
    wake_wait_ = shortest_wake;
    next_wake_ = Clock::now() + wake_wait_;
    interrupt_children();
}

bool Sentry::is_interrupted() const { return order_ && order_->interrupt; }

void Sentry::proceed() {
    recovers_ = true;
    guard::proceed();
}

void Sentry::tick(Clock::time_point now) {
    if (unanswered_ && now - asked_ > gil_patience) {
        AskPicture question = *std::exchange(unanswered_, std::nullopt);
        send(question, Picture{});
    }
    if (recovers_ && !guard::breaking()) {  // what follows in the same cell may be broken off again
        recovers_ = broken_ = told_parked_ = false;
        tell_(Parked{.sequence = sequence_, .rank = rank_, .recovered = true});
    }
    if (owes_quiet_ && is_quiet())
        tell_(Quiet{.census = *std::exchange(owes_quiet_, std::nullopt), .rank = rank_});
    if (!guard::breaking() || !guard::parked())
        parked_since_ = now;
    else if (now - parked_since_ >= parked_for_good && !std::exchange(told_parked_, true))
        tell_(Parked{.sequence = sequence_, .rank = rank_});
    if (runs() && wake_wait_ <= longest_wake && now > next_wake_) {
        wake_main_thread();
        next_wake_ = now + (wake_wait_ *= 2);
    }
    if (awaits_threads_ && guard::breaking() && !guard::parked() && now > next_wake_) {
        next_wake_ = now + shortest_wake;
        Py_AddPendingCall(take_part_of_waiting_thread, nullptr);
        wake_main_thread();
    }
    if (order_ && runs() && has_python_ && now > next_raise_) {
        next_raise_ = now + raise_after;
        raise_again();
    }
}

void Sentry::raise_again() {
    // A pool that ends waits for its thread, which waits for the main thread to be parked.
    if (order_->interrupt && guard::breaking() && !guard::parked() && guard::another_is_parked())
        interrupt_task();
    if (!guard::refusing()) return;
    with_gil([interrupt = order_->interrupt, others = awaits_threads_] {
        if (!guard::refusing()) return;
        if (others)
            end_threads(guard::calling_threads());
        else
            raise_in_main_thread(interrupt);
    });
}

std::optional<BrokenCell> Sentry::end_cell() {
    guard::CellEnd end = guard::end_cell();
    if (!end.broken_off) return std::nullopt;
    auto order = agent_.now([this] { return std::exchange(order_, std::nullopt); });
    using Why = BrokenCell::Why;
    if (!end.ended_by.empty()) {
        BrokenCell ended{.why = Why::ended,
                         .text = end.ended_by + " was called: the cell ends here"};
        for (const Diagnosis& diagnosis : order ? order->diagnoses : std::vector<Diagnosis>())
            if (diagnosis.ranks.contains(rank_)) ended.text += "\n  before, " + diagnosis.text;
        return ended;
    }
    if (!end.mismatch.empty())
        return BrokenCell{.why = Why::mismatch,
                          .text = std::move(end.mismatch),
                          .call = std::move(end.call),
                          .comm = std::move(end.comm)};
    BrokenCell broken{.why = order && order->interrupt ? Why::interrupted : Why::deadlock};
    broken.text = "a wait of this cell was broken off";
    for (const Diagnosis& diagnosis : order ? order->diagnoses : std::vector<Diagnosis>()) {
        if (!diagnosis.ranks.contains(rank_)) continue;
        if (diagnosis.mismatch) broken.why = Why::mismatch;
        broken.text = diagnosis.text;
        broken.call = diagnosis.call;
        broken.comm = diagnosis.comm;
        RankSet missing = diagnosis.missing;
        if (missing.count() > 1) missing.remove(RankSet::single(rank_));
        broken.missing = missing.ranks();
        broken.waiting = diagnosis.waiting.ranks();
    }
    if (end.dropped == 1)
        broken.text += "\n  1 message that nobody received was dropped";
    else if (end.dropped > 1)
        broken.text +=
            fmt::format("\n  {} messages that nobody received were dropped", end.dropped);
    return broken;
}

}  // namespace mpirepl
