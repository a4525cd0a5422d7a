#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "broadcast/messages.h"
#include "console/printer.h"

namespace mpirepl {

class Agent;
class Interpreter;
class PythonSession;
struct SessionOptions;

/// How the session meets its user on rank 0: next input, show, ask, status. A pipe and a terminal
/// are two of them.
class FrontEnd {
  public:
    using Clock = std::chrono::steady_clock;

    /// What a terminal's keys ask of the session. Called as part of a turn.
    struct Events {
        std::function<void()> where;   ///< show what all ranks do
        std::function<void()> kill;    ///< end the session on all ranks at once
        std::function<void()> closed;  ///< the terminal is gone
        std::function<void(Answer::Kind, std::string)> answered;  ///< the question put by ask()
    };

    virtual ~FrontEnd() = default;

    /// Where output goes. It is there before Python is.
    virtual Sink& sink() = 0;
    virtual Printer::Coloured coloured() const { return {}; }
    /// Of the terminal; 0: there is none.
    virtual int columns() const { return 0; }
    virtual int lines() const { return 0; }
    /// A user sits there: an error does not end the session, and cells may ask questions.
    virtual bool interactive() const { return false; }

    // For the main thread, without the GIL:
    /// A program is going to run, and may ask questions.
    virtual void begin_program(Interpreter& /*interpreter*/) {}
    /// Cells are going to be read.
    virtual void begin(PythonSession& session, Interpreter& interpreter) = 0;
    /// The next cell or magic; none when there will be no more.
    /// @throws UserError when the input cannot be read
    virtual std::optional<std::string> next() = 0;
    /// The last one was not Python.
    virtual void skip_after_error() {}

    // As part of a turn:
    virtual void start(Agent& /*agent*/, const Events& /*events*/) {}
    virtual void tick(Clock::time_point /*now*/) {}
    /// No question is being asked.
    virtual bool is_free() const { return true; }
    /// Puts a question to the user; the answer comes as an event.
    virtual void ask(const Question& /*question*/) {}
    virtual void cancel_question() {}
    /// Gives the terminal back, since the process is about to end.
    virtual void leave() {}
    /// Lines below the output, each with its prefix; none: the cell has ended.
    virtual void show_status(const std::vector<std::string>& /*lines*/) {}
};

/// The terminal that cells are typed at if there is one, else standard input.
/// @param input what was standard input; none when no cells are read
std::unique_ptr<FrontEnd> make_front_end(const SessionOptions& options, Fd input, Fd out, Fd err);

}  // namespace mpirepl
