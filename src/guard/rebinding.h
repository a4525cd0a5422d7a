#pragma once

#include <string>

namespace mpirepl::guard {

/// Leads libraries that go round the wrappers back to them: the Fortran bindings, which call PMPI_
/// functions, and what was loaded with RTLD_DEEPBIND, which prefers libmpi's functions to the
/// program's. Looks only at what has been loaded since the last call, and is cheap if that is
/// nothing. From one thread at a time.
void rebind_libraries();

/// Why the MPI calls of a shared object stay unguarded, in words: it contains an MPI of its own.
/// Empty if it does not, or there is no such object. Reads the file and loads nothing.
std::string unguarded_mpi_of(const std::string& path);

}  // namespace mpirepl::guard
