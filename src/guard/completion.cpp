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

/// The statuses of a call, whether user code wants them or not.
class Statuses {
  public:
    Statuses(int count, MPI_Status* wanted) : all_(wanted) {
        if (wanted != MPI_STATUSES_IGNORE) return;
        own_.resize(static_cast<std::size_t>(std::max(count, 0)), boost::container::default_init);
        all_ = own_.data();
    }
    MPI_Status* data() { return all_; }
    MPI_Status& operator[](std::size_t i) { return all_[i]; }

  private:
    MPI_Status* all_;
    boost::container::small_vector<MPI_Status, 8> own_;
};

void describe(Waiting& waiting, std::span<const MPI_Request> requests, bool any) {
    auto lock = bookkeeping();
    waiting.any = any;
    for (MPI_Request request : requests) {
        if (request == MPI_REQUEST_NULL) continue;
        if (state().requests.find(request) != nullptr)
            waiting.requests.push_back(request);
        else
            waiting.unknown = true;
    }
}

int refuse_lost(std::span<MPI_Request> requests) {
    for (MPI_Request& request : requests) drop_lost(&request);
    return state().broken_off;
}

/// The end of a wait in a break.
/// @return MPI_SUCCESS when it goes on
int leave(const Patience& patience, std::span<MPI_Request> requests) {
    auto is_lost = [](MPI_Request handle) {
        const Request* known = state().requests.find(handle);
        return known != nullptr && known->lost;
    };
    if (patience.outlives_break()) {
        await_end_of_break();
        auto lock = bookkeeping();
        if (std::ranges::none_of(requests, is_lost)) return MPI_SUCCESS;
    } else {
        park();
    }
    return refuse_lost(requests);
}

/// Completes one of some requests if it is done.
/// @return its error
int test(UsedRequests& used, std::size_t index, MPI_Request* request, int* done,
         MPI_Status* status) {
    int error = PMPI_Test(request, done, status);
    if (*done != 0 || error != MPI_SUCCESS) used.completed(index, *status);
    return error;
}

/// Completes one of some requests if one is done.
int test_any(UsedRequests& used, int count, MPI_Request requests[], int* index, int* done,
             MPI_Status* status) {
    *index = MPI_UNDEFINED;
    *done = 0;
    int error = PMPI_Testany(count, requests, index, done, status);
    if ((*done != 0 || error != MPI_SUCCESS) && *index != MPI_UNDEFINED && *index >= 0)
        used.completed(static_cast<std::size_t>(*index), *status);
    return error;
}

/// Completes those of some requests that are done.
int test_some(UsedRequests& used, int count, MPI_Request requests[], int* done_count, int indices[],
              MPI_Status statuses[]) {
    *done_count = 0;
    int error = PMPI_Testsome(count, requests, done_count, indices, statuses);
    for (int i = 0; i < *done_count; ++i)
        used.completed(static_cast<std::size_t>(indices[i]), statuses[i]);
    return error;
}

template <typename Look>
int wait_for_some(Call& call, std::span<MPI_Request> requests, Look&& look) {
    UsedRequests used(requests);
    if (used.any_lost()) return refuse_lost(requests);
    Patience patience(call.thread(), call.name(), used.bytes());
    while (true) {
        bool done = false;
        if (int error = look(used, &done); error != MPI_SUCCESS || done) return error;
        if (patience.rest([&](Waiting& waiting) { describe(waiting, requests, true); })) continue;
        if (int error = leave(patience, requests); error != MPI_SUCCESS) return error;
    }
}

/// The work of MPI_Waitall, request by request: so a picture of this rank shows which are open, and
/// MPI_Test notices an end that it brings about, which MPI_Testall does not.
class WaitForAll {
  public:
    WaitForAll(std::span<MPI_Request> requests, UsedRequests& used, MPI_Status* wanted)
        : requests_(requests), used_(used), wanted_(wanted) {}

    /// Completes requests up to the first open one.
    /// @return whether that were all
    bool look() {
        for (; first_open_ < requests_.size(); ++first_open_) {
            bool finished = !finished_.empty() && finished_[first_open_];
            if (!finished && !complete(first_open_)) break;
        }
        for (std::size_t i = first_open_ + 1; i < finished_.size(); ++i)
            if (!finished_[i]) finished_[i] = complete(i);
        return first_open_ == requests_.size();
    }

    /// From now on completes those after that one, too.
    void look_at_all() {
        finished_.resize(requests_.size());
        look();
    }
    std::span<MPI_Request> open() const { return requests_.subspan(first_open_); }
    int error() const { return error_; }

  private:
    bool complete(std::size_t i) {
        int done = 0;
        MPI_Status& status = wanted_ == MPI_STATUSES_IGNORE ? own_ : wanted_[i];
        int error = test(used_, i, &requests_[i], &done, &status);
        if (done == 0 && error == MPI_SUCCESS) return false;
        bool one = requests_.size() == 1;
        if (!one) status.MPI_ERROR = error;
        if (error != MPI_SUCCESS) error_ = one ? error : MPI_ERR_IN_STATUS;
        return true;
    }

