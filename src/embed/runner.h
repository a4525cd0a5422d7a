#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <optional>
#include <string>

#include "base/broken_cell.h"
#include "base/cell.h"
#include "base/outcome.h"
#include "base/rank_set.h"

namespace mpirepl {

/// The arguments for broken_off() of _run.py and _engine.py but the last. Names that user code
/// gives need not be UTF-8. With the GIL.
pybind11::tuple arguments_of(const BrokenCell& broken);

/// Runs cells and programs in __main__. Programs it leaves to _run.py; but cells are many, and with
/// more ranks than cores Python code around them was half of what they cost. For the main thread,
/// which must hold the GIL.
class Runner {
  public:
    /// Asked when the code of a cell has ended, with the GIL held: was it broken off?
    using CodeEnd = std::function<std::optional<BrokenCell>()>;

    /// Python must be running, with mpirepl among its modules.
    explicit Runner(CodeEnd code_end);
    /// Runs it and says how it ended; its value and traceback have been written by then.
    Outcome run(const Cell& cell);
    /// The name of the exception that the last one has raised; empty: none.
    const std::string& raised() const { return raised_; }
    /// Python is about to end, after which nothing runs in __main__. If this or a module of mpirepl
    /// still held it, Python would set its names to None before the destructors of its objects run.
    void let_go_of_main();

  private:
    void announce(const RankSet& targets);
    pybind11::object execute(const Cell& cell);
    void run_cell(const Cell& cell);
    void leave_debugger();
    void end(Outcome& outcome, const pybind11::object& error, const std::string& name);
    void take_timings(Outcome& outcome);

    // Held until the end of Python, which comes before that of this object:
    pybind11::handle module_;  ///< _run.py
    pybind11::handle main_;    ///< not its names: who holds those keeps them from being finalized
    pybind11::handle timings_;
    pybind11::handle after_cell_;
    int columns_ = 0;  ///< as cells were told last
    int lines_ = 0;
    bool has_begun_ = false;  ///< what is told of cells will have to be told of this one's end
    bool asks_user_ = false;  ///< input() of this rank has been led to the user
    pybind11::handle begin_cell_;
    pybind11::handle flush_;
    pybind11::handle shown_;
    pybind11::handle nothing_;
    RankSet announced_;
    CodeEnd code_end_;
    std::string raised_;
};

}  // namespace mpirepl
