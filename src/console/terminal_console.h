#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "console/keyboard.h"
#include "console/screen.h"
#include "console/terminal.h"
#include "console/writer.h"

namespace mpirepl {

/// The session's end of the user's terminal: takes the keys apart, shows output, and gives the
/// line editor a pseudo terminal that it can use like any other. What an editor writes there comes
/// to the screen, the keys that are meant for it go there. The agent's thread does the work; the
/// front end on rank 0 owns it.
class TerminalConsole {
  public:
    using Clock = std::chrono::steady_clock;

    /// What keys ask for. Called as part of a turn.
    struct Events {
        std::function<void()> interrupt;  ///< Ctrl-C that is not a key for the editor
        std::function<void()> cancelled;  ///< the editor will give up its line because of Ctrl-C
        std::function<void()> where;      ///< Ctrl-T
        std::function<void()> kill;       ///< Ctrl-\ and yes
        std::function<void()> closed;     ///< no keys will come any more
    };
    /// Who reads keys from the pseudo terminal. One that takes Ctrl-C as a key is told through
    /// wishes_fd() what it shall do, others with keys.
    struct Editor {
        Keyboard::Reader reader = Keyboard::Reader::editor;
        bool raw = false;       ///< it puts the terminal into raw mode, however late
        bool asks = false;      ///< it asks for input of a cell: Ctrl-C is for the cell
        std::string redraw;     ///< the keys that have it draw its line anew,
        std::string make_room;  ///< those that have it make room,
        std::string give_up;    ///< and those that make it give up; none for a program
    };

    /// @param keys from where keys come, @param out and @param err for what is not for the terminal
    /// @throws UserError when the terminal cannot be used
    TerminalConsole(TerminalPlace place, Fd keys, Fd out, Fd err);

    Sink& sink() { return screen_; }
    int columns() const { return columns_; }
    int lines() const { return lines_; }
    bool has_output() const { return shown_.out; }
    bool has_errors() const { return shown_.err; }

    // For any thread:
    /// The path of the pseudo terminal.
    const std::string& editor_path() const { return editor_path_; }
    /// A pipe that tells the editor to make room for output ('m'), to draw its line anew where
    /// the cursor is ('r'), or to give up ('c').
    int wishes_fd() const { return wishes_reader_.get(); }
    /// How often Ctrl-C has been pressed, for who keeps keys himself: what was typed before is
    /// gone.
    unsigned interrupts() const { return interrupts_; }
    /// Waits until all that has been written to the pseudo terminal has come to the screen.
    void wait_for_output_of_editor();

    // As part of a turn:
    void start(boost::asio::io_context& io, Events events);
    /// From where keys and what the editor writes come, once it has started.
    std::array<int, 2> descriptors() const {
        return {keys_->native_handle(), pty_->native_handle()};
    }
    void begin_editing(Editor editor);
    void end_editing();
    /// The editor's line is not on the screen now.
    void release() { screen_.release(); }
    /// The session ends at once.
    void abandon() { terminal_.abandon(); }
    /// Has a question that is being asked given up.
    void cancel_question();
    void show_status(const std::vector<std::string>& lines);
    void tick(Clock::time_point now);

  private:
    void await_keys();
    void read_keys_here();
    void take_keys(std::string_view bytes);
    void obey(Keyboard::Command command);
    void decide_about_killing(char key);
    void feed_editor(Clock::time_point now);
    void await_editor();
    bool relay_editor();
    void follow_size();
    void suspend();
    void look_whether_resumed(Clock::time_point now);
    void cancel();
    void redraw();
    bool is_told() const { return editor_.reader == Keyboard::Reader::editor; }
    bool can_give_up() const;
    void tell_editor(char what);
    void forget_wishes();
    void make_room();
    Keyboard::Reader reader() const;

    Screen::Shown shown_;
    Terminal terminal_;
    Writer to_terminal_;
    Writer past_terminal_;
    Screen screen_;
    Keyboard keyboard_;
    Fd keys_fd_;
    std::string editor_path_;
    Fd editor_side_;  ///< keeps the pseudo terminal open between two editors
    Fd our_side_;
    Fd wishes_reader_;
    Fd wishes_writer_;
    std::unique_ptr<boost::asio::posix::stream_descriptor> keys_;
    std::unique_ptr<boost::asio::posix::stream_descriptor> pty_;
    Events events_;
    Editor editor_;
    Clock::time_point editing_since_{};
    bool giving_up_ = false;  ///< it gets the keys for that, and no others any more
    std::atomic<unsigned> interrupts_ = 0;
    Clock::time_point next_look_{};
    winsize size_{};
    std::atomic<int> columns_ = 0;
    std::atomic<int> lines_ = 0;
    bool suspended_ = false;
    bool begun_behind_ = false;
    bool was_behind_ = false;  ///< since then another job has had the terminal
    Clock::time_point suspended_at_{};
    Clock::time_point in_front_since_{};
    std::string while_suspended_;  ///< what the editor has written since: a shell has the terminal
    bool asking_to_kill_ = false;
    std::atomic<unsigned> marks_written_ = 0;
    std::atomic<unsigned> marks_seen_ = 0;
};

}  // namespace mpirepl
