#pragma once

#include <mpi.h>

#include <stdexcept>
#include <string>

namespace mpirepl {

/// An MPI call of the program's own (never one of user code) returned an error.
class MpiError : public std::runtime_error {
  public:
    MpiError(const char* call, int code)
        : std::runtime_error(std::string(call) + ": " + describe(code)) {}

  private:
    static std::string describe(int code) {
        char text[MPI_MAX_ERROR_STRING];
        int length = 0;
        PMPI_Error_string(code, text, &length);
        return {text, static_cast<std::size_t>(length)};
    }
};

}  // namespace mpirepl

/// Calls an MPI function and turns its return code into MpiError. The program calls PMPI_ names
/// throughout: the MPI_ ones belong to user code, and the guard stands in front of them.
#define MPIREPL_MPI(call)                                     \
    do {                                                      \
        if (int mpi_code_ = (call); mpi_code_ != MPI_SUCCESS) \
            throw ::mpirepl::MpiError(#call, mpi_code_);      \
    } while (false)
