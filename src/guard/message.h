#pragma once

#include <mpi.h>

#include <cstdint>

#include "base/picture.h"
#include "guard/call.h"

namespace mpirepl::guard {

/// What a send or receive names besides the communicator.
struct Message {
    const void* buffer;
    int count;
    MPI_Datatype datatype;
    int peer;
    int tag;
};

/// A send of a call that waits for its receive first.
struct OpenSend {
    MPI_Request request = MPI_REQUEST_NULL;
    std::int64_t bytes = 0;
};

// The waits of blocking calls, for a request that is not in the books since no one else knows it.
// After a break it is left to the recovery.

int finish_send(Call& call, Context& context, MPI_Request request, const Message& message);
/// Counts the message, too.
/// @param beside left to the recovery, too
int finish_receive(Call& call, Context& context, MPI_Request request, const Message& message,
                   MPI_Status* status, const OpenSend& beside = {});

}  // namespace mpirepl::guard
