// Messages. A blocking call becomes its nonblocking form and a wait that can be broken off.

#include <algorithm>
#include <vector>

#include "base/picture.h"
#include "guard/call.h"
#include "guard/patience.h"
#include "guard/profile.h"
#include "guard/request.h"

namespace mpirepl::guard {
namespace {

using NativeSend = int(const void*, int, MPI_Datatype, int, int, MPI_Comm);
using NativeIsend = int(const void*, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request*);
using NativeStart = int(MPI_Request*);

/// What a send or receive names besides the communicator.
struct Message {
    const void* buffer;
    int count;
    MPI_Datatype datatype;
    int peer;
    int tag;
};

std::int64_t bytes_of(const Message& message) {
    return std::max<std::int64_t>(mpirepl::guard::bytes_of(message.count, message.datatype), 0);
}

Need need(const Call& call, Need::Kind kind, int peer, int tag) {
    Context& context = *call.context();
    return {.kind = kind,
            .comm = context.id,
            .peer = context.world_rank(peer),
            .tag = tag == MPI_ANY_TAG ? any_tag : tag};
}

/// Waits for a request that no one else knows. After a break it is left to the recovery.
/// @param beside a send of the same call that is still open, or null: left to it, too
/// @param bytes of that
int finish(Call& call, MPI_Request request, Need::Kind kind, const Message& message,
           MPI_Status* status, MPI_Request beside = MPI_REQUEST_NULL, std::int64_t bytes = 0) {
    int done = 0;
    if (int error = PMPI_Test(&request, &done, status); error != MPI_SUCCESS || done != 0)
        return error;
    Context& context = *call.context();
    Patience patience(call.thread(), call.name(), bytes_of(message) + bytes);
    while (patience.rest([&](Waiting& waiting) {
        waiting.needs.push_back(need(call, kind, message.peer, message.tag));
    })) {
        if (int error = PMPI_Test(&request, &done, status); error != MPI_SUCCESS || done != 0)
            return error;
    }
    {
        auto lock = bookkeeping();
        note_use(context);  // maybe in an earlier cell: it has to be renewed all the same
        auto shared = context.shared_from_this();
        state().parked.push_back({request, shared, kind == Need::Kind::receive});
        if (beside != MPI_REQUEST_NULL) state().parked.push_back({beside, shared, false});
    }
    return park();
}

/// Under no guard, in this cell or on this communicator, or to nobody.
bool goes_straight(const Call& call, int peer) {
    return call.context() == nullptr || !call.guarded() || peer == MPI_PROC_NULL;
}

int start_send(Call& call, NativeIsend* native, const Message& m, MPI_Request* request) {
    MPI_Comm real = call.real();
    if (profiling()) call.sends(bytes_of(m), m.peer);
    if (call.context() != nullptr) count_sent(*call.context(), m.peer, m.tag);
    int error = native(m.buffer, m.count, m.datatype, m.peer, m.tag, real, request);
    if (error != MPI_SUCCESS && call.context() != nullptr)
        count_sent(*call.context(), m.peer, m.tag, true);
    return error;
}

int send(Call& call, NativeSend* native, NativeIsend* nonblocking, const Message& m) {
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (goes_straight(call, m.peer)) {
        if (call.context() != nullptr) count_sent(*call.context(), m.peer, m.tag);
        return native(m.buffer, m.count, m.datatype, m.peer, m.tag, call.real());
    }
    MPI_Request request = MPI_REQUEST_NULL;
    if (int error = start_send(call, nonblocking, m, &request); error != MPI_SUCCESS) return error;
    return finish(call, request, Need::Kind::send, m, MPI_STATUS_IGNORE);
}

int isend(Call& call, NativeIsend* native, const Message& m, MPI_Request* request) {
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    int error = start_send(call, native, m, request);
    if (error == MPI_SUCCESS && call.context() != nullptr && m.peer != MPI_PROC_NULL &&
        !is_done(*request))
        note_request(*request, {.kind = Request::Kind::send,
                                .context = call.context()->shared_from_this(),
                                .peer = m.peer,
                                .tag = m.tag,
                                .bytes = bytes_of(m)});
    return error;
}

int send_init(Call& call, NativeIsend* native, const Message& m, MPI_Request* request) {
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    auto make = [native, m](MPI_Comm comm, MPI_Request* made) {
        return native(m.buffer, m.count, m.datatype, m.peer, m.tag, comm, made);
    };
    int error = make(call.real(), request);
    if (error == MPI_SUCCESS && call.context() != nullptr && m.peer != MPI_PROC_NULL)
        note_request(*request, {.kind = Request::Kind::send,
                                .context = call.context()->shared_from_this(),
                                .peer = m.peer,
                                .tag = m.tag,
                                .bytes = bytes_of(m),
                                .persistent = true,
                                .make = make,
                                .active = false});
    return error;
}

int finish_receive(Call& call, MPI_Request request, const Message& m, MPI_Status* status,
                   MPI_Request beside = MPI_REQUEST_NULL, std::int64_t bytes = 0) {
    MPI_Status own;
    if (status == MPI_STATUS_IGNORE) status = &own;
    int error = finish(call, request, Need::Kind::receive, m, status, beside, bytes);
    if (error != state().broken_off && m.peer != MPI_PROC_NULL)
        count_received(*call.context(), *status);
    return error;
}

int receive(Call& call, const Message& m, MPI_Status* status) {
    void* buffer = const_cast<void*>(m.buffer);
    if (!goes_straight(call, m.peer)) {
        MPI_Request request = MPI_REQUEST_NULL;
        int error = PMPI_Irecv(buffer, m.count, m.datatype, m.peer, m.tag, call.real(), &request);
        return error != MPI_SUCCESS ? error : finish_receive(call, request, m, status);
    }
    MPI_Status own;
    if (status == MPI_STATUS_IGNORE) status = &own;
    int error = PMPI_Recv(buffer, m.count, m.datatype, m.peer, m.tag, call.real(), status);
    if (call.context() != nullptr && m.peer != MPI_PROC_NULL)
        count_received(*call.context(), *status);
    return error;
}

void note_receive(Call& call, MPI_Request request, const Message& m) {
    if (call.context() == nullptr || m.peer == MPI_PROC_NULL) return;
    note_request(request, {.kind = Request::Kind::receive,
                           .context = call.context()->shared_from_this(),
                           .peer = m.peer,
                           .tag = m.tag,
                           .bytes = bytes_of(m)});
}

int receive_init(Call& call, const Message& m, MPI_Request* request) {
    auto make = [m](MPI_Comm comm, MPI_Request* made) {
        return PMPI_Recv_init(const_cast<void*>(m.buffer), m.count, m.datatype, m.peer, m.tag, comm,
                              made);
    };
    int error = make(call.real(), request);
    if (error == MPI_SUCCESS && call.context() != nullptr && m.peer != MPI_PROC_NULL)
        note_request(*request, {.kind = Request::Kind::receive,
                                .context = call.context()->shared_from_this(),
                                .peer = m.peer,
                                .tag = m.tag,
                                .bytes = bytes_of(m),
                                .persistent = true,
                                .make = make,
                                .active = false});
    return error;
}

int send_and_receive(Call& call, const Message& out, const Message& in, MPI_Status* status) {
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (call.context() == nullptr || !call.guarded()) {
        if (call.context() != nullptr) count_sent(*call.context(), out.peer, out.tag);
        MPI_Status own;
        if (status == MPI_STATUS_IGNORE) status = &own;
        int error = PMPI_Sendrecv(out.buffer, out.count, out.datatype, out.peer, out.tag,
                                  const_cast<void*>(in.buffer), in.count, in.datatype, in.peer,
                                  in.tag, call.real(), status);
        if (call.context() != nullptr && in.peer != MPI_PROC_NULL)
            count_received(*call.context(), *status);
        return error;
    }
    MPI_Request sending = MPI_REQUEST_NULL;
    MPI_Request receiving = MPI_REQUEST_NULL;
    int error = PMPI_Irecv(const_cast<void*>(in.buffer), in.count, in.datatype, in.peer, in.tag,
                           call.real(), &receiving);
    if (error != MPI_SUCCESS) return error;
    error = start_send(call, PMPI_Isend, out, &sending);
    if (error != MPI_SUCCESS) {
        PMPI_Cancel(&receiving);
        PMPI_Request_free(&receiving);
        return error;
    }
    int done = 0;
    int sent = PMPI_Test(&sending, &done, MPI_STATUS_IGNORE);
    int received =
        finish_receive(call, receiving, in, status, sending, done == 0 ? bytes_of(out) : 0);
    if (received == state().broken_off || sent != MPI_SUCCESS || done != 0)
        return received != MPI_SUCCESS ? received : sent;
    sent = finish(call, sending, Need::Kind::send, out, MPI_STATUS_IGNORE);
    return received != MPI_SUCCESS ? received : sent;
}

/// Looks for a message until there is one.
template <typename Look>
int probe(Call& call, int source, int tag, Look&& look) {
    Patience patience(call.thread(), call.name());
    while (true) {
        int found = 0;
        if (int error = look(&found); error != MPI_SUCCESS || found != 0) return error;
        if (!patience.rest([&](Waiting& waiting) {
                waiting.needs.push_back(need(call, Need::Kind::receive, source, tag));
            }))
            return park();
    }
}

void note_message(const Call& call, MPI_Message message, const MPI_Status& status) {
    if (call.context() == nullptr || message == MPI_MESSAGE_NO_PROC) return;
    FoundMessage found{.context = call.context()->shared_from_this(), .status = status};
    PMPI_Get_elements_x(&status, MPI_BYTE, &found.bytes);
    auto lock = bookkeeping();
    state().dropped_messages.erase(message);  // the library uses handles again
    state().messages.insert_or_assign(message, std::move(found));
}

/// A recovery has dropped it: there is nothing behind the handle any more.
bool was_dropped(MPI_Message* message) {
    auto lock = bookkeeping();
    if (state().dropped_messages.erase(*message) == 0) return false;
    *message = MPI_MESSAGE_NULL;
    return true;
}

/// The receive of a message that has been found; without a context: it is not known.
Request receive_of(MPI_Message message) {
    auto lock = bookkeeping();
    auto found = state().messages.find(message);
    if (found == state().messages.end()) return {};
    const MPI_Status& status = found->second.status;
    Request request{.kind = Request::Kind::receive,
                    .context = found->second.context,
                    .peer = status.MPI_SOURCE,
                    .tag = status.MPI_TAG,
                    .bytes = found->second.bytes};
    state().messages.erase(found);
    return request;
}

/// One receive or send of a persistent request begins.
int start(MPI_Request* handles, int count, NativeStart* one) {
    for (int i = 0; i < count; ++i) {
        if (int error = remake_lost(&handles[i]); error != MPI_SUCCESS) return error;
        {
            auto lock = bookkeeping();
            auto it = state().requests.find(handles[i]);
            if (it != state().requests.end()) {
                Request& request = it->second;
                note_use(*request.context);
                request.active = true;
                request.arrived = request.cancelling = false;
                if (request.kind == Request::Kind::send)
                    request.context->sent.add(request.context->world_rank(request.peer),
                                              tag_bucket(request.tag));
            }
        }
        if (int error = one(&handles[i]); error != MPI_SUCCESS) return error;
    }
    return MPI_SUCCESS;
}

}  // namespace
}  // namespace mpirepl::guard

