#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "guard/context.h"

namespace mpirepl::guard {

/// Elements for each partner, or from each: as the arguments of a call say, which need not mean
/// anything unless they are looked at.
class Amounts {
  public:
    Amounts() = default;
    Amounts(std::int64_t count, MPI_Datatype type) : count_(count), type_(type) {}
    Amounts(const int counts[], MPI_Datatype type) : counts_(counts), type_(type) {}
    Amounts(const MPI_Count counts[], MPI_Datatype type) : large_counts_(counts), type_(type) {}
    Amounts(const int counts[], const MPI_Datatype types[]) : counts_(counts), types_(types) {}
    Amounts(const MPI_Count counts[], const MPI_Datatype types[])
        : large_counts_(counts), types_(types) {}

    std::int64_t bytes(std::size_t partner) const;

  private:
    std::int64_t count_ = 0;
    const int* counts_ = nullptr;
    const MPI_Count* large_counts_ = nullptr;
    MPI_Datatype type_ = MPI_DATATYPE_NULL;
    const MPI_Datatype* types_ = nullptr;
};

/// What one rank of a collective sends to whom, and expects of whom. The standard demands that both
/// ends say the same; where they do not, the library's own collective may hang, or leave messages
/// behind for the next one.
struct Exchange {
    enum class Way {
        gather,          ///< all send to the root
        scatter,         ///< the root sends to all
        allgather,       ///< all send the same to all
        alltoall,        ///< all send to all
        reduce_scatter,  ///< all send to all, and expect what they send to themselves
        neighbours,      ///< along the edges of the communicator's topology
        group,           ///< the members of one tell each other which it is
        high,            ///< each local group of an intercommunicator tells its first member
    };
    Way way;
    Amounts sends;
    Amounts receives;
    int root = MPI_PROC_NULL;
    bool in_place = false;
    bool agreed = false;  ///< within one group the signature tells what all send
    MPI_Group group = MPI_GROUP_NULL;

    /// A sum that is zero over all ranks if, and almost surely only if, both ends agree everywhere.
    std::uint64_t balance(const Context& context) const;
    /// In words, two ranks that do not agree. Collective over the shadow.
    std::string misfit(const Context& context, const char* call) const;

  private:
    struct Claim {
        bool sends;
        int peer;  ///< a world rank
        std::int64_t bytes;
    };

    bool fits_alone(const Context& context) const;
    std::vector<Claim> claims(const Context& context) const;
    std::vector<Claim> with_root(const Context& context) const;
    std::vector<Claim> with_all(const Context& context) const;
    std::vector<Claim> with_neighbours(const Context& context) const;
    std::vector<Claim> with_group(const Context& context) const;
    std::vector<Claim> with_own_group(const Context& context) const;
};

}  // namespace mpirepl::guard
