#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/block.h"
#include "base/cell.h"
#include "base/outcome.h"
#include "base/picture.h"
#include "base/task.h"

/// Every message that crosses MPI, with its fields. They are plain values; encode() and decode()
/// know the bytes (messages.cpp), and decode() trusts none of them.
namespace mpirepl {

/// From child to parent in the answer tree: output, and how the cell ended on some ranks.
struct Report {
    std::uint32_t sequence = 0;
    bool streaming = false;
    std::vector<Block> blocks;
    Outcome outcome;
    bool operator==(const Report&) const = default;
};

/// From parent to child: that many more bytes of text may be sent.
struct Credit {
    std::uint32_t bytes = 0;
    bool operator==(const Credit&) const = default;
};

/// From rank 0 to all, in sessions at a terminal: so much text may wait on each rank.
struct Window {
    std::uint32_t bytes = 0;
    bool operator==(const Window&) const = default;
};

/// From rank 0 to all: hold nothing of this cell's output back any longer.
struct StreamNow {
    std::uint32_t sequence = 0;
    bool operator==(const StreamNow&) const = default;
};

/// From rank 0 to all: standard output is closed; writing to it shall fail from now on.
struct CloseOutput {
    bool operator==(const CloseOutput&) const = default;
};

/// From rank 0 to all: every rank has ended its Python, so the agents may end.
struct Leave {
    bool operator==(const Leave&) const = default;
};

/// From rank 0 to all: answer with a Picture.
struct AskPicture {
    std::uint32_t census = 0;
    bool stacks = false;                       ///< also say where Python is
    std::vector<std::uint64_t> communicators;  ///< those whose counters are wanted
    bool operator==(const AskPicture&) const = default;
};

/// From rank 0 to all: what waits in this cell shall end.
struct BreakOff {
    std::uint32_t sequence = 0;
    bool interrupt = false;  ///< by Ctrl-C: also what computes
    std::vector<Diagnosis> diagnoses;
    bool operator==(const BreakOff&) const = default;
};

/// To rank 0: the main thread of this rank waits for the recovery, or is through with it.
struct Parked {
    std::uint32_t sequence = 0;
    std::int32_t rank = 0;
    bool recovered = false;
    bool operator==(const Parked&) const = default;
};

/// From rank 0 to all: every main thread is parked or done; make the communicators usable again.
struct Recover {
    std::uint32_t sequence = 0;
    bool operator==(const Recover&) const = default;
};

/// To rank 0: this rank, whose picture said that it computes, does so no longer.
struct Quiet {
    std::uint32_t census = 0;
    std::int32_t rank = 0;
    bool operator==(const Quiet&) const = default;
};

/// To rank 0: a cell on this rank asks the user for a line of input.
struct Question {
    std::int32_t rank = 0;
    std::uint32_t number = 0;  ///< counts the questions of this rank; 0: the last is withdrawn
    bool hidden = false;       ///< what is typed is not shown
    std::string prompt;
    bool operator==(const Question&) const = default;
};

/// From rank 0 to the rank that asked.
struct Answer {
    enum class Kind : std::uint8_t {
        line,
        end,         ///< of the input: Ctrl-D
        interrupted  ///< by Ctrl-C
    };
    std::uint32_t number = 0;
    Kind kind = Kind::line;
    std::string text;  ///< without the newline
    bool operator==(const Answer&) const = default;
};

/// To rank 0, in sessions at a terminal: the line that this rank has begun to print.
struct Unfinished {
    std::int32_t rank = 0;
    bool to_stderr = false;
    std::string text;  ///< empty: there is none any more
    bool operator==(const Unfinished&) const = default;
};

/// Picture, from each rank to rank 0, is the answer to AskPicture. Those of tasks go straight
/// between rank 0 and an engine.
using Message =
    std::variant<Cell, Report, Credit, StreamNow, CloseOutput, AskPicture, Picture, BreakOff,
                 Parked, Recover, Quiet, Question, Answer, Unfinished, TaskBatch, TaskResults,
                 TaskNote, TaskControl, TaskReturn, Window, Leave>;

class WireError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

std::string encode(const Message& message, unsigned epoch);
/// @throws WireError when the bytes are not exactly one message of this epoch.
Message decode(std::string_view bytes, unsigned epoch);

}  // namespace mpirepl
