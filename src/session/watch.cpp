#include "session/watch.h"

#include <algorithm>
#include <utility>

#include "guard/verdict.h"

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr auto first_census = 30ms;  // after the cell's begin: quick cells need none
constexpr auto own_look = 10ms;      // how often rank 0 looks at itself
constexpr auto shortest_pause = 50ms;
constexpr auto longest_pause = 1s;
constexpr auto traffic_pause = 200ms;  // between looks at what is on its way
constexpr auto stragglers_after = 2s;

std::vector<std::uint64_t> communicators_in(const std::vector<Picture>& pictures) {
    std::vector<std::uint64_t> all;
    for (const Picture& picture : pictures)
        for (const CommunicatorInfo& info : picture.communicators) all.push_back(info.id);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

RankSet computing_in(const std::vector<Picture>& pictures) {
    RankSet ranks;
    for (const Picture& picture : pictures)
        if (picture.state == Picture::State::computing) ranks.insert(RankSet::single(picture.rank));
    return ranks;
}

}  // namespace

void Watch::begin(const Cell& cell, bool guarded, Clock::time_point now) {
    phase_ = Phase::resting;
    guarded_ = guarded && cell.guarded;
    sequence_ = cell.sequence;
    grace_ = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(cell.grace));
    pause_ = shortest_pause;
    next_ = now + first_census;
    asks_for_where_ = asks_for_stragglers_ = interrupts_again_ = false;
    stragglers_at_.reset();
    parked_ = recovered_ = {};
    candidate_.clear();
}

void Watch::rest(Clock::duration time) {
    phase_ = Phase::resting;
    next_ = Clock::now() + time;
}

void Watch::tick(Clock::time_point now) {
    if (phase_ == Phase::off && std::exchange(where_is_wanted_, false))
        say_(RankSet::all(size_).to_string() + "  idle\n", false);
    if (phase_ == Phase::off || phase_ == Phase::asking) return;
    if (where_is_wanted_) {
        asks_for_where_ = true;
        where_is_wanted_ = false;
        ask(true);
        return;
    }
    if (stragglers_at_ && now > *stragglers_at_) {
        stragglers_at_.reset();
        asks_for_stragglers_ = true;
        ask(true);
        return;
    }
    if (is_breaking() || !guarded_ || now < next_) return;
    if (!quiet_()) {
        next_ = now + own_look;
        candidate_.clear();
        return;
    }
    ask(!candidate_.empty());
}

void Watch::ask(bool stacks) {
    if (!is_breaking()) phase_ = Phase::asking;
    pictures_.clear();
    tell_(AskPicture{
        .census = ++census_, .stacks = stacks, .communicators = communicators_in(candidate_)});
}

void Watch::take(Picture&& picture) {
    if (picture.census != census_ || phase_ == Phase::off) return;
    // Among tasks it does not matter for which ranks the cell was that waits for them.
    if (picture.state == Picture::State::not_targeted && !busy_with_tasks_().empty())
        picture.state = Picture::State::no_task;
    pictures_.push_back(std::move(picture));
    if (pictures_.size() < static_cast<std::size_t>(size_)) return;
    const bool stragglers = std::exchange(asks_for_stragglers_, false);
    const bool where = std::exchange(asks_for_where_, false);
    if (!stragglers && !where) return judge();
    if (where) say_(guard::where(pictures_), false);
    if (stragglers) name_stragglers();
    if (phase_ == Phase::asking) phase_ = Phase::resting;
}

void Watch::name_stragglers() {
    RankSet excused = parked_;
    excused.insert(asking_());
    std::erase_if(pictures_, [&](const Picture& p) {
        return excused.contains(p.rank) || p.state == Picture::State::left ||
               p.state == Picture::State::not_targeted;
    });
    if (!pictures_.empty())
        say_("mpirepl: still running after the interrupt:\n" + guard::where(pictures_), true);
}

/// Some rank has a task and does not wait: the task is still on its way there.
bool Watch::tasks_go_on() const {
    const RankSet busy = busy_with_tasks_();
    return std::any_of(pictures_.begin(), pictures_.end(), [&](const Picture& picture) {
        return picture.state != Picture::State::waiting && busy.contains(picture.rank);
    });
}

void Watch::judge() {
    RankSet computing = computing_in(pictures_);
    if (!computing.empty()) {
        busy_ = computing;
        rest(longest_pause);
        phase_ = Phase::waiting_for_quiet;
        candidate_.clear();
    } else if (!guard::may_be_stuck(pictures_) || tasks_go_on()) {
        rest(shortest_pause);
        candidate_.clear();
    } else if (candidate_.empty() || !guard::unchanged(candidate_, pictures_)) {
        candidate_ = pictures_;
        rest(grace_);
    } else if (guard::something_is_on_its_way(pictures_)) {
        rest(std::max<Clock::duration>(grace_, traffic_pause));
    } else {
        break_off({.sequence = sequence_, .diagnoses = guard::diagnose(pictures_)});
    }
}

void Watch::note_quiet(const Quiet& quiet) {
    if (quiet.census != census_ || phase_ != Phase::waiting_for_quiet) return;
    busy_.remove(RankSet::single(quiet.rank));
    if (!busy_.empty()) return;
    // A rank whose main thread waits while another thread computes says so at once.
    rest(pause_);
    pause_ = std::min<Clock::duration>(2 * pause_, longest_pause);
}

void Watch::break_off(BreakOff&& order) {
    phase_ = Phase::breaking;
    ++census_;  // one that is going on is void
    asks_for_stragglers_ = false;
    stragglers_at_ = Clock::now() + stragglers_after;
    breaks_tasks_off_ = !busy_with_tasks_().empty();
    tell_(std::move(order));
}

void Watch::interrupt() {
    if (phase_ == Phase::recovering)
        interrupts_again_ = true;  // ranks that are through would take it, others not
    else if (phase_ != Phase::off)
        break_off({.sequence = sequence_, .interrupt = true});
}

void Watch::note_parked(const Parked& parked) {
    if (parked.sequence != sequence_) return;
    RankSet& there = parked.recovered ? recovered_ : parked_;
    there.insert(RankSet::single(parked.rank));
    if (there.count() < size_) return;
    there = {};
    if (parked.recovered)
        go_on();
    else
        recover();
}

void Watch::recover() {
    tell_(Recover{.sequence = sequence_});
    if (phase_ == Phase::off) return;
    phase_ = Phase::recovering;
    ++census_;  // one that is going on is void
    asks_for_stragglers_ = false;
    // Who goes on for long after that is named, too; but the program that submits tasks may.
    if (breaks_tasks_off_)
        stragglers_at_.reset();
    else if (stragglers_at_)
        stragglers_at_ = Clock::now() + stragglers_after;
}

/// What follows may be stuck again: more tasks, or what is called when the error is shown.
void Watch::go_on() {
    if (phase_ != Phase::recovering) return;
    candidate_.clear();
    rest(breaks_tasks_off_ ? longest_pause : shortest_pause);
    if (std::exchange(interrupts_again_, false)) interrupt();
}

}  // namespace mpirepl
