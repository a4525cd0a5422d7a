// The calls on communicators that are not like the others: those that end one, and those that are
// collective over some of its ranks.

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/picture.h"
#include "guard/arrival.h"
#include "guard/call.h"

namespace mpirepl::guard {
namespace {

constexpr int group_tag = 2;  // arrivals of some ranks only; the user's tag is added
constexpr int bridge_tag = 3;
constexpr int tag_stride = 2;
constexpr int user_tags = 8192;

bool is_predefined(MPI_Comm comm) { return comm == MPI_COMM_WORLD || comm == MPI_COMM_SELF; }

/// A call by which a handle ends.
template <typename Native>
int end(Call& call, MPI_Comm* comm, Native* native) {
    if (call.context() == nullptr || is_predefined(*comm)) return native(comm);
    if (int error = call.arrive(); error != MPI_SUCCESS) return error;
    release(*call.context());
    return native(comm);
}

/// Ranks of a group by their place in a context's shadow; empty if this rank is not among them.
std::vector<int> places(const Context& context, MPI_Group group) {
    std::vector<int> found = ranks_in(context.shadow, group);
    bool mine = std::find(found.begin(), found.end(), context.rank) != found.end();
    bool good = std::find(found.begin(), found.end(), MPI_UNDEFINED) == found.end();
    return mine && good ? found : std::vector<int>();
}

/// @return MPI_SUCCESS when all of the group have come, or the error with which the call must
/// return
int arrive_in_group(Call& call, const std::vector<int>& group, int tag) {
    Context& context = *call.context();
    auto size = static_cast<int>(group.size());
    auto me = static_cast<int>(std::find(group.begin(), group.end(), context.rank) - group.begin());
    std::uint64_t hash = 0;
    for (int place : group) hash = (hash ^ static_cast<std::uint64_t>(place + 1)) * 1099511628211U;
    Word known{.least = hash, .greatest = hash};
    auto at = [&](int i) { return group[static_cast<std::size_t>((i % size + size) % size)]; };
    for (int step = 1; step < size; step *= 2) {
        Patience patience(call.thread(), call.name());
        Link& link =
            context.link(at(me + step), at(me - step), group_tag + tag_stride * (tag % user_tags));
        if (!pass_round(context, link, patience, 0, known)) return park();
    }
    if (known.least == known.greatest) return MPI_SUCCESS;
    note_mismatch(
        call.name(), context.name(),
        fmt::format("ranks call {} with different groups on {}", call.name(), context.name()));
    return state().broken_off;
}

/// Notes it if a library that the recovery knows has made it.
void note_keyval(const int* keyval, MPI_Comm_delete_attr_function* remove, bool own) {
    Dl_info from{};
    if (::dladdr(reinterpret_cast<void*>(remove), &from) == 0 || from.dli_fname == nullptr) return;
    Dl_info variable{};
    bool named = ::dladdr(keyval, &variable) != 0 && variable.dli_sname != nullptr;
    auto lock = bookkeeping();
    if (own && std::strstr(from.dli_fname, "mpi4py") != nullptr)
        state().mpi4py_keyvals.insert(*keyval);
    if (named && std::strcmp(variable.dli_sname, "Petsc_Counter_keyval") == 0)
        state().petsc_keyval = keyval;
}

}  // namespace
}  // namespace mpirepl::guard

using namespace mpirepl::guard;