    std::span<MPI_Request> requests_;
    UsedRequests& used_;
    MPI_Status* wanted_;
    MPI_Status own_{};
    std::vector<bool> finished_;  ///< out of order, once that matters
    std::size_t first_open_ = 0;
    int error_ = MPI_SUCCESS;
};

int wait_for_all(Call& call, int count, MPI_Request handles[], MPI_Status statuses[]) {
    std::span<MPI_Request> requests = span(count, handles);
    UsedRequests used(requests);
    if (used.any_lost()) return refuse_lost(requests);
    WaitForAll all(requests, used, statuses);
    Patience patience(call.thread(), call.name(), used.bytes());
    while (!all.look()) {
        auto tell = [&](Waiting& waiting) {
            all.look_at_all();  // those that were done when they began are not in the books
            describe(waiting, all.open(), false);
        };
        if (patience.rest(tell)) continue;
        const int error = leave(patience, requests);
        if (error == MPI_SUCCESS) continue;
        for (int i = 0; statuses != MPI_STATUSES_IGNORE && i < count; ++i) set_empty(&statuses[i]);
        return error;
    }
    return all.error();
}

}  // namespace
}  // namespace mpirepl::guard

using namespace mpirepl::guard;

extern "C" {

int MPI_Wait(MPI_Request* request, MPI_Status* status) {
    Call call("MPI_Wait");
    set_empty(status);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (!call.guarded()) {
        UsedRequests used(span(1, request));
        if (used.any_lost()) return refuse_lost(span(1, request));
        OneStatus result(status);
        int error = PMPI_Wait(request, result.get());
        used.completed(0, *result);
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
    *index = MPI_UNDEFINED;
    set_empty(status);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    OneStatus result(status);
    return wait_for_some(call, span(count, requests), [&](UsedRequests& used, bool* done) {
        int flag = 0;
        int error = test_any(used, count, requests, index, &flag, result.get());
        *done = flag != 0;
        return error;
    });
}

int MPI_Waitsome(int count, MPI_Request requests[], int* done_count, int indices[],
                 MPI_Status statuses[]) {
    Call call("MPI_Waitsome");
    *done_count = MPI_UNDEFINED;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    Statuses results(count, statuses);
    return wait_for_some(call, span(count, requests), [&](UsedRequests& used, bool* done) {
        int error = test_some(used, count, requests, done_count, indices, results.data());
        *done = *done_count != 0;  // or MPI_UNDEFINED
        return error;
    });
}

int MPI_Test(MPI_Request* request, int* flag, MPI_Status* status) {
    Call call("MPI_Test");
    *flag = 1;  // so that loops of callers that do not look at errors end
    set_empty(status);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(1, request));
    if (used.any_lost()) return refuse_lost(span(1, request));
    return test(used, 0, request, flag, OneStatus(status).get());
}

int MPI_Testall(int count, MPI_Request requests[], int* flag, MPI_Status statuses[]) {
    Call call("MPI_Testall");
    *flag = 1;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(count, requests));
    if (used.any_lost()) return refuse_lost(span(count, requests));
    Statuses results(count, statuses);
    int error = PMPI_Testall(count, requests, flag, results.data());
    for (int i = 0; *flag != 0 && i < count; ++i)
        used.completed(static_cast<std::size_t>(i), results[static_cast<std::size_t>(i)]);
    return error;
}

int MPI_Testany(int count, MPI_Request requests[], int* index, int* flag, MPI_Status* status) {
    Call call("MPI_Testany");
    *flag = 1;
    *index = MPI_UNDEFINED;
    set_empty(status);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(count, requests));
    if (used.any_lost()) return refuse_lost(span(count, requests));
    return test_any(used, count, requests, index, flag, OneStatus(status).get());
}

int MPI_Testsome(int count, MPI_Request requests[], int* done_count, int indices[],
                 MPI_Status statuses[]) {
    Call call("MPI_Testsome");
    *done_count = MPI_UNDEFINED;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(count, requests));
    if (used.any_lost()) return refuse_lost(span(count, requests));
    return test_some(used, count, requests, done_count, indices, Statuses(count, statuses).data());
}

int MPI_Request_free(MPI_Request* request) {
    Call call("MPI_Request_free");
    const UsedRequests used(span(1, request));
    if (used.any_lost()) {
        drop_lost(request);
        if (*request == MPI_REQUEST_NULL) return MPI_SUCCESS;
    }
    return free_request(request);
}

int MPI_Request_get_status(MPI_Request request, int* flag, MPI_Status* status) {
    Call call("MPI_Request_get_status");
    *flag = 1;
    set_empty(status);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    UsedRequests used(span(1, &request));
    if (used.any_lost()) return state().broken_off;
    return PMPI_Request_get_status(request, flag, status);
}

int MPI_Cancel(MPI_Request* request) {
    Call call("MPI_Cancel");
    {
        auto lock = bookkeeping();
        if (Request* known = state().requests.find(*request)) {
            // The break has cancelled it already, and the communicator behind it is gone.
            if (std::exchange(known->lost, false)) return MPI_SUCCESS;
            known->cancelling = true;
        }
    }
    return PMPI_Cancel(request);
}
}
