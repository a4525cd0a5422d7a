#pragma once

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"

namespace mpirepl {

/// CPython's readline on descriptors of one's own; where they are no terminal, or Python has no
/// readline, lines are read as they come. The caller must hold the GIL, which is released while
/// the user types.
class LineEditor {
  public:
    LineEditor(Fd in, Fd out);

    /// Whether Python's readline has been imported; to be asked before the first line is read.
    static bool is_readline();

    /// The next line with its newline; empty at the end of the input.
    /// @throws pybind11::error_already_set KeyboardInterrupt, or what else a signal has raised
    std::string read(const std::string& prompt);

  private:
    struct Closer {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::unique_ptr<std::FILE, Closer> in_;
    std::unique_ptr<std::FILE, Closer> out_;
};

}  // namespace mpirepl
