#include "guard/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "guard/call.h"

namespace mpirepl::guard {
namespace {

/// The ranks of `real` that this one sends to and receives from in a collective of neighbours.
struct Neighbours {
    std::vector<int> sources;
    std::vector<int> targets;
};

Neighbours neighbours_in_grid(MPI_Comm comm) {
    int dimensions = 0;
    PMPI_Cartdim_get(comm, &dimensions);
    Neighbours found;
    for (int dimension = 0; dimension < dimensions; ++dimension) {
        int before = MPI_PROC_NULL;
        int behind = MPI_PROC_NULL;
        PMPI_Cart_shift(comm, dimension, 1, &before, &behind);
        found.sources.insert(found.sources.end(), {before, behind});
    }
    found.targets = found.sources;
    return found;
}

Neighbours neighbours_in_graph(MPI_Comm comm, int rank) {
    int count = 0;
    PMPI_Graph_neighbors_count(comm, rank, &count);
    Neighbours found;
    found.sources.resize(static_cast<std::size_t>(count));
    PMPI_Graph_neighbors(comm, rank, count, found.sources.data());
    found.targets = found.sources;
    return found;
}

Neighbours neighbours_in_distributed_graph(MPI_Comm comm) {
    int in = 0;
    int out = 0;
    int weighted = 0;
    PMPI_Dist_graph_neighbors_count(comm, &in, &out, &weighted);
    Neighbours found;
    found.sources.resize(static_cast<std::size_t>(in));
    found.targets.resize(static_cast<std::size_t>(out));
    std::vector<int> weights(static_cast<std::size_t>(std::max(in, out)));
    PMPI_Dist_graph_neighbors(comm, in, found.sources.data(), weights.data(), out,
                              found.targets.data(), weights.data());
    return found;
}

Neighbours neighbours(const Context& context) {
    int topology = MPI_UNDEFINED;
    PMPI_Topo_test(context.handle, &topology);
    switch (topology) {
        case MPI_CART:
            return neighbours_in_grid(context.handle);
        case MPI_GRAPH:
            return neighbours_in_graph(context.handle, context.rank);
        case MPI_DIST_GRAPH:
            return neighbours_in_distributed_graph(context.handle);
        default:
            return {};
    }
}

/// As SplitMix64 does it (Steele, Lea and Flood, OOPSLA 2014).
constexpr std::uint64_t scattered(std::uint64_t bits) {
    bits += 0x9E3779B97F4A7C15U;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9U;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EBU;
    return bits ^ bits >> 31;
}

/// A number for two ranks.
constexpr std::uint64_t pair_of(int sender, int receiver) {
    return scattered(std::uint64_t{static_cast<std::uint32_t>(sender)} << 32 |
                     static_cast<std::uint32_t>(receiver));
}

/// What goes from one rank to another, together.
struct Sum {
    std::int64_t messages = 0;
    std::int64_t bytes = 0;
    bool operator==(const Sum&) const = default;

