#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <vector>

#include "base/blob.h"

namespace mpirepl {

/// Moves memory between ranks, beside the messages that announce it: straight from where it lies to
/// where it stays, in pieces, so that any size will do and a rank can pass on what it has while the
/// rest is still coming. Entirely passive, for the agent: progress() is called again and again.
///
/// A transfer has a number, given by the rank it begins at (rank 0, or the engine whose result it
/// is); its pieces are received in the order sent.
class Transfers {
  public:
    using Done = std::function<void()>;

    explicit Transfers(MPI_Comm comm);
    Transfers(const Transfers&) = delete;
    Transfers& operator=(const Transfers&) = delete;

    void send(const std::vector<int>& destinations, std::uint32_t number, std::vector<Blob> blobs,
              Done done);
    /// @param children the ranks to which it is passed on
    /// @param done called when all of it is here and has been passed on
    void receive(int source, const std::vector<int>& children, std::uint32_t number,
                 std::vector<Blob> blobs, Done done);
    /// @return whether anything happened
    bool progress();
    bool active() const { return !going_.empty() || !copies_.empty(); }

  private:
    struct Piece {
        char* data;
        int size;
        MPI_Request receiving = MPI_REQUEST_NULL;
        std::vector<MPI_Request> sending;
        bool arrived = false;
    };
    struct Transfer {
        int source;  ///< none: this rank
        std::vector<int> destinations;
        int tag;
        std::vector<Blob> blobs;
        Done done;
        std::vector<Piece> pieces;
        std::size_t begun = 0;     ///< pieces
        std::size_t finished = 0;  ///< pieces, from the first on
    };

    /// What a rank sends to itself. A thread of its own copies it while the rest arrives here.
    struct Copy {
        std::vector<Blob> from;
        std::vector<Blob> to;
        Done sent;
        Done received;
        std::future<void> copying;
    };

    void copy_if_known(Copy& copy);
    bool finish_copies();
    void start(Transfer&& transfer);
    bool advance(Transfer& transfer);
    void begin_piece(Transfer& transfer, Piece& piece);
    bool advance(Transfer& transfer, Piece& piece);
    void pass_on(Transfer& transfer, Piece& piece);

    MPI_Comm comm_;
    int rank_ = 0;
    std::list<Transfer> going_;
    std::map<std::uint32_t, Copy> copies_;  ///< by their numbers
};

/// Who passes memory on to whom among the engines of a spread, rank 0 being where it begins.
struct SpreadPlace {
    int parent = 0;
    std::vector<int> children;
};
SpreadPlace place_in_spread(int rank, std::vector<int> engines);

}  // namespace mpirepl
