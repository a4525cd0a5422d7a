#pragma once

#include <string>

namespace mpirepl {

/// The soname of the MPI library that this program is linked to, "libmpi.so.40".
std::string own_mpi_library();

/// The soname of another MPI library that the shared object `file` asks for itself; empty: none,
/// or no such object. Reads the file and loads nothing.
std::string foreign_mpi_of(const std::string& file);

/// The path of another MPI library that has been loaded into this process; empty: none.
std::string foreign_mpi_loaded();

}  // namespace mpirepl
