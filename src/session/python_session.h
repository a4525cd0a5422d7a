#pragma once

#include <pybind11/pytypes.h>

#include <optional>
#include <string>
#include <vector>

#include "base/cell.h"
#include "base/mpi_profile.h"

namespace mpirepl {

/// What a piece of input has come to, and the cell to run if there is one.
struct Prepared {
    enum class Verdict { done, failed, syntax_error, quit, run };
    Verdict verdict = Verdict::done;
    Cell cell;
    std::string fold_mode;
};

/// Rank 0's session object in Python (python/mpirepl/_session.py): it knows the magics, the
/// targets and the history. For the main thread; takes the GIL itself.
class PythonSession {
  public:
    PythonSession(const std::string& targets, const std::string& fold, bool interactive);
    Prepared prepare(const std::string& text);
    /// Lets a user enter cells.
    /// @return whether the editor is IPython's
    bool open_front_end(bool plain, bool quiet);
    /// What the user enters next; none when there will be no more.
    std::optional<std::string> read();
    /// The cell that was prepared last has failed on those ranks.
    void note_failure(const std::string& ranks);
    /// What the ranks have spent in MPI in that cell.
    void show_profiles(const std::vector<MpiProfile>& profiles);
    /// Compiles the source of a program, which need not be sent then.
    /// @return false when there is an error, which has been shown
    static bool compile(Cell& program);

  private:
    pybind11::handle session_;  ///< both held until the end of Python
    pybind11::handle prepare_;
};

}  // namespace mpirepl
