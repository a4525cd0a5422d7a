#pragma once

#include <mpi.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/picture.h"
#include "base/python_thread.h"
#include "guard/book.h"
#include "guard/context.h"
#include "guard/guard.h"
#include "guard/lock.h"
#include "guard/request.h"

namespace mpirepl::guard {

using Clock = std::chrono::steady_clock;

/// A call in which a thread has waited long enough for others to see it. The thread owns it.
struct Waiting {
    const char* call = nullptr;
    bool any = false;
    bool holds_gil = false;
    Clock::time_point since;
    std::vector<Need> needs;  ///< of what is not a request; `received` is filled in when asked
    std::vector<MPI_Request> requests;  ///< registered ones
    std::vector<PythonThread> threads;  ///< while this one holds the GIL
    bool unknown = false;               ///< waits for something else too: counts as computing
};

/// A message of a call that was broken off: its buffer is good until the call returns.
struct OpenMessage {
    MPI_Request request;
    std::shared_ptr<Context> context;
    bool receives;
};

/// A message that a matching probe has found, and that has not been received.
struct FoundMessage {
    std::shared_ptr<Context> context;
    MPI_Status status{};
};

/// A thread that has called MPI. It registers itself and goes when the thread ends.
struct Thread {
    pthread_t id;
    bool is_main = false;
    std::atomic<std::uint64_t> events = 0;
    std::atomic<int> inside = 0;  ///< so many calls, one in the other; written by the thread alone
    std::atomic<bool> parked = false;
    std::atomic<bool> in_arrival = false;  ///< waits there for a break in which all are parked
    Waiting* waiting = nullptr;            ///< under bookkeeping()
};

/// Ranks have called different collectives on a communicator.
struct Mismatch {
    std::string call;
    std::string comm;
    std::string text;
};

/// What the calls of user code and the agent share. One for the process, made before Python starts.
struct State {
    Lock mutex;  ///< of all that is not atomic here, and of the counters of contexts; held for
                 ///< moments only, never in an MPI call that makes progress

    std::atomic<bool> installed = false;  ///< contexts exist; never undone
    std::atomic<bool> enabled = false;    ///< calls are guarded in this cell
    std::atomic<bool> breaking = false;   ///< waits end, and calls wait for the recovery
    std::atomic<bool> refusing = false;   ///< calls fail at once, until the cell ends
    std::atomic<bool> recovering =
        false;  ///< this is the guard itself calling, by way of a library
    std::atomic<bool> main_parked = false;
    std::atomic<bool> calls_failed = false;  ///< in this cell, since it was broken off
    std::atomic<bool> go = false;            ///< all ranks are parked: recover
    std::atomic<bool> give_up = false;       ///< and arrivals may end

    Hooks hooks;
    pthread_t main_thread{};
    int world_rank = 0;
    MPI_Comm recovery = MPI_COMM_NULL;            ///< of all main threads
    int broken_off = MPI_ERR_OTHER;               ///< what broken calls return
    MPI_Request done_at_once = MPI_REQUEST_NULL;  ///< what the library gives for sends that are
    std::list<Thread*> threads;
    std::uint64_t events = 0;             ///< besides those of threads
    std::atomic<std::uint64_t> cell = 0;  ///< the number of the last one that this rank has begun
    std::atomic<std::uint64_t> broken_cell = 0;
    std::atomic<bool> ending = false;  ///< no further cell comes
    Book<MPI_Request, Request> requests;
    Book<MPI_Message, FoundMessage> messages;
    std::unordered_set<MPI_Message> dropped_messages;  ///< by a recovery; user code may not know
    std::list<OpenMessage> parked;                     ///< of calls that were broken off
    std::unordered_set<int> mpi4py_keyvals;
    std::atomic<bool> attributes_are_copied = false;  ///< user code has such as duplicates get
    const int* petsc_keyval = nullptr;  ///< PETSc's own variable: of the attribute that counts tags

    // Why calls fail, for the cell's end:
    int dropped = 0;       ///< messages, on all ranks together
    std::string ended_by;  ///< "MPI_Abort on MPI_COMM_WORLD with code 3"
    Mismatch mismatch;
};

extern State the_state;
inline State& state() { return the_state; }

inline constinit thread_local Thread* registered_thread = nullptr;
Thread& register_thread();

/// The calling thread's entry.
inline Thread& this_thread() {
    return registered_thread != nullptr ? *registered_thread : register_thread();
}

/// Something is about to cross it: if the cell is broken off, it must be renewed.
inline void note_use(Context& context) {
    context.used_in = state().cell.load(std::memory_order_relaxed);
}

inline std::unique_lock<Lock> bookkeeping() { return std::unique_lock(state().mutex); }

}  // namespace mpirepl::guard
