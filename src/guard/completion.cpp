// The ends of nonblocking calls: waiting for requests, testing them, giving them up.

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <span>
#include <vector>

#include "base/picture.h"
#include "guard/call.h"
#include "guard/patience.h"
#include "guard/request.h"

namespace mpirepl::guard {
namespace {

std::span<MPI_Request> span(int count, MPI_Request* requests) {
    return {requests, static_cast<std::size_t>(count < 0 ? 0 : count)};
}

std::vector<MPI_Request> copy(int count, MPI_Request* requests) {
    std::span<MPI_Request> all = span(count, requests);
    return {all.begin(), all.end()};
}

/// The statuses of a call, whether user code wants them or not.
class Statuses {
  public:
    Statuses(int count, MPI_Status* wanted) : wanted_(wanted) {
        if (wanted == MPI_STATUSES_IGNORE)
            own_.resize(static_cast<std::size_t>(std::max(count, 0)));
    }
    MPI_Status* data() { return own_.empty() ? wanted_ : own_.data(); }
    MPI_Status& operator[](std::size_t i) { return data()[i]; }

  private:
    MPI_Status* wanted_;
    boost::container::small_vector<MPI_Status, 8> own_;
};

void describe(Waiting& waiting, std::span<const MPI_Request> requests, bool any) {
    auto lock = bookkeeping();
    waiting.any = any;
    for (MPI_Request request : requests) {
        if (request == MPI_REQUEST_NULL) continue;
        if (state().requests.contains(request))
            waiting.requests.push_back(request);
        else
            waiting.unknown = true;
    }
}

int refuse_lost(std::span<MPI_Request> requests) {
    for (MPI_Request& request : requests) drop_lost(&request);
    return state().broken_off;
}

int broken_off(std::span<MPI_Request> requests) {
    park();
    return refuse_lost(requests);
}

/// Completes one request if it is done.
/// @return its error
int test(MPI_Request* request, int* done, MPI_Status* status) {
    MPI_Request before = *request;
    int error = PMPI_Test(request, done, status);
    if (*done != 0 || error != MPI_SUCCESS) request_completed(before, *status);
    return error;
}

/// Completes one of some requests if one is done.
/// @param before their handles
int test_any(std::span<const MPI_Request> before, int count, MPI_Request requests[], int* index,
             int* done, MPI_Status* status) {
    *index = MPI_UNDEFINED;
    *done = 0;
    int error = PMPI_Testany(count, requests, index, done, status);
    if ((*done != 0 || error != MPI_SUCCESS) && *index != MPI_UNDEFINED && *index >= 0)
        request_completed(before[static_cast<std::size_t>(*index)], *status);
    return error;
}

/// Completes those of some requests that are done.
int test_some(std::span<const MPI_Request> before, int count, MPI_Request requests[],
              int* done_count, int indices[], MPI_Status statuses[]) {
    *done_count = 0;
    int error = PMPI_Testsome(count, requests, done_count, indices, statuses);
    for (int i = 0; i < *done_count; ++i)
        request_completed(before[static_cast<std::size_t>(indices[i])], statuses[i]);
    return error;
}

template <typename Look>
int wait_for_some(Call& call, std::span<MPI_Request> requests, Look&& look) {
    UsedRequests used(requests);
    if (used.any_lost()) return refuse_lost(requests);
    Patience patience(call.thread(), call.name(), used.bytes());
    while (true) {
        bool done = false;
        if (int error = look(&done); error != MPI_SUCCESS || done) return error;
        if (!patience.rest([&](Waiting& waiting) { describe(waiting, requests, true); }))
            return broken_off(requests);
    }
}

/// The work of MPI_Waitall, request by request: so a picture of this rank shows which are open.
class WaitForAll {
  public:
    WaitForAll(std::span<MPI_Request> requests, MPI_Status* statuses)
        : requests_(requests), results_(static_cast<int>(requests.size()), statuses) {}

    bool done() const { return first_open_ == requests_.size(); }
    void look(bool at_all) {
        if (at_all && finished_.empty()) finished_.resize(requests_.size());
        for (std::size_t i = first_open_; i < requests_.size(); ++i) {
            if (!finished_.empty() && finished_[i]) {
                if (i == first_open_) ++first_open_;
                continue;
            }
            if (!complete(i)) {
                if (!at_all) return;
                continue;
            }
            if (!finished_.empty()) finished_[i] = true;
            if (i == first_open_) ++first_open_;
        }
    }
    std::span<MPI_Request> open() const { return requests_.subspan(first_open_); }
    int error() const {
        if (!failed_) return MPI_SUCCESS;
        return requests_.size() == 1 ? error_ : MPI_ERR_IN_STATUS;
    }

  private:
    bool complete(std::size_t i) {
        int done = 0;
        int error = test(&requests_[i], &done, &results_[i]);
        if (done == 0 && error == MPI_SUCCESS) return false;
        if (requests_.size() > 1) results_[i].MPI_ERROR = error;
        if (error != MPI_SUCCESS && !failed_) error_ = error;
        failed_ |= error != MPI_SUCCESS;
        return true;
    }

