#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "broadcast/tree.h"

namespace mpirepl {

/// MPI and all that follows from how many ranks there are: nothing else stores a size. The main
/// thread makes it before Python starts and destroys it last; afterwards any thread may read it.
/// `epoch` grows when the set of ranks changes; every message carries it.
class World {
  public:
    /// Initialises MPI with MPI_THREAD_MULTIPLE.
    /// @throws UserError when the library offers less.
    World();
    /// Waits for the other ranks and finalizes MPI.
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    int rank() const { return rank_; }
    int size() const { return size_; }
    unsigned epoch() const { return 0; }
    /// The private duplicate of MPI_COMM_WORLD that control traffic uses, on the agent's thread.
    MPI_Comm control() const { return control_; }
    /// Another one, for memory.
    MPI_Comm data() const { return data_; }
    /// The wide tree that cells take on their way out.
    const Tree& down() const { return *down_; }
    /// The tree that answers take on their way back. It is narrow where there are many ranks, so
    /// that each rank receives a few copies of what all have printed, and a star where few ranks
    /// make a hop dearer than a copy.
    const Tree& up() const { return *up_; }
    const std::string& host() const { return host_; }
    /// How many ranks share a core; 1 when they are on several hosts, where nobody has counted.
    int crowding() const { return crowding_; }
    /// A number that no other session has, when all ranks hear each other's doorbells; else 0.
    std::uint64_t doorbells() const { return doorbells_; }

    /// Lets all ranks find out together whether one of them has a problem.
    /// @throws UserError on all of them if so: with the problem of the first such rank there, and
    /// without words but the same status on the others
    void agree(const std::optional<UserError>& problem) const;

    /// What MPI_Init_thread granted, by its name in the standard.
    static std::string thread_level();
    /// The library's own name and version, one line.
    static std::string library_version();

  private:
    int rank_ = 0;
    int size_ = 1;
    MPI_Comm control_ = MPI_COMM_NULL;
    MPI_Comm data_ = MPI_COMM_NULL;
    std::unique_ptr<Tree> down_;
    std::unique_ptr<Tree> up_;
    std::string host_;
    std::uint64_t doorbells_ = 0;
    int crowding_ = 1;
};

}  // namespace mpirepl
