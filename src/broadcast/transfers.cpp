#include "broadcast/transfers.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/mpi_error.h"
#include "base/signals_blocked.h"
#include "broadcast/file_progress.h"

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr int none = -1;
constexpr std::uint32_t tags = 32768;  // the least that the standard promises
constexpr std::uint64_t passed_piece = 1U << 20;
constexpr std::uint64_t large_piece = 16 * passed_piece;  // of what is not, or takes long anyway
constexpr std::size_t window = 8;                         // pieces under way at a time
constexpr int star = 8;  // so many engines get their memory from rank 0 itself
constexpr int arity = 2;

bool test(MPI_Request& request) {
    if (request == MPI_REQUEST_NULL) return true;
    int done = 0;
    MPIREPL_MPI(PMPI_Test(&request, &done, MPI_STATUS_IGNORE));
    return done != 0;
}

}  // namespace

Transfers::Transfers(MPI_Comm comm) : comm_(comm) { PMPI_Comm_rank(comm, &rank_); }

void Transfers::send(const std::vector<int>& destinations, std::uint32_t number,
                     std::vector<Blob> blobs, Done done) {
    if (destinations == std::vector{rank_}) {
        Copy& copy = copies_[number];
        copy.from = std::move(blobs);
        copy.sent = std::move(done);
        copy_if_known(copy);
        return;
    }
    start({.source = none,
           .destinations = destinations,
           .tag = static_cast<int>(number % tags),
           .blobs = std::move(blobs),
           .done = std::move(done)});
}

void Transfers::receive(int source, const std::vector<int>& children, std::uint32_t number,
                        std::vector<Blob> blobs, Done done) {
    if (source == rank_) {
        Copy& copy = copies_[number];
        copy.to = std::move(blobs);
        copy.received = std::move(done);
        copy_if_known(copy);
        return;
    }
    start({.source = source,
           .destinations = children,
           .tag = static_cast<int>(number % tags),
           .blobs = std::move(blobs),
           .done = std::move(done)});
}

/// Begins when both ends have asked for it.
void Transfers::copy_if_known(Copy& copy) {
    if (copy.from.empty() || copy.to.empty()) return;
    std::uint64_t size = 0;
    for (const Blob& blob : copy.from) size += blob.size;
    // Deferred: by the agent itself, also when the system has no thread left.
    const auto how =
        size < passed_piece ? std::launch::deferred : std::launch::async | std::launch::deferred;
    SignalsBlocked blocked;
    copy.copying = std::async(how, [&from = copy.from, &to = copy.to] {
        for (std::size_t i = 0; i < from.size(); ++i)
            if (from[i].size > 0) std::memcpy(to[i].data.get(), from[i].data.get(), from[i].size);
    });
}

bool Transfers::finish_copies() {
    bool worked = false;
    for (auto it = copies_.begin(); it != copies_.end();) {
        std::future<void>& copying = it->second.copying;
        if (!copying.valid() || copying.wait_for(0s) == std::future_status::timeout) {
            ++it;
            continue;
        }
        copying.get();
        const Copy copy = std::move(it->second);
        it = copies_.erase(it);
        if (copy.sent) copy.sent();
        if (copy.received) copy.received();
        worked = true;
    }
    return worked;
}

void Transfers::start(Transfer&& transfer) {
    // Both ends cut it alike: who receives cannot know whether the sender passes it on. But what
    // has come to rank 0 stays there.
    const bool stays =
        transfer.source == none ? transfer.destinations == std::vector{0} : rank_ == 0;
    for (const Blob& blob : transfer.blobs)
        for (std::uint64_t begin = 0; begin < blob.size;) {
            const bool large = stays || blob.size > 64 * passed_piece;
            std::uint64_t size = std::min(blob.size - begin, large ? large_piece : passed_piece);
            transfer.pieces.push_back(
                {.data = blob.data.get() + begin, .size = static_cast<int>(size)});
            begin += size;
        }
    going_.push_back(std::move(transfer));
    advance(going_.back());
}

void Transfers::begin_piece(Transfer& transfer, Piece& piece) {
    if (transfer.source == none) {
        pass_on(transfer, piece);
        return;
    }
    MPIREPL_MPI(PMPI_Irecv(piece.data, piece.size, MPI_BYTE, transfer.source, transfer.tag, comm_,
                           &piece.receiving));
}

void Transfers::pass_on(Transfer& transfer, Piece& piece) {
    piece.arrived = true;
    for (int destination : transfer.destinations)
        MPIREPL_MPI(PMPI_Isend(piece.data, piece.size, MPI_BYTE, destination, transfer.tag, comm_,
                               &piece.sending.emplace_back(MPI_REQUEST_NULL)));
}

/// @return whether the piece is done with
bool Transfers::advance(Transfer& transfer, Piece& piece) {
    if (!piece.arrived) {
        if (!test(piece.receiving)) return false;
        pass_on(transfer, piece);
    }
    return std::all_of(piece.sending.begin(), piece.sending.end(), test);
}

bool Transfers::advance(Transfer& transfer) {
    bool worked = false;
    // Pieces are passed on in their order, so that they arrive in it.
    for (std::size_t i = transfer.finished; i < transfer.begun; ++i) {
        bool done = advance(transfer, transfer.pieces[i]);
        if (!transfer.pieces[i].arrived) break;
        if (!done || i != transfer.finished) continue;
        ++transfer.finished;
        worked = true;
    }
    while (transfer.begun < std::min(transfer.finished + window, transfer.pieces.size())) {
        begin_piece(transfer, transfer.pieces[transfer.begun++]);
        worked = true;
    }
    return worked;
}

bool Transfers::progress() {
    if (!active()) return false;
    bool worked = finish_copies();
    WithoutFileProgress without;
    for (auto it = going_.begin(); it != going_.end();) {
        worked |= advance(*it);
        if (it->finished < it->pieces.size()) {
            ++it;
            continue;
        }
        Done done = std::move(it->done);
        it = going_.erase(it);
        if (done) done();
        worked = true;
    }
    return worked;
}

SpreadPlace place_in_spread(int rank, std::vector<int> engines) {
    std::erase(engines, 0);
    const int count = static_cast<int>(engines.size());
    const int ways = count <= star ? std::max(count, 1) : arity;
    // Rank 0 is the root of a tree of which the engines are the nodes 1, 2, …
    int node = 0;
    if (rank != 0)
        node =
            static_cast<int>(std::find(engines.begin(), engines.end(), rank) - engines.begin()) + 1;
    auto rank_of = [&](int i) { return i == 0 ? 0 : engines[static_cast<std::size_t>(i - 1)]; };
    SpreadPlace place;
    if (node > 0) place.parent = rank_of((node - 1) / ways);
    for (int child = node * ways + 1; child <= node * ways + ways && child <= count; ++child)
        place.children.push_back(rank_of(child));
    return place;
}

}  // namespace mpirepl
