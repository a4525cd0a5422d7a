#include "guard/large_count.h"

#include <array>

namespace mpirepl::guard {

AsOne::AsOne(MPI_Count count, MPI_Datatype datatype) {
    constexpr MPI_Count piece = 1 << 30;
    MPI_Aint lower_bound = 0;
    MPI_Aint extent = 0;
    PMPI_Type_get_extent(datatype, &lower_bound, &extent);
    MPI_Datatype one_piece = MPI_DATATYPE_NULL;
    PMPI_Type_contiguous(static_cast<int>(piece), datatype, &one_piece);
    const MPI_Count pieces = count / piece;
    const std::array counts{static_cast<int>(pieces), static_cast<int>(count % piece)};
    const std::array<MPI_Aint, 2> places{0, static_cast<MPI_Aint>(pieces * piece) * extent};
    const std::array types{one_piece, datatype};
    PMPI_Type_create_struct(2, counts.data(), places.data(), types.data(), &all_);
    PMPI_Type_commit(&all_);
    PMPI_Type_free(&one_piece);
}

}  // namespace mpirepl::guard