extern "C" {

// Not in mpi.h, and not in all libraries.
// NOLINTNEXTLINE(readability-identifier-naming)
int PMPIX_Comm_revoke(MPI_Comm comm) __attribute__((weak));

// Ranks that only hear of it get its error from messages; their collectives are broken off.
// NOLINTNEXTLINE(readability-identifier-naming)
__attribute__((visibility("default"))) int MPIX_Comm_revoke(MPI_Comm comm) {
    if (PMPIX_Comm_revoke == nullptr) return MPI_ERR_UNSUPPORTED_OPERATION;
    if (Context* context = find_communicator(comm)) {
        PMPIX_Comm_revoke(context->real);
        forget(*context);
    }
    return PMPIX_Comm_revoke(comm);
}

int MPI_Comm_free(MPI_Comm* comm) {
    Call call("MPI_Comm_free", *comm);
    return end(call, comm, PMPI_Comm_free);
}

int MPI_Comm_disconnect(MPI_Comm* comm) {
    Call call("MPI_Comm_disconnect", *comm);
    return end(call, comm, PMPI_Comm_disconnect);
}

int MPI_Comm_create_group(MPI_Comm comm, MPI_Group group, int tag, MPI_Comm* made) {
    Call call("MPI_Comm_create_group", comm);
    *made = MPI_COMM_NULL;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (call.context() != nullptr && call.guarded() && group != MPI_GROUP_NULL && tag >= 0) {
        call.real();
        std::vector<int> members = places(*call.context(), group);
        if (!members.empty())
            if (int error = arrive_in_group(call, members, tag); error != MPI_SUCCESS) return error;
    }
    return call.created(PMPI_Comm_create_group(comm, group, tag, made), made);
}

int MPI_Intercomm_create(MPI_Comm local, int local_leader, MPI_Comm bridge, int remote_leader,
                         int tag, MPI_Comm* made) {
    Call call("MPI_Intercomm_create", local);
    *made = MPI_COMM_NULL;
    if (int error = call.arrive({.root = local_leader}); error != MPI_SUCCESS) return error;
    int rank = MPI_PROC_NULL;
    if (local != MPI_COMM_NULL) PMPI_Comm_rank(local, &rank);
    Context* between = rank == local_leader ? find_communicator(bridge) : nullptr;
    bool good = between != nullptr && !between->inter && tag >= 0 && remote_leader >= 0 &&
                remote_leader < between->size();
    if (good && call.guarded()) {
        note_use(*between);
        Word known;
        Patience patience(call.thread(), call.name());
        Link& link = between->link(remote_leader, remote_leader,
                                   bridge_tag + tag_stride * (tag % user_tags));
        if (!pass_round(*between, link, patience, 0, known)) return park();
    }
    if (int error = call.arrive(); error != MPI_SUCCESS) return error;
    int result = PMPI_Intercomm_create(local, local_leader, bridge, remote_leader, tag, made);
    if (result == MPI_SUCCESS && call.context() != nullptr) adopt_communicator(*made, call.name());
    return result;
}

// The new one is not under the guard: nobody knows when it is there on all ranks. One that a break
// leaves behind must not be left on the handle, where no other could be made then.
int MPI_Comm_idup(MPI_Comm comm, MPI_Comm* made, MPI_Request* request) {
    Call call("MPI_Comm_idup", comm);
    *made = MPI_COMM_NULL;
    *request = MPI_REQUEST_NULL;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    MPI_Comm like = state().attributes_are_copied ? comm : call.real();
    return call.started(PMPI_Comm_idup(like, made, request), request);
}

int MPI_Comm_create_keyval(MPI_Comm_copy_attr_function* copy, MPI_Comm_delete_attr_function* remove,
                           int* keyval, void* extra) {
    int error = PMPI_Comm_create_keyval(copy, remove, keyval, extra);
    // The attributes of Python code have functions that copy; mpi4py's own has none.
    bool own = copy == MPI_COMM_NULL_COPY_FN;
    if (!own) state().attributes_are_copied = true;
    if (error == MPI_SUCCESS && remove != nullptr) note_keyval(keyval, remove, own);
    return error;
}

// Its number is another's some time later.
int MPI_Comm_free_keyval(int* keyval) {
    {
        auto lock = bookkeeping();
        state().mpi4py_keyvals.erase(*keyval);
    }
    return PMPI_Comm_free_keyval(keyval);
}

int MPI_Comm_set_errhandler(MPI_Comm comm, MPI_Errhandler handler) {
    Context* context = comm == MPI_COMM_NULL ? nullptr : find_communicator(comm);
    int error = PMPI_Comm_set_errhandler(comm, handler);
    if (error == MPI_SUCCESS && context != nullptr) follow_errhandler(comm, context->real);
    return error;
}
}
