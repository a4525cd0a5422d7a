#include "console/screen.h"

#include <doctest/doctest.h>

#include <clocale>
#include <utility>

#include "console/display_width.h"

using namespace mpirepl;
using namespace std::chrono_literals;

namespace {

struct Recorder : Sink {
    std::string text;
    void write(Destination /*destination*/, std::string&& more) override { text += more; }
    std::size_t waiting() const override { return 0; }
    int failure(Destination /*destination*/) const override { return 0; }
    std::string take() { return std::exchange(text, {}); }
};

struct Shown {
    Recorder terminal;
    Recorder past;
    Screen screen{terminal, past, {}};
};

}  // namespace

TEST_CASE_FIXTURE(Shown, "screen: output above the status, which is gone without a trace") {
    screen.write(Sink::out, "a\n");
    CHECK(terminal.take() == "a\n");
    screen.show_status({"one", "two"});
    CHECK(terminal.take() == "one\ntwo\r\033[1A");
    screen.show_status({"one", "two"});
    CHECK(terminal.take() == "");
    screen.write(Sink::err, "b\n");
    CHECK(terminal.take() == "\r\033[Jb\none\ntwo\r\033[1A");
    screen.show_status({});
    CHECK(terminal.take() == "\r\033[J");
    CHECK(past.text == "");
}

TEST_CASE_FIXTURE(Shown, "screen: an editor is not disturbed") {
    screen.begin_editing();
    screen.pass("In [1]: ");
    screen.write(Sink::out, "late\n");
    screen.show_status({"hidden"});
    CHECK(terminal.take() == "In [1]: ");
    CHECK(screen.waiting() == 5);
    auto now = Screen::Clock::now();
    CHECK(screen.wants_room(now));
    CHECK_FALSE(screen.wants_room(now + 1ms));  // the editor has been told
    CHECK(screen.wants_room(now + 1s));
    screen.release();
    CHECK(terminal.take() == "late\n");
    CHECK_FALSE(screen.wants_room(now + 2s));
    screen.write(Sink::out, "at last\n");
    screen.end_editing();
    CHECK(terminal.take() == "at last\n");
    screen.write(Sink::out, "x\n");
    CHECK(terminal.take() == "x\n");
}

TEST_CASE("screen: what is not for the terminal goes past it") {
    Recorder terminal;
    Recorder past;
    Screen screen(terminal, past, {.out = false, .err = true});
    screen.begin_editing();
    screen.write(Sink::out, "to a file\n");
    screen.write(Sink::err, "error\n");
    CHECK(past.take() == "to a file\n");
    CHECK(terminal.take() == "");
    screen.end_editing();
    CHECK(terminal.take() == "error\n");
}

TEST_CASE("display width") {
    const std::string before = std::setlocale(LC_CTYPE, nullptr);
    std::setlocale(LC_CTYPE, "C.UTF-8");
    CHECK(display_width("") == 0);
    CHECK(display_width("abc") == 3);
    CHECK(display_width("\t|") == 9);
    CHECK(display_width("\033[31mred\033[0m") == 3);
    CHECK(display_width("日本") == 4);
    CHECK(display_width("e\u0301") == 1);
    CHECK(display_width("\xff\xfe") == 2);
    CHECK(shortened("日本", 3) == "日");
    CHECK(shortened("abcdef", 3) == "abc");
    CHECK(shortened("a\tb", 9) == "a       b");
    CHECK(shortened("\033[31mred\033[0m and more", 5) == "\033[31mred\033[0m a\033[0m");
    CHECK(shortened("\033[31", 3) == "\033[31\033[0m");
    std::setlocale(LC_CTYPE, before.c_str());
}
