#pragma once

#include <optional>

#include "base/fd.h"
#include "console/pipe_input.h"
#include "console/writer.h"
#include "session/front_end.h"

namespace mpirepl {

/// Cells from a pipe or a file, as they arrive; or a program, and no cells at all.
class PipeFrontEnd : public FrontEnd {
  public:
    /// @param in where cells come from; none for a program
    PipeFrontEnd(Fd in, Fd out, Fd err)
        : in_(std::move(in)), writer_(std::move(out), std::move(err)) {}

    Sink& sink() override { return writer_; }
    void begin(PythonSession& session, Interpreter& interpreter) override;
    std::optional<std::string> next() override { return cells_->next(); }
    void skip_after_error() override { cells_->skip_after_error(); }

  private:
    Fd in_;
    Writer writer_;
    std::optional<PipeInput> cells_;
};

}  // namespace mpirepl
