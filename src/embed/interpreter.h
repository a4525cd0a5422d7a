#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/cell.h"
#include "base/outcome.h"
#include "embed/runner.h"

namespace mpirepl {

/// The life of CPython in this process, and the one way to run a cell in it. For the main thread.
/// Between calls the GIL is released, so that threads of user code run.
class Interpreter {
  public:
    /// Starts Python as `python ARGUMENTS` would, in the user's environment (see environment.h).
    /// The standard streams must be in place already.
    /// @param arguments python's own options, then -c CODE, -m MODULE or a file, then sys.argv[1:]
    /// @param path0 what comes first in sys.path
    Interpreter(const std::vector<std::string>& arguments, const std::optional<std::string>& path0,
                Runner::CodeEnd code_end);
    Interpreter(const Interpreter&) = delete;
    Interpreter& operator=(const Interpreter&) = delete;

    /// Runs the cell and returns how it ended; its value and traceback have been written by then.
    Outcome run(const Cell& cell);
    /// The name of the exception that the last cell has raised; empty: none.
    const std::string& raised() const { return runner_->raised(); }
    /// Has KeyboardInterrupt raised where Python code runs next.
    void interrupt();
    /// Runs Python's signal handlers that are due, and forgets a Ctrl-C that was meant for nobody.
    void handle_signals();
    /// Ends Python as `python` does at its end: threads, atexit, destructors.
    Outcome finalize();
    /// Waits for the threads that Python waits for at its end.
    void await_threads();
    /// Calls what atexit knows, as Python does next.
    void run_exit_handlers();

  private:
    /// Returns the exit status, which is python's own.
    int end_python();

    std::optional<Runner> runner_;
};

}  // namespace mpirepl
