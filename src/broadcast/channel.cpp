#include "broadcast/channel.h"

#include <limits>

#include "base/mpi_error.h"
#include "broadcast/file_progress.h"
#include "broadcast/messages.h"

namespace mpirepl {
namespace {

constexpr int tag = 1;

}  // namespace

Channel::~Channel() {
    PMPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
}

void Channel::send(int destination, std::shared_ptr<const std::string> bytes) {
    if (bytes->size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        throw WireError("message of more than 2 GiB");
    MPI_Request request = MPI_REQUEST_NULL;
    MPIREPL_MPI(PMPI_Isend(bytes->data(), static_cast<int>(bytes->size()), MPI_BYTE, destination,
                           tag, comm_, &request));
    requests_.push_back(request);
    buffers_.push_back(std::move(bytes));
}

bool Channel::complete_sends() {
    std::size_t open = 0;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        int done = 0;
        MPIREPL_MPI(PMPI_Test(&requests_[i], &done, MPI_STATUS_IGNORE));
        if (done != 0) continue;
        requests_[open] = requests_[i];
        buffers_[open] = std::move(buffers_[i]);
        ++open;
    }
    bool some = open < requests_.size();
    requests_.resize(open);
    buffers_.resize(open);
    return some;
}

bool Channel::progress(const Receive& receive) {
    WithoutFileProgress without;
    bool worked = complete_sends();
    int found = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    // Open MPI looks, then polls its networks: what has come it finds at the second look.
    for (int look = 0; look < 2 && found == 0; ++look)
        MPIREPL_MPI(PMPI_Improbe(MPI_ANY_SOURCE, tag, comm_, &found, &message, &status));
    if (found == 0) return worked;
    int size = 0;
    MPIREPL_MPI(PMPI_Get_count(&status, MPI_BYTE, &size));
    std::string bytes(static_cast<std::size_t>(size), '\0');
    MPIREPL_MPI(PMPI_Mrecv(bytes.data(), size, MPI_BYTE, &message, MPI_STATUS_IGNORE));
    received_ += bytes.size();
    receive(status.MPI_SOURCE, std::move(bytes));
    return true;
}

}  // namespace mpirepl
