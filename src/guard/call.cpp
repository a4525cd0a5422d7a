#include "guard/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/nap.h"
#include "base/picture.h"
#include "guard/profile.h"
#include "guard/recovery.h"
#include "guard/request.h"

namespace mpirepl::guard {

State the_state;

namespace {

struct Registered {
    Thread thread;
    Registered() {
        thread.id = ::pthread_self();
        thread.is_main = ::pthread_equal(thread.id, state().main_thread) != 0;
        if (thread.is_main)
            state().mutex.favour_this_thread();
        else
            state().mutex.be_fair();
        auto lock = bookkeeping();
        state().threads.push_back(&thread);
        registered_thread = &thread;
    }
    ~Registered() {
        registered_thread = nullptr;
        {
            auto lock = bookkeeping();
            state().events += thread.events + 1;
            state().threads.remove(&thread);
        }
        if (!thread.is_main) state().mutex.be_unfair();
    }
};

}  // namespace

Thread& register_thread() {
    thread_local Registered registered;
    return registered.thread;
}

std::int64_t bytes_of(std::int64_t count, MPI_Datatype datatype) {
    MPI_Count size = 0;
    if (datatype == MPI_DATATYPE_NULL || PMPI_Type_size_x(datatype, &size) != MPI_SUCCESS ||
        size == MPI_UNDEFINED)
        return no_bytes;
    return count * size;
}

std::int64_t bytes_of(const int counts[], MPI_Datatype datatype, MPI_Comm comm) {
    int inter = 0;
    if (counts == nullptr || comm == MPI_COMM_NULL) return no_bytes;
    PMPI_Comm_test_inter(comm, &inter);
    if (inter == 0) return bytes_of_local(counts, datatype, comm);
    int size = 0;
    PMPI_Comm_remote_size(comm, &size);
    return bytes_of(std::accumulate(counts, counts + size, std::int64_t{0}), datatype);
}

std::int64_t bytes_of_local(const int counts[], MPI_Datatype datatype, MPI_Comm comm) {
    int size = 0;
    if (counts == nullptr || comm == MPI_COMM_NULL) return no_bytes;
    PMPI_Comm_size(comm, &size);
    return bytes_of(std::accumulate(counts, counts + size, std::int64_t{0}), datatype);
}

int Call::refused_now() const {
    State& all = state();
    if (all.recovering && thread_.is_main) return MPI_SUCCESS;  // by way of a library
    if (all.breaking) return park();
    if (!all.refusing) return MPI_SUCCESS;
    all.calls_failed = true;
    return all.broken_off;
}

Need need_of(const Context& context, Need::Kind kind, int peer, int tag) {
    return {.kind = kind,
            .comm = context.id,
            .peer = context.world_rank(peer),
            .tag = tag == MPI_ANY_TAG ? any_tag : tag};
}

void Call::note_bytes(std::int64_t bytes, int destination) const {
    if (bytes > 0)
        profile_bytes(bytes, context_ == nullptr ? any_rank : context_->world_rank(destination));
}

std::string Call::made_by() const {
    return fmt::format("{} of {}", name_.text, context_->origin());
}

int Call::created(int result, MPI_Comm* comm) {
    if (result != MPI_SUCCESS || context_ == nullptr || *comm == MPI_COMM_NULL) return result;
    adopt_communicator(*comm, made_by());
    // A library that keeps a duplicate of its own has an attribute which holds it.
    for (int keyval : state().mpi4py_keyvals) {
        char* value = nullptr;
        int there = 0;
        PMPI_Comm_get_attr(context_->handle, keyval, &value, &there);
        auto* place = reinterpret_cast<char*>(comm);
        constexpr std::ptrdiff_t size_of_their_struct = 64;
        if (there == 0 || place < value || place - value >= size_of_their_struct) continue;
        if (Context* made = find_communicator(*comm)) made->hidden_dup = context_->name();
    }
    return result;
}

int Call::created_window(int result, MPI_Win* window) {
    if (result == MPI_SUCCESS && context_ != nullptr) adopt_window(*window, comm_, made_by());
    return result;
}

int Call::created_file(int result, MPI_File* file) {
    if (result == MPI_SUCCESS && context_ != nullptr) adopt_file(*file, comm_, made_by());
    return result;
}

int Call::started(int result, MPI_Request* request, const Signature& signature) {
    if (result != MPI_SUCCESS || context_ == nullptr) return result;
    constexpr std::int64_t guessed_bytes = 16 << 20;
    constexpr std::size_t most_latest = 16;
    // Roots and amounts differ between the groups of an intercommunicator.
    const Signature& comparable = context_->inter ? Signature() : signature;
    Request started{.context = context_,
                    .bytes = guessed_bytes,
                    .kind = Request::Kind::collective,
                    .can_be_cancelled = false};
    {
        auto lock = bookkeeping();
        started.number = ++context_->collectives;
        context_->latest.push_back({.number = started.number,
                                    .call = name_.text,
                                    .root = comparable.root,
                                    .op = comparable.op,
                                    .bytes = comparable.bytes});
        if (context_->latest.size() > most_latest) context_->latest.pop_front();
    }
    if (!is_done(*request)) note_request(*request, std::move(started));
    return result;
}

int Call::exchanges(int result, int destination, int send_tag, int source, int receive_tag,
                    MPI_Request* request) {
    if (result != MPI_SUCCESS || context_ == nullptr) return result;
    count_sent(*context_, destination, send_tag);
    if (source != MPI_PROC_NULL)
        note_request(
            *request,
            {.context = context_, .peer = source, .tag = receive_tag, .can_be_cancelled = false});
    return result;
}

int park() {
    state().calls_failed = true;
    await_end_of_break();
    return state().broken_off;
}

void await_end_of_break() {
    Thread& thread = this_thread();
    thread.parked = true;
    while (state().breaking) {
        if (thread.is_main) {
            state().main_parked = true;
            if (state().go) recover();
        }
        nap(std::chrono::microseconds(200));
    }
    thread.parked = false;
}

}  // namespace mpirepl::guard
