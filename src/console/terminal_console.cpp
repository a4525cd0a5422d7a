#include "console/terminal_console.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/nap.h"
#include "console/display_width.h"

namespace mpirepl {
namespace {

using namespace std::chrono_literals;
using boost::asio::posix::descriptor_base;

constexpr std::size_t read_size = 64 * 1024;
constexpr std::size_t fed_at_once = 512;  // far less than a terminal's queue holds
constexpr auto look_at_terminal = 100ms;
constexpr auto until_raw = 300ms;  // a program that has not made it so by then never will
constexpr int looks_for_stop = 50;
constexpr auto launcher_tells = std::chrono::milliseconds(50);  // that it has been continued
constexpr auto until_stopped = 1s;  // a launcher that has not stopped by then does not
constexpr char mark = '\0';         // terminals ignore it, editors do not write it

/// A terminal that does not change what is written: the user's own will do that.
void prepare(int editor_side, const termios& like) {
    termios modes = like;
    modes.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    modes.c_lflag |= ICANON | ECHO | ISIG | IEXTEN;
    modes.c_lflag &= ~static_cast<tcflag_t>(ECHOCTL);  // keys of ours may come before the editor
    modes.c_iflag |= ICRNL;
    ::tcsetattr(editor_side, TCSANOW, &modes);
}

bool waits_for_lines(int our_side) {
    termios modes{};
    return ::tcgetattr(our_side, &modes) == 0 && (modes.c_lflag & ICANON) != 0;
}

/// A program has the terminal as its own: Ctrl-C is for that.
bool has_program(int our_side) {
    pid_t group = 0;
    return ::ioctl(our_side, TIOCGPGRP, &group) == 0 && group > 0;
}

Screen::Shown shown_at(const TerminalPlace& place) {
    return {.out = place.has_output, .err = place.has_errors};
}

}  // namespace

TerminalConsole::TerminalConsole(TerminalPlace place, Fd keys, Fd out, Fd err)
    : shown_(shown_at(place)),
      terminal_(std::move(place)),
      to_terminal_(duplicate(terminal_.fd()), duplicate(terminal_.fd())),
      past_terminal_(std::move(out), std::move(err)),
      screen_(to_terminal_, past_terminal_, shown_),
      keys_fd_(std::move(keys)),
      our_side_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    std::array<char, 128> name{};
    if (!our_side_ || ::grantpt(our_side_.get()) != 0 || ::unlockpt(our_side_.get()) != 0 ||
        ::ptsname_r(our_side_.get(), name.data(), name.size()) != 0)
        throw UserError(std::string("no pseudo terminal can be had for the line editor: ") +
                        std::strerror(errno));
    editor_path_ = name.data();
    editor_side_ = Fd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    prepare(editor_side_.get(), terminal_.modes_before());
    follow_size();
    if (!terminal_.is_raw()) {  // the shell has begun the job in the background
        screen_.leave();
        suspended_ = was_behind_ = begun_behind_ = true;
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
        wishes_reader_ = Fd(ends[0]);
        wishes_writer_ = Fd(ends[1]);
    }
}

void TerminalConsole::start(boost::asio::io_context& io, Events events) {
    events_ = std::move(events);
    keys_ = std::make_unique<boost::asio::posix::stream_descriptor>(io, keys_fd_.release());
    pty_ = std::make_unique<boost::asio::posix::stream_descriptor>(io, our_side_.release());
    pty_->non_blocking(true);
    await_keys();
    await_editor();
}

void TerminalConsole::await_keys() {
    // Not made non-blocking: under no launcher it is the shell's terminal too.
    keys_->async_wait(descriptor_base::wait_read, [this](boost::system::error_code error) {
        if (error) return;
        std::array<char, 4096> buffer{};
        ssize_t size = ::read(keys_->native_handle(), buffer.data(), buffer.size());
        if (size > 0) {
            take_keys({buffer.data(), static_cast<std::size_t>(size)});
        } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
            events_.closed();  // a terminal in raw mode has no other end
            return;
        }
        await_keys();
    });
}

