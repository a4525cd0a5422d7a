// Before a blocking collective all its ranks tell each other that they have come: log2(n) rounds of
// 24 bytes (dissemination), which spread the least and the greatest signature and sum up whether
// all send what others expect. Then the library's own collective cannot hang any more. A barrier is
// the arrival alone, and so is a small broadcast: what all hear of each other, they can hear of its
// root.

#include "guard/arrival.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <string_view>

#include "base/nap.h"
#include "base/picture.h"
#include "base/rank_set.h"
#include "guard/call.h"
#include "guard/exchange.h"
#include "guard/patience.h"
#include "guard/request.h"
#include "guard/wording.h"

namespace mpirepl::guard {
namespace {

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

std::string name_of_op(int number) {
    return number < 0 ? "an operation of its own"
                      : built_in_ops().at(static_cast<std::size_t>(number)).name;
}

/// What one rank calls, for the others to see.
struct Description {
    std::array<char, 40> call{};
    int op = -1;
    int root = no_root;
    std::int64_t bytes = no_bytes;
    std::array<char, 24> numbers{};
    std::array<char, 64> detail{};
    bool operator==(const Description&) const = default;

    /// Names the details in which it differs from another.
    std::string text(const Description& other) const {
        std::string all = call.data();
        if (call != other.call) return all;
        const bool is_leader = std::string_view(call.data()) == "MPI_Intercomm_create";
        if (root != other.root)
            all += fmt::format(" with {} {}", is_leader ? "leader" : "root", root);
        if (op != other.op) all += fmt::format(" with {}", name_of_op(op));
        if (bytes != other.bytes) all += fmt::format(" with {} bytes", bytes);
        if (numbers != other.numbers && numbers.front() != 0)
            all += fmt::format(" with {}", numbers.data());
        if (detail != other.detail && detail.front() != 0)
            all += fmt::format(" with {}", detail.data());
        return all;
    }
};

Description describe(const Name& name, const Signature& signature) {
    Description made;
    std::strncpy(made.call.data(), name.text, made.call.size() - 1);
    made.op = op_number(signature.op);
    made.root = signature.root;
    made.bytes = signature.bytes;
    signature.numbers.copy(made.numbers.data(), made.numbers.size() - 1);
    signature.detail.copy(made.detail.data(), made.detail.size() - 1);
    return made;
}

std::uint64_t hash_of(const Name& name, const Signature& s) {
    std::uint64_t hash = name.hash;
    for (std::int64_t part : {std::int64_t{op_number(s.op)}, std::int64_t{s.root}, s.bytes})
        hash = (hash ^ static_cast<std::uint64_t>(part)) * 1099511628211U;
    for (std::string_view text : {s.numbers, s.detail})
        for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
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
    return callers_in_words(callers) + " on " + context.name();
}

/// In a break: whether every rank is parked, and nobody counts on this arrival any more.
bool give_up_arrival() {
    if (state().give_up) return true;
    Thread& thread = this_thread();
    (thread.is_main ? state().main_parked : thread.in_arrival) = true;
    nap(std::chrono::microseconds(100));
    return false;
}

/// Ends a receive, unless its message has come at the last moment.
bool cancelled(MPI_Request request) {
    MPI_Status status;
    PMPI_Cancel(&request);
    PMPI_Wait(&request, &status);
    return was_cancelled(status);
}

}  // namespace

std::string in_full(const Started& started) {
    std::vector<std::string> parts;
    if (started.root != no_root) parts.push_back(fmt::format("root {}", started.root));
    if (started.op != MPI_OP_NULL) parts.push_back(name_of_op(op_number(started.op)));
    if (started.bytes != no_bytes) parts.push_back(fmt::format("{} bytes", started.bytes));
    return fmt::format("{}{}{}", started.call, parts.empty() ? "" : " with ",
                       fmt::join(parts, ", "));
}

void note_mismatch(const char* call, const std::string& comm, const std::string& text) {
    auto lock = bookkeeping();
    state().mismatch = {.call = call, .comm = comm, .text = text};
    state().refusing = state().calls_failed = true;
}

bool pass_round(Context& context, Link& link, Patience& patience, std::uint64_t number, Word& known,
                int bytes) {
    ++link.sent;
    // Few bytes: eager. First of all, since another rank may be waiting for it.
    PMPI_Send(&known, bytes, MPI_BYTE, link.to, link.tag, context.shadow);
    Word heard;
    MPI_Request request = MPI_REQUEST_NULL;
    PMPI_Irecv(&heard, sizeof(heard), MPI_BYTE, link.from, link.tag, context.shadow, &request);
    int done = 0;
    bool broken = false;
    bool gives_up = false;
    while (PMPI_Test(&request, &done, MPI_STATUS_IGNORE), done == 0 && !gives_up) {
        broken |= !patience.rest([&](Waiting& waiting) {
            waiting.needs.push_back({.kind = Need::Kind::arrival,
                                     .comm = context.id,
                                     .peer = context.member(link.from),
                                     .tag = link.tag,
                                     .number = number});
        });
        // Others may be past their arrival and count on this rank: it goes on until all are parked.
        gives_up = broken && give_up_arrival();
    }
    if (broken) this_thread().in_arrival = false;
    if (gives_up && done == 0)
        done = cancelled(request) ? 0 : 1;
    else if (broken && this_thread().is_main)
        state().main_parked = false;
    if (done == 0) return false;
    ++link.received;
    known.least = std::min(known.least, heard.least);
    known.greatest = std::max(known.greatest, heard.greatest);
    known.balance += heard.balance;
    if (heard.data.size != 0) known.data = heard.data;
    return !gives_up;
}

int Call::arrive(const Signature& signature, const Exchange* exchange, SmallData* data) {
    if (int error = refused(); error != MPI_SUCCESS) return error;
    if (context_ == nullptr || !guarded() || state().recovering) return MPI_SUCCESS;
    Context& context = *context_;
    note_use(context);
    if (context.rounds.empty()) return MPI_SUCCESS;  // one rank
    std::uint64_t number = ++context.arrivals;
    // Roots and amounts differ between the groups of an intercommunicator.
    Signature comparable = context.inter ? Signature{.detail = signature.detail} : signature;
    if (comparable.bytes == 0 || op_number(comparable.op) < 0) comparable.numbers = {};
    std::uint64_t hash = hash_of(name_, comparable);
    const std::uint64_t own = exchange == nullptr ? 0 : exchange->balance(context);
    Word known{.least = hash, .greatest = hash, .balance = own};
    int bytes = Word::signatures;
    if (data != nullptr) {
        known.data = *data;
        bytes = sizeof(known);
    }
    for (Link& link : context.rounds) {
        Patience patience(thread_, name_.text);
        if (link.overlaps) known.balance -= own;
        if (!pass_round(context, link, patience, number, known, bytes)) return park();
        if (link.overlaps) known.balance += own;
    }
    if (data != nullptr) *data = known.data;
    const bool agree = known.least == known.greatest;
    if (agree && known.balance == 0) return MPI_SUCCESS;
    note_mismatch(name_.text, context.name(),
                  agree ? exchange->misfit(context, name_.text)
                        : compare(context, describe(name_, comparable)));
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

extern "C" int MPI_Bcast(void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm) {
    Call call("MPI_Bcast", comm);
    const std::int64_t bytes = root == MPI_PROC_NULL ? no_bytes : bytes_of(count, type);
    const Signature signature{.root = root, .bytes = bytes};
    if (bytes <= 0 || bytes > SmallData::most || !call.arrives_in_one_group()) {
        const Exchange exchange{.way = Exchange::Way::scatter,
                                .sends = {count, type},
                                .receives = {count, type},
                                .root = root,
                                .agreed = true};
        if (int error = call.arrive(signature, &exchange); error != MPI_SUCCESS) return error;
        call.sends(bytes);
        return PMPI_Bcast(buffer, count, type, root, call.real());
    }
    SmallData data;
    constexpr int room = SmallData::most;
    int end = 0;
    if (root == call.context()->rank) {
        if (int error = PMPI_Pack(buffer, count, type, data.bytes.data(), room, &end, comm);
            error != MPI_SUCCESS)
            return error;
        data.size = static_cast<std::uint64_t>(end);
    }
    if (int error = call.arrive(signature, nullptr, &data); error != MPI_SUCCESS) return error;
    call.sends(bytes);
    if (root == call.context()->rank) return MPI_SUCCESS;
    if (data.size == 0) return PMPI_Bcast(buffer, count, type, root, call.real());  // a wrong root
    return PMPI_Unpack(data.bytes.data(), static_cast<int>(data.size), &end, buffer, count, type,
                       comm);
}
