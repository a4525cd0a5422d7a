#include "guard/context.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "base/picture.h"
#include "base/rank_set.h"
#include "guard/state.h"

namespace mpirepl::guard {
namespace {

using Kind = Context::Kind;

/// Contexts by the number of their handle.
struct Registry {
    std::array<std::unordered_map<std::uint64_t, std::shared_ptr<Context>>, 3> by_handle;
    std::vector<std::shared_ptr<Context>> ended;
    std::uint64_t created = 0;

    auto& of(Kind kind) { return by_handle.at(static_cast<std::size_t>(kind)); }
};

Registry& registry() {
    static Registry the;
    return the;
}

Context* find(Kind kind, std::uint64_t handle) {
    auto lock = bookkeeping();
    auto& all = registry().of(kind);
    auto it = all.find(handle);
    return it == all.end() ? nullptr : it->second.get();
}

void enter(const std::shared_ptr<Context>& context, std::uint64_t handle) {
    auto lock = bookkeeping();
    registry().of(context->kind)[handle] = context;
    ++handle_changes;
}

/// Takes it out. Those that requests are open on are kept aside.
std::shared_ptr<Context> remove(Context& context) {
    std::shared_ptr<Context> kept = context.shared_from_this();
    auto lock = bookkeeping();
    for (auto& all : registry().by_handle)
        std::erase_if(all, [&](const auto& entry) { return entry.second == kept; });
    ++handle_changes;
    std::unordered_set<const Context*> in_use;
    state().requests.for_each(
        [&](MPI_Request, const Request& request) { in_use.insert(request.context); });
    auto& ended = registry().ended;
    ended.push_back(kept);
    std::erase_if(ended,
                  [&](const auto& c) { return c.use_count() == 1 && !in_use.contains(c.get()); });
    return kept;
}

/// World ranks; empty if one is from outside this world.
std::vector<int> group_of(MPI_Comm comm, bool remote) {
    MPI_Group group = MPI_GROUP_NULL;
    remote ? PMPI_Comm_remote_group(comm, &group) : PMPI_Comm_group(comm, &group);
    std::vector<int> ranks = ranks_in(MPI_COMM_WORLD, group);
    PMPI_Group_free(&group);
    if (std::find(ranks.begin(), ranks.end(), MPI_UNDEFINED) != ranks.end()) ranks.clear();
    return ranks;
}

/// A communicator like another one, without its attributes: copying these is user code.
MPI_Comm clone(MPI_Comm comm) {
    MPI_Comm made = MPI_COMM_NULL;
    MPI_Group group = MPI_GROUP_NULL;
    PMPI_Comm_group(comm, &group);
    PMPI_Comm_create(comm, group, &made);
    PMPI_Group_free(&group);
    return made;
}

MPI_Comm clone_cartesian(MPI_Comm comm) {
    int count = 0;
    PMPI_Cartdim_get(comm, &count);
    std::vector<int> sizes(static_cast<std::size_t>(count));
    std::vector<int> periodic(sizes.size());
    std::vector<int> place(sizes.size());
    PMPI_Cart_get(comm, count, sizes.data(), periodic.data(), place.data());
    MPI_Comm made = MPI_COMM_NULL;
    PMPI_Cart_create(comm, count, sizes.data(), periodic.data(), 0, &made);
    return made;
}

MPI_Comm clone_graph(MPI_Comm comm) {
    int nodes = 0;
    int edges = 0;
    PMPI_Graphdims_get(comm, &nodes, &edges);
    std::vector<int> index(static_cast<std::size_t>(nodes));
    std::vector<int> neighbours(static_cast<std::size_t>(edges));
    PMPI_Graph_get(comm, nodes, edges, index.data(), neighbours.data());
    MPI_Comm made = MPI_COMM_NULL;
    PMPI_Graph_create(comm, nodes, index.data(), neighbours.data(), 0, &made);
    return made;
}

MPI_Comm clone_distributed_graph(MPI_Comm comm) {
    int in = 0;
    int out = 0;
    int weighted = 0;
    PMPI_Dist_graph_neighbors_count(comm, &in, &out, &weighted);
    std::vector<int> sources(static_cast<std::size_t>(in) + 1);
    std::vector<int> source_weights(sources.size());
    std::vector<int> targets(static_cast<std::size_t>(out) + 1);
    std::vector<int> target_weights(targets.size());
    int* in_weights = weighted != 0 ? source_weights.data() : MPI_UNWEIGHTED;
    int* out_weights = weighted != 0 ? target_weights.data() : MPI_UNWEIGHTED;
    PMPI_Dist_graph_neighbors(comm, in, sources.data(), in_weights, out, targets.data(),
                              out_weights);
    MPI_Comm made = MPI_COMM_NULL;
    PMPI_Dist_graph_create_adjacent(comm, in, sources.data(), in_weights, out, targets.data(),
                                    out_weights, MPI_INFO_NULL, 0, &made);
    return made;
}

MPI_Comm clone_with_topology(MPI_Comm comm, bool inter) {
    int topology = MPI_UNDEFINED;
    if (!inter) PMPI_Topo_test(comm, &topology);
    switch (topology) {
        case MPI_CART:
            return clone_cartesian(comm);
        case MPI_GRAPH:
            return clone_graph(comm);
        case MPI_DIST_GRAPH:
            return clone_distributed_graph(comm);
        default:
            return clone(comm);
    }
}

/// The error handler of a `real` whose handle has a function of user code: calls that, with the
/// communicator that user code knows.
void pass_error_on(MPI_Comm* real, int* error, ...) {
    for (const auto& context : all_contexts())
        if (context->kind == Kind::communicator && context->real == *real)
            PMPI_Comm_call_errhandler(context->handle, *error);
}

MPI_Comm make_real(MPI_Comm handle, bool inter) {
    MPI_Comm real = clone_with_topology(handle, inter);
    follow_errhandler(handle, real);
    return real;
}

/// Both groups of an intercommunicator in one, the one with the lower world rank first.
MPI_Comm make_shadow(MPI_Comm handle, bool inter) {
    MPI_Comm shadow = MPI_COMM_NULL;
    if (inter) {
        std::vector<int> mine = group_of(handle, false);
        std::vector<int> others = group_of(handle, true);
        bool high = *std::min_element(mine.begin(), mine.end()) >
                    *std::min_element(others.begin(), others.end());
        PMPI_Intercomm_merge(handle, high ? 1 : 0, &shadow);
    } else {
        shadow = clone(handle);
    }
    PMPI_Comm_set_errhandler(shadow, MPI_ERRORS_RETURN);
    return shadow;
}

/// The number that all members shall know it by: its first member's rank and count.
std::uint64_t agree_on_id(const Context& context) {
    std::uint64_t id = 0;
    if (context.rank == 0) {
        auto lock = bookkeeping();
        id = ++registry().created << 24 | static_cast<std::uint64_t>(state().world_rank);
    }
    PMPI_Bcast(&id, 1, MPI_UINT64_T, 0, context.shadow);
    return id;
}

/// The links over which it takes log2(n) rounds to hear from all, of none twice. After each round a
/// rank has heard of some below it, which are n halved so many times, rounded up: twice as many as
/// before or one less, and then the nearest of the new is the last of the old.
void add_rounds(Context& context) {
    const int size = context.size();
    int halvings = 0;
    while (size > 1 << halvings) ++halvings;
    for (int heard = 1; halvings > 0; --halvings) {
        const int next = ((size - 1) >> (halvings - 1)) + 1;
        const bool overlaps = next < 2 * heard;
        const int step = overlaps ? heard - 1 : heard;
        context.rounds.emplace_back((context.rank + step) % size,
                                    (context.rank - step + size) % size, arrival_tag, overlaps);
        heard = next;
    }
}

/// Fills in what a new context has besides its handle. Collective over that.
/// @return null when a member is from outside this world
std::shared_ptr<Context> make(Kind kind, MPI_Comm handle, std::string made_by) {
    auto context = std::make_shared<Context>();
    int inter = 0;
    PMPI_Comm_test_inter(handle, &inter);
    context->kind = kind;
    context->inter = inter != 0;
    context->handle = handle;
    context->peers = group_of(handle, context->inter);
    if (context->peers.empty() || group_of(handle, false).empty()) return nullptr;
    context->made_by = std::move(made_by);
    context->shadow = make_shadow(handle, context->inter);
    context->members = group_of(context->shadow, false);
    PMPI_Comm_rank(context->shadow, &context->rank);
    add_rounds(*context);
    if (kind == Kind::communicator) context->real = make_real(handle, context->inter);
    context->id = agree_on_id(*context);
    return context;
}

}  // namespace

std::vector<int> ranks_in(MPI_Comm comm, MPI_Group group) {
    MPI_Group all = MPI_GROUP_NULL;
    PMPI_Comm_group(comm, &all);
    int size = 0;
    PMPI_Group_size(group, &size);
    std::vector<int> own(static_cast<std::size_t>(size));
    std::iota(own.begin(), own.end(), 0);
    std::vector<int> ranks(own.size());
    PMPI_Group_translate_ranks(group, size, own.data(), all, ranks.data());
    PMPI_Group_free(&all);
    return ranks;
}

Link& Context::link(int to, int from, int tag) {
    auto lock = bookkeeping();
    for (Link& link : links)
        if (link.to == to && link.from == from && link.tag == tag) return link;
    return links.emplace_back(to, from, tag);
}

int Context::world_rank(int peer) const {
    if (peer < 0 || peer >= static_cast<int>(peers.size())) return any_rank;
    return peers[static_cast<std::size_t>(peer)];
}

std::string Context::given_name() const {
    std::array<char, MPI_MAX_OBJECT_NAME> text{};
    int length = 0;
    if (kind == Kind::communicator) PMPI_Comm_get_name(handle, text.data(), &length);
    return {text.data(), static_cast<std::size_t>(length)};
}

std::string Context::origin() const {
    std::string given = given_name();
    return given.empty() ? made_by : given;
}

std::string Context::name() const {
    if (std::string given = given_name(); !given.empty()) return given;
    RankSet ranks;
    for (int member : members) ranks.insert(RankSet::single(member));
    return fmt::format("{} (ranks {})", made_by, ranks.to_string());
}

Context* look_up_communicator(MPI_Comm comm) {
    return find(Kind::communicator, handle_number(comm));
}
Context* find_window(MPI_Win window) { return find(Kind::window, handle_number(window)); }
Context* find_file(MPI_File file) { return find(Kind::file, handle_number(file)); }

void adopt_communicator(MPI_Comm comm, std::string made_by) {
    if (comm == MPI_COMM_NULL) return;
    if (auto context = make(Kind::communicator, comm, std::move(made_by)))
        enter(context, handle_number(comm));
}

void adopt_window(MPI_Win window, MPI_Comm comm, std::string made_by) {
    if (auto context = make(Kind::window, clone(comm), std::move(made_by)))
        enter(context, handle_number(window));
}

void adopt_file(MPI_File file, MPI_Comm comm, std::string made_by) {
    if (auto context = make(Kind::file, clone(comm), std::move(made_by)))
        enter(context, handle_number(file));
}

void release(Context& context) {
    std::shared_ptr<Context> kept = remove(context);
    PMPI_Comm_free(&context.shadow);
    if (context.kind == Kind::communicator)
        PMPI_Comm_free(&context.real);
    else
        PMPI_Comm_free(&context.handle);
}

void forget(Context& context) { remove(context); }

std::vector<std::shared_ptr<Context>> all_contexts() {
    std::vector<std::shared_ptr<Context>> contexts;
    {
        auto lock = bookkeeping();
        for (const auto& all : registry().by_handle)
            for (const auto& [handle, context] : all) contexts.push_back(context);
    }
    std::sort(contexts.begin(), contexts.end(),
              [](const auto& a, const auto& b) { return a->id < b->id; });
    return contexts;
}

void follow_errhandler(MPI_Comm handle, MPI_Comm real) {
    static MPI_Errhandler passes_on = [] {
        MPI_Errhandler made = MPI_ERRHANDLER_NULL;
        PMPI_Comm_create_errhandler(pass_error_on, &made);
        return made;
    }();
    MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
    PMPI_Comm_get_errhandler(handle, &handler);
    const bool is_predefined = handler == MPI_ERRORS_ARE_FATAL || handler == MPI_ERRORS_RETURN;
    PMPI_Comm_set_errhandler(real, is_predefined ? handler : passes_on);
    PMPI_Errhandler_free(&handler);
}

void renew(Context& context, bool quiet) {
    MPI_Comm old_real = context.real;
    MPI_Comm old_shadow = context.shadow;
    context.shadow = make_shadow(context.handle, context.inter);
    if (context.kind == Kind::communicator) context.real = make_real(context.handle, context.inter);
    if (quiet) {
        PMPI_Comm_free(&old_shadow);
        if (context.kind == Kind::communicator) PMPI_Comm_free(&old_real);
    }
    auto lock = bookkeeping();
    context.abandoned = 0;
    context.arrivals.clear();
    context.collectives = context.arrivals_dropped = 0;
    context.latest.clear();
    for (Tally* tally : {&context.sent, &context.received}) tally->clear();
    context.links.clear();
    context.rounds.clear();
    add_rounds(context);
}

}  // namespace mpirepl::guard
