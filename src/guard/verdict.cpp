#include "guard/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "guard/census.h"
#include "guard/in_order.h"
#include "guard/wording.h"

namespace mpirepl::guard {
namespace {

constexpr int most_lines = 8;  // about ranks that are waited for and wait themselves

// Is it on its way?

/// Do the pictures tell all about those who could fulfil this?
bool is_known(const Need& need, const Census& census) {
    const CommunicatorInfo* info = census.communicator(need.comm);
    if (!info) return false;
    const bool by_anyone = need.kind == Need::Kind::receive && need.peer == any_rank;
    if (by_anyone || need.kind == Need::Kind::collective)
        return census.ranks().includes(info->members);
    return census.ranks().contains(need.peer);
}

/// The messages to `receiver` that could fulfil its need.
std::uint64_t count_sent(const Picture& sender, const Need& need, int receiver) {
    const bool arrival = need.kind == Need::Kind::arrival;
    std::uint64_t count = 0;
    for (const Sent& sent : sender.sent) {
        const bool tag_fits = need.tag == any_tag || sent.tag == tag_bucket(need.tag);
        if (sent.arrival == arrival && sent.comm == need.comm && sent.peer == receiver && tag_fits)
            count += sent.messages;
    }
    return count;
}

bool has_come(const Need& need, int receiver, const Census& census) {
    const RankSet senders = need.peer == any_rank ? census.ranks() : RankSet::single(need.peer);
    std::uint64_t count = 0;
    for (int sender : senders.ranks()) count += count_sent(*census.picture(sender), need, receiver);
    return count > need.received;
}

bool is_taken(const Need& send, int sender, const Picture& receiver) {
    auto takes_it = [&](const Need& open) {
        return open.kind == Need::Kind::receive && open.comm == send.comm &&
               (open.peer == any_rank || open.peer == sender) &&
               (open.tag == any_tag || open.tag == send.tag);
    };
    return std::ranges::any_of(receiver.open_receives, takes_it) ||
           std::ranges::any_of(receiver.waits, [&](const Wait& wait) {
               return std::ranges::any_of(wait.needs, takes_it);
           });
}

bool is_on_its_way(const Need& need, int rank, Census& census) {
    if (!is_known(need, census)) return true;
    if (need.kind == Need::Kind::send) return is_taken(need, rank, *census.picture(need.peer));
    if (need.kind == Need::Kind::collective)
        return census.behind(need).empty() && census.callers(need).size() < 2;
    return has_come(need, rank, census);
}

// Who waits for whom?

RankSet missing(const Need& need, int rank, Census& census) {
    const bool all = need.kind == Need::Kind::arrival || need.kind == Need::Kind::collective;
    if (!all && need.peer != any_rank) return RankSet::single(need.peer);
    const CommunicatorInfo* info = census.communicator(need.comm);
    RankSet ranks;
    if (all) {
        ranks = census.behind(need);
    } else if (info) {
        ranks = info->members;
    }
    ranks.remove(RankSet::single(rank));
    return ranks;
}

/// "rank 0 calls MPI_Ibarrier, rank 1 calls MPI_Ibcast with root 0 on MPI_COMM_WORLD"
std::string misfit(const Need& need, const Census& census) {
    const CommunicatorInfo* info = census.communicator(need.comm);
    if (need.kind != Need::Kind::collective || !info) return "";
    const auto callers = census.callers(need);
    return callers.size() < 2 ? "" : callers_in_words(callers) + " on " + info->name;
}

/// All ranks that wait, for whom, and in words.
class Deadlock {
  public:
    explicit Deadlock(const std::vector<Picture>& pictures);
    std::vector<Diagnosis> diagnose() const;

  private:
    struct Waiter {
        RankSet missing;
        std::vector<std::string> waits;
        std::string misfit;  ///< who has called what instead of the same; empty: nobody
    };

    std::string text(int rank, const std::string& reason) const;
    struct Reason {
        std::string text;
        bool is_mismatch = false;
    };
    Reason reason(int rank) const;
    RankSet cycle(RankSet ranks) const;
    std::string culprits(const RankSet& ranks) const;
    std::string others_that_wait(const Waiter& waiter, int rank) const;

