#pragma once

#include <string>
#include <string_view>

namespace mpirepl {

/// What becomes of the keys that come from the user's terminal, which is in raw mode: those for
/// the editor, and those that the kernel would act upon if rank 0 were in front of the terminal.
/// Entirely passive, for the agent's thread.
class Keyboard {
  public:
    /// Who is interested in keys.
    enum class Reader {
        nobody,        ///< a cell runs: keys wait for the next prompt
        editor,        ///< in raw mode, or a program on its own terminal: it takes Ctrl-C as a key
        cooked_editor  ///< one that expects the terminal to make a signal of Ctrl-C
    };
    enum class Command { none, interrupt, where, quit, suspend };

    /// Takes keys from the front of `bytes` up to the first that is a command, and appends those
    /// that are meant for an editor to `keys()`.
    /// @return the command; none when all bytes have been taken
    Command take(std::string_view& bytes, Reader reader);

    /// Keys that nobody has read yet.
    std::string& keys() { return keys_; }

  private:
    std::string keys_;
};

}  // namespace mpirepl
