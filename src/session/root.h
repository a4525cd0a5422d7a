#pragma once

#include "base/cell.h"
#include "base/fd.h"
#include "embed/interpreter.h"
#include "session/display.h"
#include "session/python_session.h"
#include "session/session.h"

namespace mpirepl {

/// Rank 0's loop, on its main thread: takes input, sends it out as cells, runs its own part of
/// them, and keeps the exit status.
class Root {
  public:
    Root(Display& display, Interpreter& interpreter, const SessionOptions& options)
        : display_(display),
          interpreter_(interpreter),
          options_(options),
          fold_mode_(options.fold) {}

    /// Runs the program if there is one, the cells of `input` if it is open, and ends Python on
    /// all ranks.
    /// @return the exit status of the session
    int run(Cell program, Fd input);

  private:
    void run_program(Cell program);
    void run_cells(Fd input);
    /// Sends a cell and waits until it has ended everywhere.
    Display::Finished run_everywhere(Cell cell);
    void note_status(const Display::Finished& finished);
    void finalize();
    bool may_go_on() const {
        return !ended_ && (status_ == 0 || options_.keep_going || interactive_);
    }

    Display& display_;
    Interpreter& interpreter_;
    const SessionOptions& options_;
    std::string fold_mode_;
    int status_ = 0;
    bool interactive_ = false;  ///< the cells come from a terminal
    bool ended_ = false;        ///< by SystemExit on all ranks, %quit or a closed output
};

}  // namespace mpirepl
