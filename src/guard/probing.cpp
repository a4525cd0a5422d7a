// Looking for messages, and receiving those that have been found.

#include <algorithm>
#include <utility>

#include "base/picture.h"
#include "guard/call.h"
#include "guard/message.h"
#include "guard/patience.h"
#include "guard/request.h"

namespace mpirepl::guard {
namespace {

/// Looks for a message until there is one.
template <typename Look>
int probe(Call& call, int source, int tag, Look&& look) {
    Patience patience(call.thread(), call.name());
    while (true) {
        int found = 0;
        if (int error = look(&found); error != MPI_SUCCESS || found != 0) return error;
        if (!patience.rest([&](Waiting& waiting) {
                waiting.needs.push_back(need_of(*call.context(), Need::Kind::receive, source, tag));
            })) {
            if (!patience.outlives_break()) return park();
            await_end_of_break();
        }
    }
}

void note_message(const Call& call, MPI_Message message, const MPI_Status& status) {
    if (call.context() == nullptr || message == MPI_MESSAGE_NO_PROC) return;
    auto lock = bookkeeping();
    if (!state().dropped_messages.empty())
        state().dropped_messages.erase(message);  // the library uses handles again
    state().messages.enter(message) = {call.context()->shared_from_this(), status};
}

/// Takes out of the books what a matching probe has found.
/// @param found without a context: it is not known
/// @return false when a recovery has dropped it: there is nothing behind the handle any more
bool take(MPI_Message* message, FoundMessage& found) {
    auto lock = bookkeeping();
    if (!state().dropped_messages.empty() && state().dropped_messages.erase(*message) != 0) {
        *message = MPI_MESSAGE_NULL;
        return false;
    }
    if (FoundMessage* known = state().messages.find(*message)) {
        found = std::move(*known);
        state().messages.erase(*message);
    }
    return true;
}

}  // namespace
}  // namespace mpirepl::guard

using namespace mpirepl::guard;

extern "C" {

int MPI_Probe(int source, int tag, MPI_Comm comm, MPI_Status* status) {
    Call call("MPI_Probe", comm);
    set_empty(status);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (call.goes_straight(source)) return PMPI_Probe(source, tag, call.real(), status);
    return probe(call, source, tag,
                 [&](int* found) { return PMPI_Iprobe(source, tag, call.real(), found, status); });
}

int MPI_Mprobe(int source, int tag, MPI_Comm comm, MPI_Message* message, MPI_Status* status) {
    Call call("MPI_Mprobe", comm);
    set_empty(status);
    *message = MPI_MESSAGE_NULL;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    OneStatus result(status);
    int error =
        call.goes_straight(source)
            ? PMPI_Mprobe(source, tag, call.real(), message, result.get())
            : probe(call, source, tag, [&](int* found) {
                  return PMPI_Improbe(source, tag, call.real(), found, message, result.get());
              });
    if (error == MPI_SUCCESS) note_message(call, *message, *result);
    return error;
}

int MPI_Iprobe(int source, int tag, MPI_Comm comm, int* flag, MPI_Status* status) {
    Call call("MPI_Iprobe", comm);
    set_empty(status);
    *flag = 1;  // a loop ends, too
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    return PMPI_Iprobe(source, tag, call.real(), flag, status);
}

int MPI_Improbe(int source, int tag, MPI_Comm comm, int* flag, MPI_Message* message,
                MPI_Status* status) {
    Call call("MPI_Improbe", comm);
    set_empty(status);
    *message = MPI_MESSAGE_NULL;
    *flag = 1;  // a loop ends, too
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    OneStatus result(status);
    int error = PMPI_Improbe(source, tag, call.real(), flag, message, result.get());
    if (error == MPI_SUCCESS && *flag != 0) note_message(call, *message, *result);
    return error;
}

int MPI_Imrecv(void* buf, int count, MPI_Datatype type, MPI_Message* message,
               MPI_Request* request) {
    Call call("MPI_Imrecv");
    *request = MPI_REQUEST_NULL;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    FoundMessage found;
    if (!take(message, found)) return state().broken_off;
    int error = PMPI_Imrecv(buf, count, type, message, request);
    if (error == MPI_SUCCESS && found.context != nullptr)
        note_request(*request, {.context = found.context.get(),
                                .bytes = std::max<std::int64_t>(bytes_of(count, type), 0),
                                .peer = found.status.MPI_SOURCE,
                                .tag = found.status.MPI_TAG});
    return error;
}

int MPI_Mrecv(void* buf, int count, MPI_Datatype type, MPI_Message* message, MPI_Status* status) {
    Call call("MPI_Mrecv");
    set_empty(status);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    FoundMessage found;
    if (!take(message, found)) return state().broken_off;
    if (found.context == nullptr || !call.guarded()) {
        OneStatus result(status);
        set_empty(result.get());
        int error = PMPI_Mrecv(buf, count, type, message, result.get());
        if (found.context != nullptr) count_received(*found.context, *result);
        return error;
    }
    MPI_Request request = MPI_REQUEST_NULL;
    if (int error = PMPI_Imrecv(buf, count, type, message, &request); error != MPI_SUCCESS)
        return error;
    return finish_receive(call, *found.context, request,
                          {buf, count, type, found.status.MPI_SOURCE, found.status.MPI_TAG},
                          status);
}
}
