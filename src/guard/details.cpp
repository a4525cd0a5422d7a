#include "guard/details.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "guard/context.h"

namespace mpirepl::guard::details {
namespace {

constexpr std::string_view one_buffer = "one buffer to send and to receive";

std::span<const int> span(const int numbers[], int count) {
    return {numbers, numbers == nullptr || count < 0 ? 0 : static_cast<std::size_t>(count)};
}

template <std::size_t Count>
bool is_in(MPI_Datatype type, const std::array<MPI_Datatype, Count>& all) {
    return std::ranges::find(all, type) != all.end();
}

}  // namespace

std::string_view numbers(MPI_Datatype type) {
    static const std::array real{MPI_DOUBLE, MPI_FLOAT, MPI_LONG_DOUBLE, MPI_DOUBLE_PRECISION,
                                 MPI_REAL,   MPI_REAL4, MPI_REAL8};
    static const std::array complex{MPI_C_DOUBLE_COMPLEX, MPI_C_FLOAT_COMPLEX,
                                    MPI_C_LONG_DOUBLE_COMPLEX, MPI_COMPLEX, MPI_DOUBLE_COMPLEX};
    if (is_in(type, real)) return "real numbers";
    if (is_in(type, complex)) return "complex numbers";
    return "";
}

std::string_view buffers(const void* send, const void* receive, long long count) {
    return send == receive && send != nullptr && count > 1 ? one_buffer : "";
}

std::string_view buffers(const void* send, const void* receive, long long count, int root,
                         MPI_Comm comm) {
    const Context* context = find_communicator(comm);
    const bool is_root = context != nullptr && !context->inter && context->rank == root;
    return is_root && send == receive && send != nullptr && count > 0 ? one_buffer : "";
}

std::string color(int color) {
    return color >= 0 || color == MPI_UNDEFINED ? "" : fmt::format("color {}", color);
}

std::string split_type(int type) {
    constexpr int more_than_there_are = 64;
    const bool may_be = type >= 0 && type < more_than_there_are;
    return may_be || type == MPI_UNDEFINED ? "" : fmt::format("type {}", type);
}

std::string assertion(int assertion) {
    constexpr int all = MPI_MODE_NOSTORE | MPI_MODE_NOPUT | MPI_MODE_NOPRECEDE | MPI_MODE_NOSUCCEED;
    return (assertion & ~all) == 0 ? "" : fmt::format("assertion {}", assertion);
}

std::string grid(int dimensions, const int sizes[], const int periodic[]) {
    std::string text = fmt::format("a grid of {}", fmt::join(span(sizes, dimensions), "x"));
    const std::span flags = span(periodic, dimensions);
    for (std::size_t i = 0; i < flags.size(); ++i)
        if (flags[i] != 0) text += fmt::format(", periodic in dimension {}", i);
    return text;
}

std::string graph(int nodes, const int index[]) {
    const std::span ends = span(index, nodes);
    return fmt::format("a graph of {} nodes and {} edges", nodes, ends.empty() ? 0 : ends.back());
}

std::string neighbours(int count, const int ranks[], MPI_Comm comm) {
    const Context* context = find_communicator(comm);
    for (int rank : span(ranks, count))
        if (context != nullptr && rank != MPI_PROC_NULL && (rank < 0 || rank >= context->size()))
            return fmt::format("rank {} as a neighbour", rank);
    return "";
}

std::string neighbours(int in, const int sources[], int out, const int targets[], MPI_Comm comm) {
    const std::string wrong = neighbours(in, sources, comm);
    return wrong.empty() ? neighbours(out, targets, comm) : wrong;
}

std::string edges(int count, const int nodes[], const int degrees[], const int targets[],
                  MPI_Comm comm) {
    const std::span all = span(degrees, count);
    return neighbours(count, nodes, std::accumulate(all.begin(), all.end(), 0), targets, comm);
}

std::string_view mode(int mode) {
    int ways = 0;
    for (int way : {MPI_MODE_RDONLY, MPI_MODE_WRONLY, MPI_MODE_RDWR})
        if ((mode & way) != 0) ++ways;
    return ways == 1 ? "" : "a mode that is not one of reading, writing and both";
}

std::string window(MPI_Aint bytes, int unit) {
    if (bytes < 0) return fmt::format("{} bytes", bytes);
    return unit > 0 ? "" : fmt::format("{} as its unit of displacement", unit);
}

}  // namespace mpirepl::guard::details
