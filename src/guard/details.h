#pragma once

#include <mpi.h>

#include <string>
#include <string_view>

/// What the callers of a collective must agree in besides root, operation and amounts, in words for
/// the user: "calls MPI_Comm_split with color -5". Some name what MPI must have alike on all ranks,
/// others what it refuses; empty if there is nothing to say. A rank whose arguments the library
/// refuses is out at once, while the others would wait for it inside the library, for ever.
namespace mpirepl::guard::details {

/// "real" or "complex numbers", which a built-in operation does not mix with others. Not of
/// duplicates of types: Open MPI refuses these.
std::string_view numbers(MPI_Datatype type);
/// One buffer to send from and to receive in, of so many elements. Open MPI takes it for one.
std::string_view buffers(const void* send, const void* receive, long long count);
/// The same where only the root receives.
std::string_view buffers(const void* send, const void* receive, long long count, int root,
                         MPI_Comm comm);
/// Of MPI_Comm_split.
std::string color(int color);
/// Of MPI_Comm_split_type; libraries number their own types from 0.
std::string split_type(int type);
/// Of MPI_Win_fence.
std::string assertion(int assertion);
/// Of MPI_Cart_create.
std::string grid(int dimensions, const int sizes[], const int periodic[]);
/// Of MPI_Graph_create.
std::string graph(int nodes, const int index[]);
/// A neighbour that is no rank of the communicator.
std::string neighbours(int count, const int ranks[], MPI_Comm comm);
std::string neighbours(int in, const int sources[], int out, const int targets[], MPI_Comm comm);
/// The same in a graph: of each node so many targets.
std::string edges(int count, const int nodes[], const int degrees[], const int targets[],
                  MPI_Comm comm);
/// Of MPI_File_open.
std::string_view mode(int mode);
/// Bytes and unit of displacement; Open MPI takes any unit for shared memory.
std::string window(MPI_Aint bytes, int unit = 1);

}  // namespace mpirepl::guard::details
