// The calls that would begin or end more than the cell.

#include <fmt/format.h>

#include "guard/call.h"

namespace mpirepl::guard {
namespace {

int end_cell_with(std::string text) {
    auto lock = bookkeeping();
    state().ended_by = std::move(text);
    state().refusing = state().calls_failed = true;
    return state().broken_off;
}

/// The session has done it before any program could.
bool is_initialised() {
    int initialised = 0;
    PMPI_Initialized(&initialised);
    return initialised != 0;
}

}  // namespace
}  // namespace mpirepl::guard

using namespace mpirepl::guard;

extern "C" {

int MPI_Abort(MPI_Comm comm, int code) {
    if (!state().enabled) {
        if (state().hooks.save_output != nullptr) state().hooks.save_output();
        return PMPI_Abort(comm, code);
    }
    Context* context = find_communicator(comm);
    return end_cell_with(fmt::format("MPI_Abort on {} with code {}",
                                     context == nullptr ? "a communicator" : context->name(),
                                     code));
}

int MPI_Init(int* argc, char*** argv) {
    return is_initialised() ? MPI_SUCCESS : PMPI_Init(argc, argv);
}

int MPI_Init_thread(int* argc, char*** argv, int required, int* provided) {
    return is_initialised() ? PMPI_Query_thread(provided)
                            : PMPI_Init_thread(argc, argv, required, provided);
}

int MPI_Finalize() {
    if (!state().enabled) return PMPI_Finalize();
    return end_cell_with("MPI_Finalize");
}
}
