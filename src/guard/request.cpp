#include "guard/request.h"

#include <sched.h>

#include <algorithm>

#include "base/picture.h"
#include "guard/state.h"

namespace mpirepl::guard {
namespace {

Request* find(MPI_Request handle) {
    auto it = state().requests.find(handle);
    return it == state().requests.end() ? nullptr : &it->second;
}

}  // namespace

void note_request(MPI_Request handle, Request&& request) {
    if (handle == MPI_REQUEST_NULL) return;
    auto lock = bookkeeping();
    state().requests.insert_or_assign(handle, std::move(request));
}

bool is_done(MPI_Request handle) {
    int done = 0;
    PMPI_Request_get_status(handle, &done, MPI_STATUS_IGNORE);
    return done != 0;
}

void add_received(Context& context, const MPI_Status& status) {
    if (status.MPI_SOURCE == MPI_PROC_NULL) return;
    context.received.add(context.world_rank(status.MPI_SOURCE), tag_bucket(status.MPI_TAG));
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
    context.sent.add(context.world_rank(destination), tag_bucket(tag),
                     undo ? ~std::uint64_t{0} : 1);
}

UsedRequests::UsedRequests(std::span<const MPI_Request> handles) {
    auto lock = bookkeeping();
    if (state().requests.empty()) return;
    for (MPI_Request handle : handles) {
        Request* request = handle == MPI_REQUEST_NULL ? nullptr : find(handle);
        if (request == nullptr) continue;
        while (request->users < 0) {  // the agent has a look, which is short
            lock.unlock();
            ::sched_yield();
            lock.lock();
            request = find(handle);
            if (request == nullptr) break;
        }
        if (request == nullptr) continue;
        any_lost_ |= request->lost && request->active;
        bytes_ += request->bytes;
        ++request->users;
        handles_.push_back(handle);
    }
}

UsedRequests::~UsedRequests() {
    if (handles_.empty()) return;
    auto lock = bookkeeping();
    for (MPI_Request handle : handles_)
        if (Request* request = find(handle); request != nullptr && request->users > 0)
            --request->users;
}

void request_completed(MPI_Request before, const MPI_Status& status) {
    auto lock = bookkeeping();
    Request* request = find(before);
    if (request == nullptr || !request->active) return;
    ++state().events;
    if (request->kind == Request::Kind::receive && !request->arrived &&
        !(request->cancelling && was_cancelled(status)))
        add_received(*request->context, status);
    if (request->persistent) {
        request->active = request->arrived = false;
    } else {
        state().requests.erase(before);
    }
}

void request_freed(MPI_Request before) {
    auto lock = bookkeeping();
    state().requests.erase(before);
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
    if (int error = anew.make(anew.context->real, handle); error != MPI_SUCCESS) return error;
    anew.active = anew.lost = false;
    {
        auto lock = bookkeeping();
        state().requests.erase(before);
        state().requests.insert_or_assign(*handle, std::move(anew));
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
