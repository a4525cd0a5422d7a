#include "console/keyboard.h"

#include <doctest/doctest.h>

using namespace mpirepl;
using Command = Keyboard::Command;
using Reader = Keyboard::Reader;

TEST_CASE("keyboard: keys go to the editor in their order") {
    Keyboard keyboard;
    std::string_view keys = "ab\r\033[A";
    CHECK(keyboard.take(keys, Reader::editor) == Command::none);
    CHECK(keys.empty());
    keys = "\t";
    CHECK(keyboard.take(keys, Reader::nobody) == Command::none);
    CHECK(keyboard.keys() == "ab\r\033[A\t");
}

TEST_CASE("keyboard: Ctrl-C is a key for an editor in raw mode only") {
    for (Reader reader : {Reader::editor, Reader::cooked_editor, Reader::nobody}) {
        Keyboard keyboard;
        std::string_view keys = "typed before\003after";
        Command command = keyboard.take(keys, reader);
        if (reader == Reader::editor) {
            CHECK(command == Command::none);
            CHECK(keyboard.keys() == "typed before\003after");
        } else {
            CHECK(command == Command::interrupt);
            CHECK(keyboard.keys() == "");
            CHECK(keys == "after");
        }
    }
}

TEST_CASE("keyboard: commands") {
    Keyboard keyboard;
    std::string_view keys = "a\024b";
    CHECK(keyboard.take(keys, Reader::nobody) == Command::where);
    CHECK(keys == "b");
    keys = "\024";  // the editors transpose characters with it
    CHECK(keyboard.take(keys, Reader::editor) == Command::none);
    keys = "\032x";
    CHECK(keyboard.take(keys, Reader::editor) == Command::suspend);
    CHECK(keys == "x");
    keys = "\034";
    CHECK(keyboard.take(keys, Reader::nobody) == Command::quit);
    CHECK(keyboard.keys() == "a\024");
}

TEST_CASE("keyboard: the terminal's replies outlive Ctrl-C, as somebody waits for them") {
    Keyboard keyboard;
    std::string_view keys = "a\033[30;1Rb\033[1;5C\033[2";
    CHECK(keyboard.take(keys, Reader::cooked_editor) == Command::none);
    keys = ";7R\r\033[\003";
    CHECK(keyboard.take(keys, Reader::cooked_editor) == Command::interrupt);
    CHECK(keyboard.keys() == "\033[30;1R\033[2;7R");
}
