#pragma once

#include <string>

namespace mpirepl {

/// Open MPI 5.0.11's mpiexec forwards its standard input to rank 0 but never the end of it. This
/// looks for the end where mpiexec reads: at its own descriptor 0, when rank 0 runs beside it.
class LauncherInput {
  public:
    /// Finds out whether the parent of this process is such a launcher.
    LauncherInput();

    /// The parent is one, so that its input is worth asking for.
    bool watched() const { return !descriptor_.empty(); }
    /// The launcher has read all that there will ever be. It may not have forwarded it yet.
    bool has_ended() const;

  private:
    std::string descriptor_;  ///< path of its descriptor 0; empty: not watched
    std::string position_;    ///< path of the file that tells how far it has read
};

}  // namespace mpirepl
