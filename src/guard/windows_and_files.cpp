// The calls on windows and files that are not like the others.

#include "guard/call.h"
#include "guard/patience.h"

using namespace mpirepl::guard;

extern "C" {

int MPI_Win_free(MPI_Win* window) {
    Call call("MPI_Win_free", find_window(*window));
    if (int error = call.arrive(); error != MPI_SUCCESS) return error;
    if (call.context() != nullptr) release(*call.context());
    return PMPI_Win_free(window);
}

int MPI_Win_wait(MPI_Win window) {
    Call call("MPI_Win_wait", find_window(window));
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    Patience patience(call.thread(), call.name());
    while (true) {
        int done = 0;
        if (int error = PMPI_Win_test(window, &done); error != MPI_SUCCESS || done != 0)
            return error;
        if (!patience.rest([](Waiting& waiting) { waiting.unknown = true; })) return park();
    }
}

int MPI_File_close(MPI_File* file) {
    Call call("MPI_File_close", find_file(*file));
    if (int error = call.arrive(); error != MPI_SUCCESS) return error;
    if (call.context() != nullptr) release(*call.context());
    return PMPI_File_close(file);
}
}
