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

/// The terminal's own replies among keys, on where its cursor is: who has asked waits for them.
std::string replies_in(std::string_view keys) {
    constexpr std::string_view begin = "\033[";
    std::string replies;
    for (std::size_t at = 0; (at = keys.find(begin, at)) != std::string_view::npos;) {
        std::size_t end = keys.find_first_not_of("0123456789;", at + begin.size());
        if (end == std::string_view::npos) break;
        if (keys[end] == 'R') replies += keys.substr(at, end + 1 - at);
        at = end;
    }
    return replies;
}

}  // namespace

Keyboard::Command Keyboard::take(std::string_view& bytes, Reader reader) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        Command command = command_of(bytes[i], reader);
        if (command == Command::none) continue;
        keys_ += bytes.substr(0, i);
        // As a terminal does: what was typed before Ctrl-C is gone with it.
        if (command == Command::interrupt) keys_ = replies_in(keys_);
        bytes.remove_prefix(i + 1);
        return command;
    }
    keys_ += bytes;
    bytes = {};
    return Command::none;
}

}  // namespace mpirepl