    void add(std::int64_t more) {
        ++messages;
        bytes += more;
    }
    std::string text() const { return messages == 0 ? "nothing" : fmt::format("{} bytes", bytes); }
};

struct Misfit {
    int sender = any_rank;  ///< a world rank; any_rank: there is none
    int receiver = any_rank;
    Sum sent;
    Sum expected;
};

/// Exchanges one element of each rank with each over the shadow.
std::vector<Sum> transposed(const Context& context, const std::vector<Sum>& mine) {
    std::vector<Sum> theirs(mine.size());
    constexpr int size = sizeof(Sum);
    PMPI_Alltoall(mine.data(), size, MPI_BYTE, theirs.data(), size, MPI_BYTE, context.shadow);
    return theirs;
}

/// One that any rank knows of, the same on all.
Misfit first_of_all(const Context& context, const Misfit& mine) {
    std::vector<Misfit> all(context.members.size());
    constexpr int size = sizeof(Misfit);
    PMPI_Allgather(&mine, size, MPI_BYTE, all.data(), size, MPI_BYTE, context.shadow);
    return *std::max_element(all.begin(), all.end(), [](const Misfit& a, const Misfit& b) {
        return a.sender == any_rank && b.sender != any_rank;
    });
}

}  // namespace

std::int64_t Amounts::bytes(std::size_t partner) const {
    std::int64_t count = count_;
    if (counts_ != nullptr) count = counts_[partner];
    if (large_counts_ != nullptr) count = large_counts_[partner];
    if (count == 0) return 0;
    return bytes_of(count, types_ != nullptr ? types_[partner] : type_);
}

std::vector<Exchange::Claim> Exchange::with_root(const Context& context) const {
    const bool gathers = way == Way::gather;
    const bool is_root = context.inter ? root == MPI_ROOT : root == context.rank;
    std::vector<Claim> all;
    if (root >= 0 && root < static_cast<int>(context.peers.size()) && !(is_root && in_place))
        all.push_back({gathers, context.world_rank(root), (gathers ? sends : receives).bytes(0)});
    for (std::size_t i = 0; is_root && i < context.peers.size(); ++i)
        if (!in_place || context.peers[i] != context.member(context.rank))
            all.push_back({!gathers, context.peers[i], (gathers ? receives : sends).bytes(i)});
    return all;
}

std::vector<Exchange::Claim> Exchange::with_all(const Context& context) const {
    const auto me = static_cast<std::size_t>(context.rank);
    std::vector<Claim> all;
    if (context.inter && way == Way::reduce_scatter) return all;  // sums of each group
    all.reserve(2 * context.peers.size());
    for (std::size_t i = 0; i < context.peers.size(); ++i) {
        const std::size_t own = way == Way::alltoall ? i : me;
        const std::int64_t sent = in_place ? receives.bytes(own) : sends.bytes(i);
        const std::int64_t expected =
            way == Way::reduce_scatter ? sends.bytes(me) : receives.bytes(i);
        all.push_back({true, context.peers[i], sent});
        all.push_back({false, context.peers[i], expected});
    }
    return all;
}

std::vector<Exchange::Claim> Exchange::with_neighbours(const Context& context) const {
    const auto [sources, targets] = neighbours(context);
    std::vector<Claim> all;
    for (std::size_t i = 0; i < targets.size(); ++i)
        if (targets[i] >= 0) all.push_back({true, context.world_rank(targets[i]), sends.bytes(i)});
    for (std::size_t i = 0; i < sources.size(); ++i)
        if (sources[i] >= 0)
            all.push_back({false, context.world_rank(sources[i]), receives.bytes(i)});
    return all;
}

std::vector<Exchange::Claim> Exchange::with_group(const Context& context) const {
    if (group == MPI_GROUP_NULL) return {};
    const std::vector<int> places = ranks_in(context.shadow, group);
    std::uint64_t hash = 0;
    for (int place : places) hash = scattered(hash ^ static_cast<std::uint64_t>(place));
    std::vector<Claim> all;
    if (!std::ranges::count(places, context.rank) || std::ranges::count(places, MPI_UNDEFINED))
        return all;
    for (int place : places)
        for (bool is_sent : {true, false})
            all.push_back({is_sent, context.member(place), static_cast<std::int64_t>(hash >> 1)});
    return all;
}

std::vector<Exchange::Claim> Exchange::with_own_group(const Context& context) const {
    std::vector<int> own;
    std::ranges::copy_if(context.members, std::back_inserter(own),
                         [&](int member) { return !std::ranges::count(context.peers, member); });
    std::vector<Claim> all;
    if (own.empty()) return all;
    all.push_back({true, own.front(), sends.bytes(0)});
    if (own.front() == context.member(context.rank))
        for (int member : own) all.push_back({false, member, sends.bytes(0)});
    return all;
}

std::vector<Exchange::Claim> Exchange::claims(const Context& context) const {
    switch (way) {
        case Way::gather:
        case Way::scatter:
            return with_root(context);
        case Way::neighbours:
            return with_neighbours(context);
        case Way::group:
            return with_group(context);
        case Way::high:
            return with_own_group(context);
        default:
            return with_all(context);
    }
}

/// Within one group, where all send the same: whether this rank expects as much.
bool Exchange::fits_alone(const Context& context) const {
    const bool has_both = way == Way::allgather || way == Way::alltoall || root == context.rank;
    return !has_both || in_place || sends.bytes(0) == receives.bytes(0);
}

std::uint64_t Exchange::balance(const Context& context) const {
    if (agreed && !context.inter && fits_alone(context)) return 0;
    const int me = context.member(context.rank);
    std::uint64_t sum = 0;
    for (const Claim& claim : claims(context)) {
        const int sender = claim.sends ? me : claim.peer;
        const int receiver = claim.sends ? claim.peer : me;
        const std::uint64_t weight =
            pair_of(sender, receiver) * (static_cast<std::uint64_t>(claim.bytes) + 1);
        sum += claim.sends ? weight : 0 - weight;
    }
    return sum;
}

std::string Exchange::misfit(const Context& context, const char* call) const {
    std::vector<Sum> sent(context.members.size());
    std::vector<Sum> expected(context.members.size());
    for (const Claim& claim : claims(context)) {
        const auto place = std::ranges::find(context.members, claim.peer) - context.members.begin();
        (claim.sends ? sent : expected)[static_cast<std::size_t>(place)].add(claim.bytes);
    }
    const std::vector<Sum> comes = transposed(context, sent);
    const auto differ = std::ranges::mismatch(comes, expected);
    Misfit mine;
    if (differ.in1 != comes.end())
        mine = {.sender = context.member(static_cast<int>(differ.in1 - comes.begin())),
                .receiver = context.member(context.rank),
                .sent = *differ.in1,
                .expected = *differ.in2};
    const Misfit found = first_of_all(context, mine);
    if (way == Way::group || way == Way::high)
        return fmt::format("ranks {} and {} call {} with different {} on {}",
                           std::min(found.sender, found.receiver),
                           std::max(found.sender, found.receiver), call,
                           way == Way::group ? "groups" : "values of high", context.name());
    return fmt::format("rank {} sends {} to rank {}, which expects {}, in {} on {}", found.sender,
                       found.sent.text(), found.receiver, found.expected.text(), call,
                       context.name());
}

}  // namespace mpirepl::guard
