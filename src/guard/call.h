#pragma once

#include <mpi.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "guard/context.h"
#include "guard/profile.h"
#include "guard/state.h"

namespace mpirepl::guard {

/// The name of an MPI function, with a number for it that is the same on all ranks.
struct Name {
    const char* text;
    std::uint64_t hash = 14695981039346656037U;
    consteval Name(const char* name) : text(name) {
        for (char c : std::string_view(name))
            hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    }
};

struct Exchange;

constexpr int no_root = -1000;
constexpr std::int64_t no_bytes = -1;

/// In what the callers of one collective must agree besides its name.
struct Signature {
    int root = no_root;             ///< or leader
    MPI_Op op = MPI_OP_NULL;        ///< counts if it is built in
    std::int64_t bytes = no_bytes;  ///< where the standard demands equality
    std::string_view numbers;       ///< of which kind; this and the next are from details.h
    std::string_view detail;
};

/// Some bytes that one rank brings to an arrival and all others take from it.
struct SmallData {
    static constexpr std::int64_t most = 64;
    std::uint64_t size = 0;  ///< 0: not known yet
    std::array<char, most> bytes;
};

/// The bytes of so many elements; no_bytes if that cannot be known.
std::int64_t bytes_of(std::int64_t count, MPI_Datatype datatype);
/// The sum over all ranks of the communicator, of an intercommunicator's remote group.
std::int64_t bytes_of(const int counts[], MPI_Datatype datatype, MPI_Comm comm);
/// The same, of its local group.
std::int64_t bytes_of_local(const int counts[], MPI_Datatype datatype, MPI_Comm comm);

/// The status of a call that has failed, for callers that do not look at its error.
inline void set_empty(MPI_Status* status) {
    if (status == MPI_STATUS_IGNORE) return;
    const int error = status->MPI_ERROR;  // which most calls leave as it is
    *status = {};
    status->MPI_ERROR = error;
    status->MPI_SOURCE = MPI_ANY_SOURCE;
    status->MPI_TAG = MPI_ANY_TAG;
}

/// One call of user code, from its entry to its return. Every wrapper makes one first.
class Call {
  public:
    Call(const Name& name, MPI_Comm comm) : Call(name, find_communicator(comm)) { comm_ = comm; }
    /// On a window or file, or null: on requests alone.
    explicit Call(const Name& name, Context* context = nullptr)
        : name_(name), context_(context), thread_(this_thread()) {
        thread_.events.store(thread_.events.load(std::memory_order_relaxed) + 1,
                             std::memory_order_relaxed);
        count_inside(1);
        if (profiling()) begun_ = Clock::now();
    }
    ~Call() {
        if (begun_ != Clock::time_point()) profile_call(Clock::now() - begun_);
        count_inside(-1);
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    const char* name() const { return name_.text; }
    Context* context() const { return context_; }
    Thread& thread() const { return thread_; }
    /// Waits of this call can be broken off; else it goes straight to the library.
    bool guarded() const { return state().enabled.load(std::memory_order_relaxed); }
    /// MPI_SUCCESS, or what the call must return at once since its cell has been broken off.
    int refused() const {
        const State& all = state();
        return all.breaking || all.refusing ? refused_now() : MPI_SUCCESS;
    }
    /// The communicator that messages and collectives of user code cross.
    MPI_Comm real() const {
        if (context_ == nullptr) return comm_;
        note_use(*context_);
        return context_->real;
    }
    /// Under no guard, in this cell or on this communicator, or to nobody.
    bool goes_straight(int peer) const {
        return context_ == nullptr || !guarded() || peer == MPI_PROC_NULL;
    }
    /// For mpiprof: this call sends so many bytes, to that rank of the communicator or to several.
    void sends(std::int64_t bytes, int destination = MPI_PROC_NULL) const {
        if (profiling()) note_bytes(bytes, destination);
    }

    // Collectives:
    /// Waits until all ranks of the communicator, window or file have come to the same call.
    /// @param exchange to be balanced, if not null
    /// @param data what this rank brings; then, after success, what one has brought
    /// @return MPI_SUCCESS, or the error with which the call must return
    int arrive(const Signature& signature = {}, const Exchange* exchange = nullptr,
               SmallData* data = nullptr);
    /// That it waits for others, and that they are not all of an intercommunicator.
    bool arrives_in_one_group() const {
        return context_ != nullptr && guarded() && !state().recovering && !context_->inter &&
               !context_->rounds.empty();
    }
    /// Takes what a creating call has made (or not: `result` is the return code of the native
    /// call) under the guard, and passes `result` on.
    int created(int result, MPI_Comm* comm);
    int created_window(int result, MPI_Win* window);
    int created_file(int result, MPI_File* file);

    // Nonblocking collectives:
    /// Notes a request that the native call has made, and in what its callers must agree.
    int started(int result, MPI_Request* request, const Signature& signature = {});
    /// The same for a send and a receive with one request, which counts as the receive's.
    int exchanges(int result, int destination, int send_tag, int source, int receive_tag,
                  MPI_Request* request);

  private:
    void count_inside(int change) const {
        thread_.inside.store(thread_.inside.load(std::memory_order_relaxed) + change,
                             std::memory_order_release);
    }
    int refused_now() const;
    void note_bytes(std::int64_t bytes, int destination) const;
    std::string made_by() const;

    Name name_;
    Context* context_;
    MPI_Comm comm_ = MPI_COMM_NULL;
    Thread& thread_;
    Clock::time_point begun_;  ///< of a profiled cell
};

/// That something is needed of a rank of `real`.
Need need_of(const Context& context, Need::Kind kind, int peer, int tag);

/// The end of a call whose wait has been broken off: waits until the rank has recovered, or on the
/// main thread does that.
/// @return the error that the call must return
int park();
/// The same without an error: of a main thread that is in no call, or a wait that outlives the
/// break.
void await_end_of_break();

}  // namespace mpirepl::guard
