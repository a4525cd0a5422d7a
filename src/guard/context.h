#pragma once

#include <mpi.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "guard/tally.h"

namespace mpirepl::guard {

/// A number that one thread at a time counts up, and others read.
class Counter {
  public:
    std::uint64_t operator++() {
        std::uint64_t next = *this + 1;
        number_.store(next, std::memory_order_release);
        return next;
    }
    void clear() { number_ = 0; }
    operator std::uint64_t() const { return number_.load(std::memory_order_acquire); }

  private:
    std::atomic<std::uint64_t> number_ = 0;
};

constexpr int arrival_tag = 1;  ///< in shadow; others are in communicators.cpp

/// The messages of arrivals from this rank to one, and from one to this rank. Each arrival is one
/// call's, and those of one communicator or group come one after the other.
struct Link {
    int to;  ///< a rank in shadow, as is `from`
    int from;
    int tag;
    bool overlaps;  ///< the ranks heard of so far and those that are heard of over it: in this one
    Counter sent;
    Counter received;
    Link(int to_rank, int from_rank, int with, bool overlap = false)
        : to(to_rank), from(from_rank), tag(with), overlaps(overlap) {}
};

/// A nonblocking collective as it has been called here.
struct Started {
    std::uint64_t number = 0;
    const char* call = nullptr;
    int root = 0;
    MPI_Op op = MPI_OP_NULL;
    std::int64_t bytes = 0;
};

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
    Counter arrivals;
    std::uint64_t collectives = 0;  ///< nonblocking ones, of which
    std::deque<Started> latest;     ///< these are the last
    int abandoned = 0;              ///< operations that will never end and cannot be cancelled
    Tally sent;
    Tally received;
    std::deque<Link> rounds;  ///< of an arrival of all
    std::deque<Link> links;   ///< of those of some members
    std::uint64_t arrivals_dropped = 0;

    int size() const { return static_cast<int>(members.size()); }
    /// For an arrival of some members.
    Link& link(int to, int from, int tag);
    template <typename Visit>
    void for_each_link(Visit&& visit) const {
        for (const std::deque<Link>* all : {&rounds, &links})
            for (const Link& link : *all) visit(link);
    }
    /// The world rank of a rank of `shadow`.
    int member(int place) const { return members[static_cast<std::size_t>(place)]; }
    /// The world rank of a rank of `real`; any_rank for MPI_ANY_SOURCE.
    int world_rank(int peer) const;
    /// As the user knows it: its MPI name, or what it was made from and its ranks.
    std::string name() const;
    /// The same without ranks, for the names of what is made from it.
    std::string origin() const;

  private:
    std::string given_name() const;
};

/// The context of a handle; null: not under the guard. The pointer is good as long as the handle.
/// (Not overloads: in MPICH all handles are numbers.)
inline Context* find_communicator(MPI_Comm comm);
Context* find_window(MPI_Win window);
Context* find_file(MPI_File file);

Context* look_up_communicator(MPI_Comm comm);

/// Handles have come or gone so many times.
inline constinit std::atomic<std::uint64_t> handle_changes = 1;

// A part of every call: each thread remembers what it has found last.
inline Context* find_communicator(MPI_Comm comm) {
    struct Found {
        MPI_Comm handle;
        std::uint64_t changes;
        Context* context;
    };
    static constinit thread_local Found last{};
    std::uint64_t changes = handle_changes.load(std::memory_order_acquire);
    if (last.handle != comm || last.changes != changes)
        last = {comm, changes, look_up_communicator(comm)};
    return last.context;
}

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

/// Has errors on `real` go where those on the handle go.
void follow_errhandler(MPI_Comm handle, MPI_Comm real);

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
