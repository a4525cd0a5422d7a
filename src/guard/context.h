#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "guard/tally.h"

namespace mpirepl::guard {

/// What the guard keeps for each communicator, window and file of user code. All of a session's
/// live in the registry below; their counters are protected by bookkeeping() (state.h).
///
/// Of each communicator there are three. User code holds `handle`, but nothing of its own ever
/// crosses it: attributes, topology, name and error handler are looked up there, and others are
/// made from it. Messages and collectives cross `real`, and `shadow` carries arrivals, so that the
/// user's own calls cannot get in their way. After a break fresh ones take the place of these two.
/// A window or file has a `handle` of its own, to make fresh shadows from, and no `real`.
struct Context : std::enable_shared_from_this<Context> {
    enum class Kind { communicator, window, file };

    Kind kind = Kind::communicator;
    std::uint64_t id = 0;  ///< the same on all members, and no other's
    MPI_Comm handle = MPI_COMM_NULL;
    MPI_Comm real = MPI_COMM_NULL;
    MPI_Comm shadow = MPI_COMM_NULL;  ///< of an intercommunicator: both groups merged
    std::vector<int> members;         ///< world ranks, by rank in shadow
    std::vector<int> peers;  ///< world ranks, by rank in real; an intercommunicator's are remote
    int rank = 0;            ///< in shadow
    bool inter = false;
    std::string made_by;        ///< "MPI_Comm_split of MPI_COMM_WORLD"
    std::string hidden_dup;     ///< a library's own duplicate, of the communicator with this name
    std::uint64_t used_in = 0;  ///< the last cell in which something has crossed it (state().cell)
    std::uint64_t arrivals = 0;
    std::uint64_t collectives = 0;
    int abandoned = 0;  ///< operations that will never end and cannot be cancelled
    Tally sent;
    Tally received;
    Tally arrivals_sent;
    Tally arrivals_received;

    int size() const { return static_cast<int>(members.size()); }
    /// The world rank of a rank of `real`; any_rank for MPI_ANY_SOURCE.
    int world_rank(int peer) const;
    /// As the user knows it: its MPI name, or what it was made from and its ranks.
    std::string name() const;
};

/// The context of a handle; null: not under the guard. The pointer is good as long as the handle.
/// (Not overloads: in MPICH all handles are numbers.)
Context* find_communicator(MPI_Comm comm);
Context* find_window(MPI_Win window);
Context* find_file(MPI_File file);

/// Takes a new handle under the guard. Collective over it or the communicator it was made from; no
/// call of user code may be open on that.
void adopt_communicator(MPI_Comm comm, std::string made_by);
void adopt_window(MPI_Win window, MPI_Comm comm, std::string made_by);
void adopt_file(MPI_File file, MPI_Comm comm, std::string made_by);
/// Forgets a handle and frees what is behind it, but not the handle itself.
void release(Context& context);

/// Forgets a revoked one without freeing anything: its calls go to the library, which refuses them.
void forget(Context& context);

/// The ranks of a group's members in a communicator; MPI_UNDEFINED for those that are not in it.
std::vector<int> ranks_in(MPI_Comm comm, MPI_Group group);

/// All contexts, in the order of their ids, which is the same on all ranks.
std::vector<std::shared_ptr<Context>> all_contexts();

/// Makes `real` and `shadow` anew. Collective over the handle.
/// @param quiet nothing can arrive on the old ones any more, so they may be freed
void renew(Context& context, bool quiet);

/// The number by which an MPI handle is known in a hash table.
template <typename Handle>
std::uint64_t handle_number(Handle handle) {
    if constexpr (std::is_pointer_v<Handle>)
        return reinterpret_cast<std::uintptr_t>(handle);
    else
        return static_cast<std::uint64_t>(handle);
}

}  // namespace mpirepl::guard
