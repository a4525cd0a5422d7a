#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "console/sink.h"

namespace mpirepl {

/// What stands on the user's terminal: output above, and below it either the editor with its line
/// or, while a cell runs, the status area. Output that comes while the editor has the screen is
/// held until the editor has made room for it. Entirely passive, for the agent's thread.
class Screen : public Sink {
  public:
    using Clock = std::chrono::steady_clock;

    /// Which of the two destinations are the terminal; what is for the other goes past the screen.
    struct Shown {
        bool out = true;
        bool err = true;
    };

    /// @param terminal takes what is for the terminal, as Destination out, @param past the rest
    Screen(Sink& terminal, Sink& past, Shown shown)
        : terminal_(terminal), past_(past), shown_(shown) {}

    void write(Destination destination, std::string&& text) override;
    std::size_t waiting() const override;
    int failure(Destination destination) const override;

    /// What the editor, or whatever has the screen, writes itself.
    void pass(std::string&& bytes);
    /// The editor has the screen from now on.
    void begin_editing();
    /// Its line is finished, the cursor at the beginning of a new one.
    void end_editing();
    bool editing() const { return editing_; }
    /// Output waits for the editor, which has not been asked lately to make room.
    bool wants_room(Clock::time_point now);
    /// The editor has removed its line; writes what has been held.
    void release();
    /// The terminal is a shell's until come_back(): output waits.
    void leave();
    /// @return whether an editor has had the screen all the while, and must draw its line again
    bool come_back();
    /// The lines below the output, as long as the editor does not have the screen; each shorter
    /// than the terminal is wide.
    void show_status(std::vector<std::string> lines);

  private:
    bool is_shown(Destination destination) const {
        return destination == out ? shown_.out : shown_.err;
    }
    std::string erasing() const;
    std::string drawing() const;

    Sink& terminal_;
    Sink& past_;
    Shown shown_;
    bool editing_ = false;
    bool away_ = false;
    bool left_editing_ = false;  ///< the editor had the screen when it was left, and has it still
    std::string held_;
    Clock::time_point asked_for_room_{};
    std::vector<std::string> status_;
};

}  // namespace mpirepl