/// A launcher that has begun in the background, and was not stopped for reading, never does.
void TerminalConsole::read_keys_here() {
    keys_->close();
    keys_->assign(duplicate(terminal_.fd()).release());
    await_keys();
}

Keyboard::Reader TerminalConsole::reader() const {
    if (!screen_.editing()) return Keyboard::Reader::nobody;
    if (has_program(pty_->native_handle())) return Keyboard::Reader::editor;
    return editor_.asks ? Keyboard::Reader::cooked_editor : editor_.reader;
}

void TerminalConsole::take_keys(std::string_view bytes) {
    while (!bytes.empty()) {
        if (asking_to_kill_) {
            decide_about_killing(bytes.front());
            bytes.remove_prefix(1);
            continue;
        }
        obey(keyboard_.take(bytes, reader()));
    }
    feed_editor(Clock::now());
}

void TerminalConsole::obey(Keyboard::Command command) {
    switch (command) {
        case Keyboard::Command::none:
            return;
        case Keyboard::Command::interrupt:
            ++interrupts_;
            if (!giving_up_) ::tcflush(editor_side_.get(), TCIFLUSH);
            // No signal for a line editor, which might get it a moment too late.
            if (can_give_up()) cancel();
            if (!can_give_up() || editor_.asks) events_.interrupt();
            return;
        case Keyboard::Command::where:
            events_.where();
            return;
        case Keyboard::Command::suspend:
            suspend();
            return;
        case Keyboard::Command::quit:
            asking_to_kill_ = true;
            screen_.pass("\r\nKill the session on all ranks? (y/[n]) ");
    }
}

void TerminalConsole::decide_about_killing(char key) {
    asking_to_kill_ = false;
    bool yes = key == 'y' || key == 'Y';
    screen_.pass(yes ? "y\r\n" : "n\r\n");
    if (yes)
        events_.kill();
    else
        redraw();
}

void TerminalConsole::redraw() {
    if (!screen_.editing()) return;
    if (is_told())
        tell_editor('r');
    else if (!giving_up_)
        keyboard_.keys().insert(0, editor_.redraw);
}

void TerminalConsole::cancel_question() {
    if (screen_.editing() && editor_.asks) cancel();
}

bool TerminalConsole::can_give_up() const {
    return screen_.editing() && (giving_up_ || is_told() || !editor_.give_up.empty());
}

void TerminalConsole::cancel() {
    events_.cancelled();
    giving_up_ = true;
    if (is_told()) tell_editor('c');
}

/// Keys are given as they are read, so that those of the next editor wait here, and only when the
/// terminal is in the mode that the editor wants: before, it would echo them itself, and act upon
/// some of them.
void TerminalConsole::feed_editor(Clock::time_point now) {
    std::string& keys = giving_up_ ? editor_.give_up : keyboard_.keys();
    if (keys.empty() || !screen_.editing() || suspended_) return;
    const int pty = pty_->native_handle();
    const bool may_get_raw = editor_.raw || now - editing_since_ < until_raw;
    if (may_get_raw && waits_for_lines(pty) && !has_program(pty)) return;
    int unread = 0;
    if (::ioctl(editor_side_.get(), FIONREAD, &unread) == 0 && unread > 0) return;
    std::size_t size = std::min(keys.size(), fed_at_once);
    ssize_t written = ::write(pty, keys.data(), size);
    if (written > 0) keys.erase(0, static_cast<std::size_t>(written));
}

void TerminalConsole::await_editor() {
    pty_->async_wait(descriptor_base::wait_read, [this](boost::system::error_code error) {
        if (error) return;
        relay_editor();
        await_editor();
    });
}

/// @return false when nothing was there
bool TerminalConsole::relay_editor() {
    std::string bytes(read_size, '\0');
    ssize_t size = ::read(pty_->native_handle(), bytes.data(), bytes.size());
    if (size <= 0) return false;
    bytes.resize(static_cast<std::size_t>(size));
    auto marks = static_cast<unsigned>(std::erase(bytes, mark));
    if (suspended_)
        while_suspended_ += bytes;
    else if (!bytes.empty())
        screen_.pass(std::move(bytes));
    marks_seen_ += marks;
    return true;
}

