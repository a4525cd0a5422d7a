#include "guard/wording.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace mpirepl::guard {
namespace {

constexpr std::size_t most_needs = 4;

/// "from 3, tag 5"
std::string partner(const Need& need, bool tags) {
    std::string text = need.kind == Need::Kind::send ? "to " : "from ";
    text += need.peer == any_rank ? "any rank" : std::to_string(need.peer);
    if (tags && need.tag != any_tag) text += fmt::format(", tag {}", need.tag);
    return text;
}

/// "receive from 3, tag 5"
std::string task(const Need& need, bool tags) {
    switch (need.kind) {
        case Need::Kind::receive:
            return "receive " + partner(need, tags);
        case Need::Kind::send:
            return "send " + partner(need, tags);
        case Need::Kind::arrival:
            return "arrival of " + std::to_string(need.peer);
        case Need::Kind::collective:
            break;
    }
    return "a nonblocking collective";
}

std::string tasks(const std::vector<Need>& needs, bool tags) {
    std::string text;
    const std::size_t shown = std::min(needs.size(), most_needs);
    for (std::size_t i = 0; i < shown; ++i) text += (i ? "; " : "") + task(needs[i], tags);
    if (needs.size() > shown) text += fmt::format("; and {} more", needs.size() - shown);
    return text;
}

/// Does the name of the call leave open whether it sends or receives?
bool may_do_either(std::string_view call) {
    return call.starts_with("MPI_Wait") || call.starts_with("MPI_Sendrecv");
}

/// "MPI_Recv from 3, tag 5"
std::string call_and_needs(const Wait& wait, bool tags) {
    if (wait.needs.empty() || wait.needs.front().kind == Need::Kind::arrival) return wait.call;
    const Need& first = wait.needs.front();
    const bool single = wait.needs.size() == 1;
    if (single && first.kind == Need::Kind::collective)
        return wait.call + " for " + task(first, tags);
    if (single && !may_do_either(wait.call)) return wait.call + " " + partner(first, tags);
    return fmt::format("{} ({})", wait.call, tasks(wait.needs, tags));
}

/// "MPI_COMM_WORLD", or several joined by "and", as many as needs are shown.
std::string communicators(const Wait& wait, const Census& census) {
    std::vector<std::string> names;
    for (const Need& need : wait.needs) {
        const CommunicatorInfo* info = census.communicator(need.comm);
        if (!info || info->name.empty() || std::ranges::count(names, info->name)) continue;
        if (names.size() < most_needs) names.push_back(info->name);
    }
    return fmt::format("{}", fmt::join(names, " and "));
}

/// mpi4py's lowercase reductions make a duplicate when they need it first.
bool makes_duplicate(const Wait& wait) {
    constexpr std::string_view reductions[] = {"reduce", "allreduce", "scan", "exscan"};
    return wait.call == "MPI_Comm_dup" && std::ranges::count(reductions, wait.callee);
}

std::string call_on_communicator(const Wait& wait, const Census& census) {
    const std::string on = communicators(wait, census);
    if (on.empty()) return call_and_needs(wait, true);
    const CommunicatorInfo* info = census.communicator(wait.needs.front().comm);
    if (makes_duplicate(wait))
        return fmt::format("{} on {} ({} for mpi4py's duplicate of it)", wait.callee, on,
                           wait.call);
    if (!info || !info->hidden) return call_and_needs(wait, true) + " on " + on;
    return fmt::format("{} on {} ({} on mpi4py's duplicate of it)",
                       wait.callee.empty() ? wait.call : wait.callee, on,
                       call_and_needs(wait, false));
}

}  // namespace

std::string named(const RankSet& ranks) {
    return (ranks.count() == 1 ? "rank " : "ranks ") + ranks.to_string();
}

std::string callers_in_words(const std::map<std::string, RankSet>& callers) {
    std::vector<std::pair<RankSet, std::string>> sorted;
    sorted.reserve(callers.size());
    for (const auto& [call, ranks] : callers) sorted.emplace_back(ranks, call);
    std::ranges::sort(sorted, {}, [](const auto& item) { return item.first.first(); });
    std::string text;
    for (const auto& [ranks, call] : sorted)
        text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", named(ranks),
                            ranks.count() == 1 ? "calls" : "call", call);
    return text;
}

std::string described(const Wait& wait, const Census& census) {
    std::string text = call_on_communicator(wait, census);
    if (!wait.where.empty()) text += ", " + wait.where;
    if (!wait.main_thread) text += ", in a thread";
    return text;
}

std::string excused(const RankSet& ranks, const Picture& picture) {
    const bool one = ranks.count() == 1;
    const std::string who = named(ranks);
    if (picture.state == Picture::State::not_targeted)
        return who + (one ? " is" : " are") + " not among the targets of this cell";
    if (picture.state == Picture::State::no_task)
        return who + (one ? " has" : " have") + " no task";
    if (picture.state == Picture::State::computing) return who + (one ? " computes" : " compute");
    const std::string why = picture.left_by.empty() ? "" : " (" + picture.left_by + ")";
    return who + (one ? " has" : " have") + " left the cell" + why;
}

}  // namespace mpirepl::guard
