#pragma once

#include "base/cell.h"
#include "embed/interpreter.h"
#include "session/display.h"
#include "session/front_end.h"
#include "session/python_session.h"
#include "session/session.h"

namespace mpirepl {

/// Rank 0's loop, on its main thread: takes input, sends it out as cells, runs its own part of
/// them, and keeps the exit status.
class Root {
  public:
    Root(Display& display, FrontEnd& front_end, Interpreter& interpreter,
         const SessionOptions& options)
        : display_(display),
          front_end_(front_end),
          interpreter_(interpreter),
          options_(options),
          fold_mode_(options.fold) {}

    /// Runs the program if there is one, then the cells of the front end if it reads any, and ends
    /// Python on all ranks.
    /// @return the exit status of the session
    int run(Cell program);

  private:
    void run_program(Cell program);
    void run_cells();
    void run_input(PythonSession& session, const std::string& text);
    std::uint16_t columns_for_output() const;
    void run_prepared(PythonSession& session, Prepared&& prepared);
    /// Sends a cell and waits until it has ended everywhere.
    Display::Finished run_everywhere(Cell cell);
    void note_status(const Display::Finished& finished);
    void finalize();
    bool may_go_on() const {
        return !ended_ && (status_ == 0 || options_.keep_going || front_end_.interactive());
    }

    Display& display_;
    FrontEnd& front_end_;
    Interpreter& interpreter_;
    const SessionOptions& options_;
    std::string fold_mode_;
    std::string failed_;  ///< ranks on which the program has
    int status_ = 0;
    int status_of_exit_ = 0;  ///< of the SystemExit that has ended the session
    bool ended_ = false;      ///< by SystemExit on all ranks, %quit or a closed output
};

}  // namespace mpirepl
