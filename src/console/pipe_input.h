#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/fd.h"
#include "console/cell_splitter.h"
#include "console/launcher_input.h"

namespace mpirepl {

/// Cells from a pipe, a file or any other stream of text, each as soon as it is complete.
/// For the main thread of rank 0, which reads only when it wants the next cell.
class PipeInput {
  public:
    /// @param on_signal called when a signal has interrupted the reading
    PipeInput(Fd fd, bool nested_fstrings, std::function<void()> on_signal);

    /// The next cell or magic; none at the end of the input.
    /// @throws UserError when the input cannot be read
    std::optional<std::string> next();
    /// The last one was not Python: goes on at the next place that looks like a beginning.
    void skip_after_error() { splitter_.skip_after_error(); }

  private:
    bool wait_for_input();

    Fd fd_;
    LauncherInput launcher_;
    CellSplitter splitter_;
    std::function<void()> on_signal_;
    std::string buffer_;
    bool at_end_ = false;
};

}  // namespace mpirepl
