#include "console/keyboard.h"

namespace mpirepl {
namespace {

constexpr char ctrl_c = 3;
constexpr char ctrl_t = 20;
constexpr char ctrl_z = 26;
constexpr char ctrl_backslash = 28;

Keyboard::Command command_of(char key, Keyboard::Reader reader) {
    using Command = Keyboard::Command;
    using Reader = Keyboard::Reader;
    switch (key) {
        case ctrl_c:
            return reader == Reader::editor ? Command::none : Command::interrupt;
        case ctrl_t:
            return reader == Reader::nobody ? Command::where : Command::none;
        case ctrl_z:
            return Command::suspend;
        case ctrl_backslash:
            return Command::quit;
        default:
            return Command::none;
    }
}

}  // namespace

Keyboard::Command Keyboard::take(std::string_view& bytes, Reader reader) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        Command command = command_of(bytes[i], reader);
        if (command == Command::none) continue;
        // As a terminal does: what was typed before Ctrl-C is gone with it.
        if (command == Command::interrupt)
            keys_.clear();
        else
            keys_ += bytes.substr(0, i);
        bytes.remove_prefix(i + 1);
        return command;
    }
    keys_ += bytes;
    bytes = {};
    return Command::none;
}

}  // namespace mpirepl