void TerminalConsole::wait_for_output_of_editor() {
    unsigned wanted = ++marks_written_;
    if (::write(editor_side_.get(), &mark, 1) != 1) return;
    constexpr int tries = 10000;
    for (int i = 0; i<tries&& static_cast<int>(wanted - marks_seen_)> 0; ++i) nap(100us);
}

void TerminalConsole::begin_editing(Editor editor) {
    editor_ = std::move(editor);
    editing_since_ = Clock::now();
    forget_wishes();
    screen_.begin_editing();
}

void TerminalConsole::end_editing() {
    if (std::exchange(giving_up_, false)) ::tcflush(editor_side_.get(), TCIFLUSH);
    screen_.end_editing();
}

void TerminalConsole::show_status(const std::vector<std::string>& lines) {
    if (asking_to_kill_) return;
    std::vector<std::string> fitting;
    fitting.reserve(lines.size());
    int columns = size_.ws_col > 1 ? size_.ws_col - 1 : 79;
    for (const std::string& line : lines) fitting.push_back(shortened(line, columns));
    screen_.show_status(std::move(fitting));
}

void TerminalConsole::tick(Clock::time_point now) {
    feed_editor(now);
    if (screen_.wants_room(now)) make_room();
    if (!terminal_.is_raw()) look_whether_resumed(now);
    if (now < next_look_) return;
    next_look_ = now + look_at_terminal;
    follow_size();
}

/// One editor hears through a pipe what it shall do, readline is told with a key.
void TerminalConsole::tell_editor(char what) {
    [[maybe_unused]] ssize_t written = ::write(wishes_writer_.get(), &what, 1);
}

/// What came too late for one editor is not meant for the next.
void TerminalConsole::forget_wishes() {
    std::array<char, 64> wishes{};
    while (::read(wishes_reader_.get(), wishes.data(), wishes.size()) > 0) continue;
}

void TerminalConsole::make_room() {
    if (is_told()) {
        tell_editor('m');
    } else if (!giving_up_ && !waits_for_lines(pty_->native_handle())) {
        keyboard_.keys().insert(0, editor_.make_room);
    }
}

void TerminalConsole::follow_size() {
    winsize now = terminal_.size();
    if (std::memcmp(&now, &size_, sizeof now) == 0) return;
    size_ = now;
    columns_ = now.ws_col;
    lines_ = now.ws_row;
    ::ioctl(editor_side_.get(), TIOCSWINSZ, &size_);
    ::kill(::getpid(), SIGWINCH);  // as the kernel does for the processes of a terminal
}

void TerminalConsole::suspend() {
    screen_.leave();
    terminal_.restore();
    suspended_ = terminal_.suspend();
    suspended_at_ = in_front_since_ = Clock::now();
    // It stops at once, and may be back before the next look.
    for (int i = 0; suspended_ && i < looks_for_stop && terminal_.in_foreground(); ++i) nap(1ms);
    was_behind_ = suspended_ && !terminal_.in_foreground();
    if (suspended_) return;
    terminal_.make_raw();
    screen_.come_back();
}

void TerminalConsole::look_whether_resumed(Clock::time_point now) {
    if (terminal_.is_gone()) {
        events_.closed();
        return;
    }
    if (!terminal_.in_foreground()) {
        was_behind_ = true;
        in_front_since_ = now;
        begun_behind_ &= !terminal_.launcher_is_stopped();
        return;
    }
    if (suspended_ && now - in_front_since_ < launcher_tells) return;
    if (suspended_ && !was_behind_ && now - suspended_at_ < until_stopped) return;
    terminal_.make_raw();
    suspended_ = false;
    if (std::exchange(begun_behind_, false)) read_keys_here();
    const bool line_is_gone = screen_.come_back();
    screen_.pass(std::exchange(while_suspended_, {}));
    if (line_is_gone) redraw();
}

}  // namespace mpirepl
