#include "guard/request.h"

#include <sched.h>

#include <algorithm>

#include "base/picture.h"
#include "guard/state.h"

namespace mpirepl::guard {
namespace {

Request* find(MPI_Request handle) { return state().requests.find(handle); }

/// The library is done with a receive of the books; bookkeeping() is held.
/// @return whether it is to be freed
bool receive_ended(MPI_Request handle, Request& request, const MPI_Status& status, bool counts) {
    request.arrived = true;
    ++state().events;
    if (counts) add_received(*request.context, status);
    if (!request.freed) return false;
    state().requests.erase(handle);
    return true;
}

}  // namespace

void note_request(MPI_Request handle, Request&& request) {
    if (handle == MPI_REQUEST_NULL) return;
    auto lock = bookkeeping();
    state().requests.enter(handle) = std::move(request);
}

bool is_done(MPI_Request handle) {
    if (handle == state().done_at_once) return true;  // without a look, which is dear
    int done = 0;
    PMPI_Request_get_status(handle, &done, MPI_STATUS_IGNORE);
    return done != 0;
}

void add_received(Context& context, const MPI_Status& status) {
    const int peer = context.world_rank(status.MPI_SOURCE);
    if (peer == any_rank || status.MPI_TAG < 0) return;  // nobody's, or that of a refused call
    context.received.add(peer, tag_bucket(status.MPI_TAG));
}

bool was_cancelled(const MPI_Status& status) {
    int cancelled = 0;
    PMPI_Test_cancelled(&status, &cancelled);
    return cancelled != 0;
}

void count_received(Context& context, const MPI_Status& status) {
    auto lock = bookkeeping();
    add_received(context, status);
}

void count_sent(Context& context, int destination, int tag, bool undo) {
    if (destination == MPI_PROC_NULL) return;
    auto lock = bookkeeping();
    note_use(context);
    add_sent(context, destination, tag, undo);
}

void add_sent(Context& context, int destination, int tag, bool undo) {
    const int peer = context.world_rank(destination);
    if (peer == any_rank || tag < 0) return;  // the library will refuse it
    context.sent.add(peer, tag_bucket(tag), undo ? ~std::uint64_t{0} : 1);
}

UsedRequests::UsedRequests(std::span<const MPI_Request> handles) {
    all_.resize(handles.size(), boost::container::default_init);
    Used* next = all_.data();
    auto lock = bookkeeping();
    for (MPI_Request handle : handles) {
        Request* request = handle == MPI_REQUEST_NULL ? nullptr : find(handle);
        while (request != nullptr && request->users < 0) {  // the guard has a look, which is short
            lock.unlock();
            ::sched_yield();
            lock.lock();
            request = find(handle);
        }
        *next++ = {handle, request};
        if (request == nullptr) continue;
        note_use(*request->context);  // it may be of an earlier cell
        any_lost_ |= request->lost && request->active;
        bytes_ += request->bytes;
        ++request->users;
        ++in_books_;
    }
}

UsedRequests::~UsedRequests() {
    if (in_books_ == 0) return;
    auto lock = bookkeeping();
    for (auto [handle, request] : all_)
        if (request != nullptr && find(handle) == request && request->users > 0) --request->users;
}

void UsedRequests::completed(std::size_t index, const MPI_Status& status) {
    auto& [handle, request] = all_[index];
    if (request == nullptr) return;
    auto lock = bookkeeping();
    if (find(handle) != request || !request->active) return;
    ++state().events;
    if (request->kind == Request::Kind::receive && !request->arrived &&
        !(request->cancelling && was_cancelled(status)))
        add_received(*request->context, status);
    --in_books_;
    if (request->persistent) {
        request->active = request->arrived = false;
        --request->users;
    } else {
        state().requests.erase(handle);
    }
    request = nullptr;
}

int free_request(MPI_Request* handle) {
    bool receives = false;
    {
        auto lock = bookkeeping();
        Request* request = find(*handle);
        receives = request != nullptr && request->kind == Request::Kind::receive &&
                   request->active && !request->arrived && !request->lost;
        if (receives)
            request->freed = true;
        else
            state().requests.erase(*handle);
    }
    if (!receives) return PMPI_Request_free(handle);
    *handle = MPI_REQUEST_NULL;
    look_at_receives();  // else those of a loop would pile up
    return MPI_SUCCESS;
}

void look_at_receives() {
    std::vector<MPI_Request> open;
    {
        auto lock = bookkeeping();
        state().requests.for_each([&](MPI_Request handle, Request& request) {
            if (request.kind != Request::Kind::receive || !request.active || request.arrived ||
                request.lost || request.users != 0)
                return;
            request.users = -1;
            open.push_back(handle);
        });
    }
    for (MPI_Request handle : open) {
        int done = 0;
        MPI_Status status;
        PMPI_Request_get_status(handle, &done, &status);
        bool counts = done != 0 && status.MPI_SOURCE >= 0 && !was_cancelled(status);
        bool frees = false;
        {
            auto lock = bookkeeping();
            Request* request = find(handle);
            if (request == nullptr) continue;
            request->users = 0;
            frees = done != 0 && receive_ended(handle, *request, status, counts);
        }
        if (frees) PMPI_Request_free(&handle);
    }
}

int remake_lost(MPI_Request* handle) {
    MPI_Request before = *handle;
    Request anew;
    {
        auto lock = bookkeeping();
        Request* request = find(before);
        if (request == nullptr || !request->lost) return MPI_SUCCESS;
        if (!request->make || request->context->real == MPI_COMM_NULL) return state().broken_off;
        anew = *request;
    }
    if (int error = (*anew.make)(anew.context->real, handle); error != MPI_SUCCESS) return error;
    anew.active = anew.lost = false;
    {
        auto lock = bookkeeping();
        state().requests.erase(before);
        state().requests.enter(*handle) = std::move(anew);
    }
    // Only now: it has kept the datatype, which user code may have freed.
    return PMPI_Request_free(&before);
}

void drop_lost(MPI_Request* handle) {
    MPI_Request before = *handle;
    bool left_behind = false;
    {
        auto lock = bookkeeping();
        Request* request = find(before);
        if (request == nullptr || !request->lost || !request->active) return;
        left_behind = !request->can_be_cancelled;
        if (request->persistent) {
            request->active = false;
            return;
        }
        state().requests.erase(before);
    }
    int done = 0;
    if (!left_behind) PMPI_Test(handle, &done, MPI_STATUS_IGNORE);
    *handle = MPI_REQUEST_NULL;
}

}  // namespace mpirepl::guard