    Census census_;
    std::map<int, Waiter> waiters_;
};

Deadlock::Deadlock(const std::vector<Picture>& pictures) : census_(pictures) {
    for (int rank : census_.waiting().ranks()) {
        Waiter& waiter = waiters_[rank];
        std::vector<std::string> of_threads;
        for (const Wait& wait : census_.picture(rank)->waits) {
            (wait.main_thread ? waiter.waits : of_threads).push_back(described(wait, census_));
            for (const Need& need : wait.needs) {
                waiter.missing.insert(missing(need, rank, census_));
                if (waiter.misfit.empty()) waiter.misfit = misfit(need, census_);
            }
        }
        std::ranges::sort(of_threads);  // ranks may have begun them in another order
        std::ranges::move(of_threads, std::back_inserter(waiter.waits));
    }
}

std::vector<Diagnosis> Deadlock::diagnose() const {
    InOrder<Diagnosis> found;
    for (const auto& [rank, waiter] : waiters_) {
        const Reason why = reason(rank);
        Diagnosis& diagnosis = found[text(rank, why.text)];
        diagnosis.missing.insert(waiter.missing);
        diagnosis.mismatch = why.is_mismatch;
        const bool is_first = diagnosis.ranks.empty();
        diagnosis.ranks.insert(RankSet::single(rank));
        const Picture& picture = *census_.picture(rank);
        if (!is_first || picture.waits.empty()) continue;
        const Wait& wait = picture.waits.front();
        diagnosis.call = wait.call;
        if (wait.needs.empty()) continue;
        if (const CommunicatorInfo* info = census_.communicator(wait.needs.front().comm))
            diagnosis.comm = info->name;
    }
    std::vector<Diagnosis> all;
    for (auto [text, diagnosis] : found) {
        // Who waits likewise is not missing, unless they wait for each other.
        RankSet others = diagnosis.missing;
        others.remove(diagnosis.ranks);
        if (!others.empty()) diagnosis.missing = others;
        if (diagnosis.mismatch)
            diagnosis.missing = {};
        else
            diagnosis.waiting = census_.waiting();
        diagnosis.text = text;
        all.push_back(std::move(diagnosis));
    }
    return all;
}

/// A collective for which the standard lets some ranks go before all have come.
bool may_return_early(const Wait& wait) {
    std::string_view call = wait.call;
    if (call.ends_with("_c")) call.remove_suffix(2);  // the form for large counts
    constexpr std::string_view early[] = {"MPI_Bcast",  "MPI_Scatter", "MPI_Scatterv",
                                          "MPI_Gather", "MPI_Gatherv", "MPI_Reduce"};
    return std::ranges::count(early, call) && !wait.needs.empty() &&
           wait.needs.front().kind == Need::Kind::arrival;
}

std::string Deadlock::text(int rank, const std::string& reason) const {
    const Waiter& waiter = waiters_.at(rank);
    std::string text = reason;
    for (const std::string& wait : waiter.waits) text += "\n  waiting in " + wait;
    text += others_that_wait(waiter, rank);
    const std::vector<Wait>& waits = census_.picture(rank)->waits;
    if (auto early = std::ranges::find_if(waits, may_return_early); early != waits.end())
        text += fmt::format(
            "\n  (under the guard {} waits for all its ranks; the standard allows that)",
            early->call);
    return text;
}

/// Those of some ranks, which all wait, that are waited for by others of them, and so on.
RankSet Deadlock::cycle(RankSet ranks) const {
    while (true) {
        RankSet waited_for;
        for (int rank : ranks.ranks()) waited_for.insert(waiters_.at(rank).missing.within(ranks));
        if (waited_for.empty() || waited_for == ranks) return ranks;
        ranks = waited_for;
    }
}

/// Goes from those who are waited for to those they wait for, until it meets ranks that do not
/// wait, or have left the cell with a thread that does, or has been round.
Deadlock::Reason Deadlock::reason(int rank) const {
    // Where the cell goes on nobody waits for threads of what has ended.
    const RankSet waiting =
        census_.picture(rank)->left ? census_.waiting() : census_.waiting_in_cell();
    RankSet reached;
    for (RankSet level = RankSet::single(rank); !level.empty();) {
        reached.insert(level);
        for (int waiting : level.ranks())
            if (const std::string& misfit = waiters_.at(waiting).misfit; !misfit.empty())
                return {misfit, true};
        RankSet next;
        for (int waiting : level.ranks()) next.insert(waiters_.at(waiting).missing);
        next = next.within(census_.ranks());
        next.remove(reached);
        level = next.within(waiting);
        next.remove(level);
        if (!next.empty()) return {culprits(next)};
    }
    const RankSet stuck = cycle(reached);
    return {named(stuck) + (stuck.count() == 1 ? " waits for itself" : " wait for each other")};
}

std::string Deadlock::culprits(const RankSet& ranks) const {
    InOrder<RankSet> by_state;
    const RankSet any;  // so that only the states differ
    for (int rank : ranks.ranks())
        by_state[excused(any, *census_.picture(rank))].insert(RankSet::single(rank));
    std::string text;
    for (const auto& [state, members] : by_state)
        text += (text.empty() ? "" : "; ") + excused(members, *census_.picture(members.first()));
    return text;
}

/// A line for each call in which ranks wait that are waited for. Those in the same call as `rank`
/// get none: it would say nothing new, and keep their texts from being equal.
std::string Deadlock::others_that_wait(const Waiter& waiter, int rank) const {
    InOrder<RankSet> by_wait;
    for (int other : waiter.missing.within(census_.waiting()).ranks()) {
        if (other == rank) continue;
        for (const std::string& wait : waiters_.at(other).waits)
            if (!std::ranges::count(waiter.waits, wait))
                by_wait[wait].insert(RankSet::single(other));
    }
    std::string text;
    RankSet shown;
    RankSet hidden;
    int lines = 0;
    for (const auto& [wait, ranks] : by_wait) {
        const bool fits = ++lines <= most_lines;
        (fits ? shown : hidden).insert(ranks);
        if (fits)
            text += fmt::format("\n  {} {} in {}", named(ranks),
                                ranks.count() == 1 ? "waits" : "wait", wait);
    }
    hidden.remove(shown);
    if (const int more = hidden.count())
        text += fmt::format("\n  and {} more {}", more, more == 1 ? "rank waits" : "ranks wait");
    return text;
}

}  // namespace

bool may_be_stuck(const std::vector<Picture>& pictures) {
    auto is = [](Picture::State state) {
        return [state](const Picture& picture) { return picture.state == state; };
    };
    return std::ranges::none_of(pictures, is(Picture::State::computing)) &&
           std::ranges::any_of(pictures, is(Picture::State::waiting));
}

bool unchanged(const std::vector<Picture>& before, const std::vector<Picture>& after) {
    auto summary = [](const std::vector<Picture>& pictures) {
        std::map<int, std::pair<Picture::State, std::uint64_t>> ranks;
        for (const Picture& picture : pictures)
            ranks[picture.rank] = {picture.state, picture.events};
        return ranks;
    };
    return summary(before) == summary(after);
}

bool something_is_on_its_way(const std::vector<Picture>& pictures) {
    Census census(pictures);
    // A call with nothing left to wait for is about to return, or runs natively.
    auto goes_on = [&](const Picture& picture, const Wait& wait) {
        return wait.needs.empty() || std::ranges::any_of(wait.needs, [&](const Need& need) {
                   return is_on_its_way(need, picture.rank, census);
               });
    };
    return std::ranges::any_of(pictures, [&](const Picture& picture) {
        if (picture.state == Picture::State::waiting && picture.waits.empty()) return true;
        return std::ranges::any_of(picture.waits,
                                   [&](const Wait& wait) { return goes_on(picture, wait); });
    });
}

std::vector<Diagnosis> diagnose(const std::vector<Picture>& pictures) {
    return Deadlock(pictures).diagnose();
}

}  // namespace mpirepl::guard