using namespace mpirepl::guard;

extern "C" {

int MPI_Send(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    Call call("MPI_Send", comm);
    return send(call, PMPI_Send, PMPI_Isend, {buf, count, type, dest, tag});
}

int MPI_Ssend(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    Call call("MPI_Ssend", comm);
    return send(call, PMPI_Ssend, PMPI_Issend, {buf, count, type, dest, tag});
}

int MPI_Rsend(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    Call call("MPI_Rsend", comm);
    return send(call, PMPI_Rsend, PMPI_Irsend, {buf, count, type, dest, tag});
}

int MPI_Bsend(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    Call call("MPI_Bsend", comm);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    auto native = [](const void* b, int n, MPI_Datatype t, int d, int g, MPI_Comm c, MPI_Request*) {
        return PMPI_Bsend(b, n, t, d, g, c);
    };
    return start_send(call, native, {buf, count, type, dest, tag}, nullptr);
}

int MPI_Recv(void* buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
             MPI_Status* status) {
    Call call("MPI_Recv", comm);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    return receive(call, {buf, count, type, source, tag}, status);
}

int MPI_Sendrecv(const void* out, int out_count, MPI_Datatype out_type, int dest, int out_tag,
                 void* in, int in_count, MPI_Datatype in_type, int source, int in_tag,
                 MPI_Comm comm, MPI_Status* status) {
    Call call("MPI_Sendrecv", comm);
    return send_and_receive(call, {out, out_count, out_type, dest, out_tag},
                            {in, in_count, in_type, source, in_tag}, status);
}

int MPI_Sendrecv_replace(void* buf, int count, MPI_Datatype type, int dest, int out_tag, int source,
                         int in_tag, MPI_Comm comm, MPI_Status* status) {
    Call call("MPI_Sendrecv_replace", comm);
    int size = 0;
    if (int error = PMPI_Pack_size(count, type, comm, &size); error != MPI_SUCCESS) return error;
    if (size < 0) return MPI_ERR_COUNT;
    std::vector<char> packed(static_cast<std::size_t>(size) + 1);
    int end = 0;
    if (int error = PMPI_Pack(buf, count, type, packed.data(), size, &end, comm);
        error != MPI_SUCCESS)
        return error;
    return send_and_receive(call, {packed.data(), end, MPI_PACKED, dest, out_tag},
                            {buf, count, type, source, in_tag}, status);
}

int MPI_Probe(int source, int tag, MPI_Comm comm, MPI_Status* status) {
    Call call("MPI_Probe", comm);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (goes_straight(call, source)) return PMPI_Probe(source, tag, call.real(), status);
    return probe(call, source, tag,
                 [&](int* found) { return PMPI_Iprobe(source, tag, call.real(), found, status); });
}

int MPI_Mprobe(int source, int tag, MPI_Comm comm, MPI_Message* message, MPI_Status* status) {
    Call call("MPI_Mprobe", comm);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    MPI_Status own;
    if (status == MPI_STATUS_IGNORE) status = &own;
    int error = goes_straight(call, source)
                    ? PMPI_Mprobe(source, tag, call.real(), message, status)
                    : probe(call, source, tag, [&](int* found) {
                          return PMPI_Improbe(source, tag, call.real(), found, message, status);
                      });
    if (error == MPI_SUCCESS) note_message(call, *message, *status);
    return error;
}

int MPI_Iprobe(int source, int tag, MPI_Comm comm, int* flag, MPI_Status* status) {
    Call call("MPI_Iprobe", comm);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    return PMPI_Iprobe(source, tag, call.real(), flag, status);
}

int MPI_Improbe(int source, int tag, MPI_Comm comm, int* flag, MPI_Message* message,
                MPI_Status* status) {
    Call call("MPI_Improbe", comm);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    MPI_Status own;
    if (status == MPI_STATUS_IGNORE) status = &own;
    int error = PMPI_Improbe(source, tag, call.real(), flag, message, status);
    if (error == MPI_SUCCESS && *flag != 0) note_message(call, *message, *status);
    return error;
}

int MPI_Imrecv(void* buf, int count, MPI_Datatype type, MPI_Message* message,
               MPI_Request* request) {
    Call call("MPI_Imrecv");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (was_dropped(message)) return state().broken_off;
    Request receive = receive_of(*message);
    int error = PMPI_Imrecv(buf, count, type, message, request);
    if (error == MPI_SUCCESS && receive.context != nullptr)
        note_request(*request, std::move(receive));
    return error;
}

int MPI_Mrecv(void* buf, int count, MPI_Datatype type, MPI_Message* message, MPI_Status* status) {
    Call call("MPI_Mrecv");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (was_dropped(message)) return state().broken_off;
    Request receive = receive_of(*message);
    if (receive.context == nullptr) return PMPI_Mrecv(buf, count, type, message, status);
    MPI_Request request = MPI_REQUEST_NULL;
    if (int error = PMPI_Imrecv(buf, count, type, message, &request); error != MPI_SUCCESS)
        return error;
    note_request(request, std::move(receive));
    return wait_for_all(call, 1, &request, status);
}

int MPI_Isend(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
              MPI_Request* request) {
    Call call("MPI_Isend", comm);
    return isend(call, PMPI_Isend, {buf, count, type, dest, tag}, request);
}

int MPI_Issend(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
               MPI_Request* request) {
    Call call("MPI_Issend", comm);
    return isend(call, PMPI_Issend, {buf, count, type, dest, tag}, request);
}

int MPI_Irsend(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
               MPI_Request* request) {
    Call call("MPI_Irsend", comm);
    return isend(call, PMPI_Irsend, {buf, count, type, dest, tag}, request);
}

int MPI_Ibsend(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
               MPI_Request* request) {
    Call call("MPI_Ibsend", comm);
    return isend(call, PMPI_Ibsend, {buf, count, type, dest, tag}, request);
}

int MPI_Irecv(void* buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
              MPI_Request* request) {
    Call call("MPI_Irecv", comm);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    int error = PMPI_Irecv(buf, count, type, source, tag, call.real(), request);
    if (error == MPI_SUCCESS) note_receive(call, *request, {buf, count, type, source, tag});
    return error;
}

int MPI_Send_init(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                  MPI_Request* request) {
    Call call("MPI_Send_init", comm);
    return send_init(call, PMPI_Send_init, {buf, count, type, dest, tag}, request);
}

int MPI_Ssend_init(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                   MPI_Request* request) {
    Call call("MPI_Ssend_init", comm);
    return send_init(call, PMPI_Ssend_init, {buf, count, type, dest, tag}, request);
}

int MPI_Rsend_init(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                   MPI_Request* request) {
    Call call("MPI_Rsend_init", comm);
    return send_init(call, PMPI_Rsend_init, {buf, count, type, dest, tag}, request);
}

int MPI_Bsend_init(const void* buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
                   MPI_Request* request) {
    Call call("MPI_Bsend_init", comm);
    return send_init(call, PMPI_Bsend_init, {buf, count, type, dest, tag}, request);
}

int MPI_Recv_init(void* buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                  MPI_Request* request) {
    Call call("MPI_Recv_init", comm);
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    return receive_init(call, {buf, count, type, source, tag}, request);
}

int MPI_Start(MPI_Request* request) {
    Call call("MPI_Start");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    return start(request, 1, PMPI_Start);
}

int MPI_Startall(int count, MPI_Request requests[]) {
    Call call("MPI_Startall");
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    return start(requests, count, PMPI_Start);
}
}
