#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/cell.h"
#include "broadcast/world.h"

namespace mpirepl {

/// What the command line asks for.
struct SessionOptions {
    enum class Action { run, doctor, version, help };
    Action action = Action::run;
    Cell::Kind program = Cell::Kind::cell;  ///< command, script, module; cell: none
    std::string name;                       ///< the code, file or module of the program
    std::vector<std::string> arguments;     ///< sys.argv[1:]
    std::vector<std::string> python;        ///< options that are passed on to Python
    std::optional<std::string> output_file;
    std::string targets = "all";
    std::string fold = "auto";
    bool guard = true;
    bool plain = false;
    bool quiet = false;
    bool keep_going = false;
    bool cells_afterwards = false;  ///< -i
};

/// Whether cells are read: there is no program, or -i.
bool reads_cells(const SessionOptions& options);

/// Whether a cell's output is folded under a mode of --fold or %fold: auto, on or off.
bool folds(const std::string& mode, const RankSet& targets);

class Interpreter;
class Relay;

/// Runs a cell on this rank and has its outcome reported.
void run_own_part(const Cell& cell, Relay& relay, Interpreter& interpreter);

/// Runs a whole session on this rank, from Python's start to its end.
/// @return the exit status for this process
/// @throws UserError, on every rank alike, when the session cannot begin
int run_session(const World& world, const SessionOptions& options);

}  // namespace mpirepl
