// Messages. A blocking call becomes its nonblocking form and a wait that can be broken off.

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "base/picture.h"
#include "guard/call.h"
#include "guard/message.h"
#include "guard/patience.h"
#include "guard/profile.h"
#include "guard/request.h"

namespace mpirepl::guard {
namespace {

using NativeSend = int(const void*, int, MPI_Datatype, int, int, MPI_Comm);
using NativeIsend = int(const void*, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request*);
using NativeStart = int(MPI_Request*);

std::int64_t bytes_of(const Message& message) {
    return std::max<std::int64_t>(mpirepl::guard::bytes_of(message.count, message.datatype), 0);
}

/// The same for one that waits: a type that has another's handle now may have another size.
std::int64_t about_bytes(std::int64_t count, MPI_Datatype datatype) {
    struct Known {
        MPI_Datatype datatype;
        std::int64_t bytes;
    };
    static constinit thread_local Known last{};
    if (last.datatype != datatype)
        last = {datatype, std::max<std::int64_t>(mpirepl::guard::bytes_of(1, datatype), 0)};
    return count * last.bytes;
}

int finish(Call& call, Context& context, Need::Kind kind, MPI_Request request,
           const Message& message, MPI_Status* status, const OpenSend& beside) {
    int done = 0;
    if (int error = PMPI_Test(&request, &done, status); error != MPI_SUCCESS || done != 0)
        return error;
    Patience patience(call.thread(), call.name(), bytes_of(message) + beside.bytes);
    while (true) {
        while (patience.rest([&](Waiting& waiting) {
            waiting.needs.push_back(need_of(context, kind, message.peer, message.tag));
        })) {
            if (int error = PMPI_Test(&request, &done, status); error != MPI_SUCCESS || done != 0)
                return error;
        }
        MPI_Comm real = context.real;
        const bool goes_on = patience.outlives_break();
        {
            auto lock = bookkeeping();
            if (!goes_on) note_use(context);  // maybe in an earlier cell: it has to be renewed
            auto shared = context.shared_from_this();
            state().parked.push_back({request, shared, kind == Need::Kind::receive});
            if (beside.request != MPI_REQUEST_NULL)
                state().parked.push_back({beside.request, shared, false});
        }
        if (goes_on) await_end_of_break();
        if (goes_on && context.real == real) continue;
        set_empty(status);
        return goes_on ? state().broken_off : park();
    }
}

/// A native call that sends a message: it is counted before, as it may arrive at once.
template <typename Native>
int counted(const Call& call, const Message& m, Native&& native) {
    if (call.context() == nullptr) return native();
    count_sent(*call.context(), m.peer, m.tag);
    const int error = native();
    if (error != MPI_SUCCESS) count_sent(*call.context(), m.peer, m.tag, true);
    return error;
}

int start_send(Call& call, NativeIsend* native, const Message& m, MPI_Request* request) {
    MPI_Comm real = call.real();
    if (profiling()) call.sends(bytes_of(m), m.peer);
    return counted(call, m, [&] {
        return native(m.buffer, m.count, m.datatype, m.peer, m.tag, real, request);
    });
}

int send(Call& call, NativeSend* native, NativeIsend* nonblocking, const Message& m) {
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    if (call.goes_straight(m.peer))
        return counted(call, m, [&] {
            return native(m.buffer, m.count, m.datatype, m.peer, m.tag, call.real());
        });
    MPI_Request request = MPI_REQUEST_NULL;
    if (int error = start_send(call, nonblocking, m, &request); error != MPI_SUCCESS) return error;
    return finish_send(call, *call.context(), request, m);
}

/// Whether messages with that partner are in the books.
bool is_booked(const Call& call, int peer) {
    return call.context() != nullptr && peer != MPI_PROC_NULL;
}

/// Fills a new request in, in its place and without a detour by way of a Message: there are many.
void describe(Request& request, const Call& call, Request::Kind kind, int count,
              MPI_Datatype datatype, int peer, int tag) {
    request.context = call.context();
    request.bytes = about_bytes(count, datatype);
    request.peer = peer;
    request.tag = tag;
    request.kind = kind;
}

int isend(Call& call, NativeIsend* native, const Message& m, MPI_Request* request) {
    *request = MPI_REQUEST_NULL;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    int error = start_send(call, native, m, request);
    if (error != MPI_SUCCESS || !is_booked(call, m.peer) || is_done(*request)) return error;
    auto lock = bookkeeping();
    describe(state().requests.enter(*request), call, Request::Kind::send, m.count, m.datatype,
             m.peer, m.tag);
    return error;
}

/// Makes a persistent request.
/// @param make the native call
int init(Call& call, Request::Kind kind, const Message& m, const Request::Make& make,
         MPI_Request* request) {
    *request = MPI_REQUEST_NULL;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    int error = make(call.real(), request);
    if (error != MPI_SUCCESS || !is_booked(call, m.peer)) return error;
    Request inactive;
    describe(inactive, call, kind, m.count, m.datatype, m.peer, m.tag);
    inactive.persistent = true;
    inactive.make = std::make_shared<Request::Make>(make);
    inactive.active = false;
    note_request(*request, std::move(inactive));
    return error;
}

int send_init(Call& call, NativeIsend* native, const Message& m, MPI_Request* request) {
    auto make = [native, m](MPI_Comm comm, MPI_Request* made) {
        return native(m.buffer, m.count, m.datatype, m.peer, m.tag, comm, made);
    };
    return init(call, Request::Kind::send, m, make, request);
}

int receive(Call& call, const Message& m, MPI_Status* status) {
    void* buffer = const_cast<void*>(m.buffer);
    if (!call.goes_straight(m.peer)) {
        MPI_Request request = MPI_REQUEST_NULL;
        int error = PMPI_Irecv(buffer, m.count, m.datatype, m.peer, m.tag, call.real(), &request);
        if (error != MPI_SUCCESS) return error;
        return finish_receive(call, *call.context(), request, m, status);
    }
    OneStatus result(status);
    set_empty(result.get());  // and so it stays if it is refused
    int error = PMPI_Recv(buffer, m.count, m.datatype, m.peer, m.tag, call.real(), result.get());
    if (is_booked(call, m.peer)) count_received(*call.context(), *result);
    return error;
}

int send_and_receive(Call& call, const Message& out, const Message& in, MPI_Status* status) {
    if (int error = call.refused(); error != MPI_SUCCESS) {
        set_empty(status);
        return error;
    }
    if (call.context() == nullptr || !call.guarded()) {
        OneStatus result(status);
        set_empty(result.get());
        const int error = counted(call, out, [&] {
            return PMPI_Sendrecv(out.buffer, out.count, out.datatype, out.peer, out.tag,
                                 const_cast<void*>(in.buffer), in.count, in.datatype, in.peer,
                                 in.tag, call.real(), result.get());
        });
        if (is_booked(call, in.peer)) count_received(*call.context(), *result);
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
    const OpenSend beside = done == 0 ? OpenSend{sending, bytes_of(out)} : OpenSend();
    int received = finish_receive(call, *call.context(), receiving, in, status, beside);
    if (received == state().broken_off || sent != MPI_SUCCESS || done != 0)
        return received != MPI_SUCCESS ? received : sent;
    sent = finish_send(call, *call.context(), sending, out);
    return received != MPI_SUCCESS ? received : sent;
}

/// A persistent request is about to begin, or after an error has not begun.
void note_start(MPI_Request handle, bool undo) {
    auto lock = bookkeeping();
    Request* request = state().requests.find(handle);
    if (request == nullptr) return;
    note_use(*request->context);
    request->active = !undo;
    request->arrived = request->cancelling = false;
    if (request->kind == Request::Kind::send)
        add_sent(*request->context, request->peer, request->tag, undo);
}

/// One receive or send of each persistent request begins.
int start(MPI_Request* handles, int count, NativeStart* one) {
    for (int i = 0; i < count; ++i) {
        if (int error = remake_lost(&handles[i]); error != MPI_SUCCESS) return error;
        const UsedRequests used({&handles[i], 1});  // it is active in the books before it is
        note_start(handles[i], false);
        if (int error = one(&handles[i]); error != MPI_SUCCESS) {
            note_start(handles[i], true);
            return error;
        }
    }
    return MPI_SUCCESS;
}

}  // namespace

int finish_send(Call& call, Context& context, MPI_Request request, const Message& message) {
    return finish(call, context, Need::Kind::send, request, message, MPI_STATUS_IGNORE, {});
}

int finish_receive(Call& call, Context& context, MPI_Request request, const Message& message,
                   MPI_Status* status, const OpenSend& beside) {
    OneStatus result(status);
    int error = finish(call, context, Need::Kind::receive, request, message, result.get(), beside);
    if (error != state().broken_off && message.peer != MPI_PROC_NULL)
        count_received(context, *result);
    return error;
}

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
    if (int error = call.refused(); error != MPI_SUCCESS) {
        set_empty(status);
        return error;
    }
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
    *request = MPI_REQUEST_NULL;
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    int error = PMPI_Irecv(buf, count, type, source, tag, call.real(), request);
    if (error != MPI_SUCCESS || !is_booked(call, source)) return error;
    auto lock = bookkeeping();
    describe(state().requests.enter(*request), call, Request::Kind::receive, count, type, source,
             tag);
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
    auto make = [=](MPI_Comm real, MPI_Request* made) {
        return PMPI_Recv_init(buf, count, type, source, tag, real, made);
    };
    return init(call, Request::Kind::receive, {buf, count, type, source, tag}, make, request);
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