    std::span<MPI_Request> requests_;
    Statuses results_;
    std::size_t first_open_ = 0;
    std::vector<bool> finished_;  ///< out of order, once that matters
    bool failed_ = false;
    int error_ = MPI_SUCCESS;
};

}  // namespace

int wait_for_all(Call& call, int count, MPI_Request handles[], MPI_Status statuses[]) {
    std::span<MPI_Request> requests = span(count, handles);
    UsedRequests used(requests);
    if (used.any_lost()) return refuse_lost(requests);
    WaitForAll all(requests, statuses);
    Patience patience(call.thread(), call.name(), used.bytes());
    while (true) {
        all.look(patience.told());
        if (all.done()) return all.error();
        auto tell = [&](Waiting& waiting) {
            all.look(true);  // those that were done when they began are not in the books
            describe(waiting, all.open(), false);
        };
        if (!patience.rest(tell)) return broken_off(requests);
    }
}

}  // namespace mpirepl::guard

using namespace mpirepl::guard;

extern "C" {

int MPI_Wait(MPI_Request* request, MPI_Status* status) {
    Call call("MPI_Wait");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (!call.guarded()) {
        UsedRequests used(span(1, request));
        if (used.any_lost()) return refuse_lost(span(1, request));
        OneStatus result(status);
        MPI_Request before = *request;
        int error = PMPI_Wait(request, result.get());
        request_completed(before, *result.get());
        return error;
    }
    return wait_for_all(call, 1, request, status);
}

int MPI_Waitall(int count, MPI_Request requests[], MPI_Status statuses[]) {
    Call call("MPI_Waitall");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    return wait_for_all(call, count, requests, statuses);
}

int MPI_Waitany(int count, MPI_Request requests[], int* index, MPI_Status* status) {
    Call call("MPI_Waitany");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    const std::vector<MPI_Request> before = copy(count, requests);
    OneStatus result(status);
    return wait_for_some(call, span(count, requests), [&](bool* done) {
        int flag = 0;
        int error = test_any(before, count, requests, index, &flag, result.get());
        *done = flag != 0;
        return error;
    });
}

int MPI_Waitsome(int count, MPI_Request requests[], int* done_count, int indices[],
                 MPI_Status statuses[]) {
    Call call("MPI_Waitsome");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    const std::vector<MPI_Request> before = copy(count, requests);
    Statuses results(count, statuses);
    return wait_for_some(call, span(count, requests), [&](bool* done) {
        int error = test_some(before, count, requests, done_count, indices, results.data());
        *done = *done_count != 0;  // or MPI_UNDEFINED
        return error;
    });
}

int MPI_Test(MPI_Request* request, int* flag, MPI_Status* status) {
    Call call("MPI_Test");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(1, request));
    if (used.any_lost()) return refuse_lost(span(1, request));
    return test(request, flag, OneStatus(status).get());
}

int MPI_Testall(int count, MPI_Request requests[], int* flag, MPI_Status statuses[]) {
    Call call("MPI_Testall");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(count, requests));
    if (used.any_lost()) return refuse_lost(span(count, requests));
    const std::vector<MPI_Request> before = copy(count, requests);
    Statuses results(count, statuses);
    int error = PMPI_Testall(count, requests, flag, results.data());
    for (std::size_t i = 0; *flag != 0 && i < before.size(); ++i)
        request_completed(before[i], results[i]);
    return error;
}

int MPI_Testany(int count, MPI_Request requests[], int* index, int* flag, MPI_Status* status) {
    Call call("MPI_Testany");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(count, requests));
    if (used.any_lost()) return refuse_lost(span(count, requests));
    const std::vector<MPI_Request> before = copy(count, requests);
    return test_any(before, count, requests, index, flag, OneStatus(status).get());
}

int MPI_Testsome(int count, MPI_Request requests[], int* done_count, int indices[],
                 MPI_Status statuses[]) {
    Call call("MPI_Testsome");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(count, requests));
    if (used.any_lost()) return refuse_lost(span(count, requests));
    const std::vector<MPI_Request> before = copy(count, requests);
    return test_some(before, count, requests, done_count, indices,
                     Statuses(count, statuses).data());
}

int MPI_Request_free(MPI_Request* request) {
    Call call("MPI_Request_free");
    const UsedRequests used(span(1, request));
    if (used.any_lost()) {
        drop_lost(request);
        if (*request == MPI_REQUEST_NULL) return MPI_SUCCESS;
    }
    request_freed(*request);
    return PMPI_Request_free(request);
}

int MPI_Request_get_status(MPI_Request request, int* flag, MPI_Status* status) {
    Call call("MPI_Request_get_status");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(1, &request));
    if (used.any_lost()) return state().broken_off;
    return PMPI_Request_get_status(request, flag, status);
}

int MPI_Cancel(MPI_Request* request) {
    Call call("MPI_Cancel");
    {
        auto lock = bookkeeping();
        auto found = state().requests.find(*request);
        if (found != state().requests.end()) {
            // The break has cancelled it already, and the communicator behind it is gone.
            if (std::exchange(found->second.lost, false)) return MPI_SUCCESS;
            found->second.cancelling = true;
        }
    }
    return PMPI_Cancel(request);
}
}
