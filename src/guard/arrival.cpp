// Before a blocking collective all its ranks tell each other that they have come: log2(n) rounds of
// 16 bytes (dissemination), which spread the least and the greatest signature. Then the library's
// own collective cannot hang any more.

#include "guard/arrival.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "base/nap.h"
#include "base/picture.h"
#include "base/rank_set.h"
#include "guard/call.h"
#include "guard/patience.h"

namespace mpirepl::guard {
namespace {

constexpr int arrival_tag = 1;

struct NamedOp {
    MPI_Op op;
    const char* name;
};

const auto& built_in_ops() {
    static const std::array ops{
        NamedOp{MPI_MAX, "MPI_MAX"},       NamedOp{MPI_MIN, "MPI_MIN"},
        NamedOp{MPI_SUM, "MPI_SUM"},       NamedOp{MPI_PROD, "MPI_PROD"},
        NamedOp{MPI_LAND, "MPI_LAND"},     NamedOp{MPI_BAND, "MPI_BAND"},
        NamedOp{MPI_LOR, "MPI_LOR"},       NamedOp{MPI_BOR, "MPI_BOR"},
        NamedOp{MPI_LXOR, "MPI_LXOR"},     NamedOp{MPI_BXOR, "MPI_BXOR"},
        NamedOp{MPI_MAXLOC, "MPI_MAXLOC"}, NamedOp{MPI_MINLOC, "MPI_MINLOC"},
    };
    return ops;
}

/// Handles differ between processes, places in the table do not; -1: made by user code.
int op_number(MPI_Op op) {
    if (op == MPI_OP_NULL) return -1;
    const auto& ops = built_in_ops();
    auto found = std::find_if(ops.begin(), ops.end(), [&](const NamedOp& o) { return o.op == op; });
    return found == ops.end() ? -1 : static_cast<int>(found - ops.begin());
}

/// What one rank calls, for the others to see.
struct Description {
    std::array<char, 40> call{};
    int op = -1;
    int root = no_root;
    std::int64_t bytes = no_bytes;
    bool operator==(const Description&) const = default;

    /// Names the details in which it differs from another.
    std::string text(const Description& other) const {
        std::string all = call.data();
        if (call != other.call) return all;
        if (root != other.root) all += fmt::format(" with root {}", root);
        if (op != other.op)
            all += fmt::format(" with {}",
                               op < 0 ? "an operation of its own"
                                      : built_in_ops().at(static_cast<std::size_t>(op)).name);
        if (bytes != other.bytes) all += fmt::format(" with {} bytes", bytes);
        return all;
    }
};

Description describe(const Name& name, const Signature& signature) {
    Description made;
    std::strncpy(made.call.data(), name.text, made.call.size() - 1);
    made.op = op_number(signature.op);
    made.root = signature.root;
    made.bytes = signature.bytes;
    return made;
}

std::uint64_t hash_of(const Name& name, const Signature& s) {
    std::uint64_t hash = name.hash;
    for (std::int64_t part : {std::int64_t{op_number(s.op)}, std::int64_t{s.root}, s.bytes})
        hash = (hash ^ static_cast<std::uint64_t>(part)) * 1099511628211U;
    return hash;
}

/// Who called what. All ranks of the shadow have learned that they disagree, so all come here.
std::string compare(const Context& context, const Description& mine) {
    std::vector<Description> all(context.members.size());
    constexpr int size = sizeof(Description);
    PMPI_Allgather(&mine, size, MPI_BYTE, all.data(), size, MPI_BYTE, context.shadow);
    std::map<std::string, RankSet> callers;
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto other =
            std::find_if(all.begin(), all.end(), [&](const Description& d) { return d != all[i]; });
        const Description& compared = other == all.end() ? all[i] : *other;
        callers[all[i].text(compared)].insert(RankSet::single(context.members[i]));
    }
    std::vector<std::pair<RankSet, std::string>> sorted;
    sorted.reserve(callers.size());
    for (auto& [text, ranks] : callers) sorted.emplace_back(ranks, text);
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return a.first.first() < b.first.first(); });
    std::string text;
    for (const auto& [ranks, call] : sorted) {
        bool one = ranks.count() == 1;
        text += fmt::format("{}{} {} {} {}", text.empty() ? "" : ", ", one ? "rank" : "ranks",
                            ranks.to_string(), one ? "calls" : "call", call);
    }
    return text + " on " + context.name();
}

