#pragma once

#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

#include <optional>
#include <string>

#include "base/fd.h"
#include "console/keeper.h"

namespace mpirepl {

/// Where the user's terminal is, seen from rank 0.
struct TerminalPlace {
    std::string path;
    pid_t launcher = 0;       ///< the process that reads the keys and passes them on; 0: none
    bool has_output = false;  ///< standard output goes there too
    bool has_errors = false;  ///< so does standard error
};

/// Finds the terminal from which cells are typed: this process's descriptor `input` is one, or the
/// launcher's is that passes its own standard input on to this process through a pipe.
/// @return none when the input comes from elsewhere
std::optional<TerminalPlace> find_terminal(int input, int output, int errors);

/// The user's terminal, in raw mode. Keys are not read here: under a launcher they arrive through
/// rank 0's standard input. Rank 0 owns it, from the first prompt to the end; a Keeper puts the
/// terminal back if rank 0 or the launcher dies.
///
/// Under a launcher rank 0 is a background process of the terminal; threads that call this have
/// SIGTTOU blocked.
class Terminal {
  public:
    /// @throws UserError when the terminal cannot be opened or set
    explicit Terminal(TerminalPlace place);
    /// Puts it back as it was.
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    int fd() const { return fd_.get(); }
    const termios& modes_before() const { return before_; }
    winsize size() const;

    void make_raw();
    void restore();
    /// The same, by the keeper: the session has been given up and an editor not ended its work.
    void abandon();
    bool is_raw() const { return raw_; }
    /// The shell has put the job in front: keys are ours.
    bool in_foreground() const;
    bool launcher_is_stopped() const;
    /// The window has been closed.
    bool is_gone() const;
    /// Stops the launcher, or this process where there is none, and what the shell has started with
    /// it. Not by SIGTSTP: launchers catch that and pass it on to the ranks.
    /// @return false where that cannot be
    bool suspend() const;

  private:
    void set(const termios& modes) const;

    TerminalPlace place_;
    Fd fd_;
    termios before_{};
    termios modes_{};  ///< of the session
    bool raw_ = false;
    std::optional<Keeper> keeper_;
};

}  // namespace mpirepl
