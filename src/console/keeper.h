#pragma once

#include <sys/types.h>
#include <termios.h>

#include "base/fd.h"

namespace mpirepl {

/// A small process beside rank 0 that outlives it. When rank 0 or the launcher dies, or the user
/// gives the session up, it puts the terminal back, and ends what the ranks of this host have
/// started and left: a launcher ends the groups of living ranks alone, and none when it is killed.
class Keeper {
  public:
    /// Starts it. Rank 0 does so once all ranks are there.
    /// @param terminal a descriptor of the user's terminal, whose modes were `before`
    /// @param raw its modes in the session
    /// @param launcher the process that has started the ranks; 0: none
    Keeper(int terminal, const termios& before, const termios& raw, pid_t launcher);
    /// The session ends in order: tells the process, which has nothing to do, and awaits its end.
    ~Keeper();
    /// The session has been given up: this process does not touch the terminal any more.
    void put_terminal_back();
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

  private:
    void say(char word) const;

    Fd life_;  ///< closed when this process ends, whatever way
    pid_t process_ = -1;
};

}  // namespace mpirepl