/// In a break: whether every rank is parked, and nobody counts on this arrival any more.
bool give_up_arrival() {
    if (state().give_up) return true;
    if (this_thread().is_main) state().main_parked = true;
    nap(std::chrono::microseconds(100));
    return false;
}

}  // namespace

void note_mismatch(const char* call, const std::string& comm, const std::string& text) {
    auto lock = bookkeeping();
    state().mismatch = {.call = call, .comm = comm, .text = text};
    state().refusing = state().calls_failed = true;
}

Round::Round(Context& the_context, int to, int from, int tag)
    : context_(the_context), to_(to), from_(from), tag_(tag) {}

bool Round::run(Patience& patience, std::uint64_t number, std::array<std::uint64_t, 2>& known) {
    std::array<std::uint64_t, 2> heard{};
    int from_rank = context_.members[static_cast<std::size_t>(from_)];
    int to_rank = context_.members[static_cast<std::size_t>(to_)];
    {
        auto lock = bookkeeping();
        context_.arrivals_sent.add(to_rank, 0);
    }
    // 16 bytes: eager. First of all, since another rank may be waiting for it.
    PMPI_Send(known.data(), 2, MPI_UINT64_T, to_, tag_, context_.shadow);
    MPI_Request request = MPI_REQUEST_NULL;
    PMPI_Irecv(heard.data(), 2, MPI_UINT64_T, from_, tag_, context_.shadow, &request);
    int done = 0;
    bool goes_on = true;
    while (true) {
        PMPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (done != 0) break;
        bool rested = patience.rest([&](Waiting& waiting) {
            waiting.needs.push_back({.kind = Need::Kind::arrival,
                                     .comm = context_.id,
                                     .peer = from_rank,
                                     .number = number});
        });
        // Others may be past their arrival and count on this rank: it goes on until all are parked.
        if (!rested && !(goes_on = !give_up_arrival())) break;
    }
    if (goes_on && this_thread().is_main) state().main_parked = false;
    if (done == 0) {
        MPI_Status status;
        PMPI_Cancel(&request);
        PMPI_Wait(&request, &status);
        PMPI_Test_cancelled(&status, &done);
        done = done != 0 ? 0 : 1;
    }
    if (done != 0) {
        auto lock = bookkeeping();
        context_.arrivals_received.add(from_rank, 0);
    }
    known[0] = std::min(known[0], heard[0]);
    known[1] = std::max(known[1], heard[1]);
    return goes_on;
}

int Call::arrive(const Signature& signature) {
    if (int error = refused(); error != MPI_SUCCESS) return error;
    if (context_ == nullptr || !guarded() || state().recovering) return MPI_SUCCESS;
    Context& context = *context_;
    note_use(context);
    int size = context.size();
    if (size == 1) return MPI_SUCCESS;
    std::uint64_t number = 0;
    {
        auto lock = bookkeeping();
        number = ++context.arrivals;
    }
    // Roots and amounts differ between the groups of an intercommunicator.
    const Signature& comparable = context.inter ? Signature() : signature;
    std::uint64_t hash = hash_of(name_, comparable);
    std::array<std::uint64_t, 2> known{hash, hash};
    for (int step = 1; step < size; step *= 2) {
        Patience patience(thread_, name_.text);
        Round round(context, (context.rank + step) % size, (context.rank - step + size) % size,
                    arrival_tag);
        if (!round.run(patience, number, known)) return park();
    }
    if (known[0] == known[1]) return MPI_SUCCESS;
    note_mismatch(name_.text, context.name(), compare(context, describe(name_, comparable)));
    return state().broken_off;
}

}  // namespace mpirepl::guard

using namespace mpirepl::guard;

extern "C" int MPI_Barrier(MPI_Comm comm) {
    Call call("MPI_Barrier", comm);
    if (int error = call.arrive(); error != MPI_SUCCESS) return error;
    bool has_arrived = call.context() != nullptr && call.guarded();
    return has_arrived ? MPI_SUCCESS : PMPI_Barrier(call.real());
}
