#pragma once

#include <mpi.h>

namespace mpirepl::guard {

/// So many elements of a type as one of another, for the calls that take an int: any number of
/// elements may be sent so and received as others. Requests keep what they need of it.
class AsOne {
  public:
    AsOne(MPI_Count count, MPI_Datatype datatype);
    ~AsOne() { PMPI_Type_free(&all_); }
    AsOne(const AsOne&) = delete;
    AsOne& operator=(const AsOne&) = delete;

    MPI_Datatype datatype() const { return all_; }

  private:
    MPI_Datatype all_ = MPI_DATATYPE_NULL;
};

}  // namespace mpirepl::guard
