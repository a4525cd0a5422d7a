#include "console/screen.h"

#include <fmt/format.h>

#include <utility>

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

// Redrawing the line takes the editor some milliseconds; keys shall not wait for it all the time.
constexpr auto between_rooms = 50ms;

}  // namespace

void Screen::write(Destination destination, std::string&& text) {
    if (!is_shown(destination)) {
        past_.write(destination, std::move(text));
    } else if (editing_ || away_) {
        held_ += text;
    } else {
        std::string bytes = erasing();
        bytes += text;
        bytes += drawing();
        terminal_.write(out, std::move(bytes));
    }
}

std::size_t Screen::waiting() const { return held_.size() + terminal_.waiting() + past_.waiting(); }

int Screen::failure(Destination destination) const {
    return is_shown(destination) ? terminal_.failure(out) : past_.failure(destination);
}

void Screen::pass(std::string&& bytes) { terminal_.write(out, std::move(bytes)); }

void Screen::begin_editing() {
    show_status({});
    editing_ = true;
}

void Screen::end_editing() {
    editing_ = left_editing_ = false;
    release();
}

bool Screen::wants_room(Clock::time_point now) {
    if (!editing_ || away_ || held_.empty() || now - asked_for_room_ < between_rooms) return false;
    asked_for_room_ = now;
    return true;
}

void Screen::leave() {
    show_status({});
    away_ = true;
    left_editing_ = editing_;
}

bool Screen::come_back() {
    away_ = false;
    if (!left_editing_) release();
    return left_editing_;
}

void Screen::release() {
    if (!away_ && !held_.empty()) terminal_.write(out, std::exchange(held_, {}));
}

void Screen::show_status(std::vector<std::string> lines) {
    if (editing_ || away_ || lines == status_) return;
    std::string bytes = erasing();
    status_ = std::move(lines);
    bytes += drawing();
    terminal_.write(out, std::move(bytes));
}

/// The cursor stands at the beginning of the status: it stays there when the window gets narrower
/// and the terminal makes two lines of one.
std::string Screen::erasing() const { return status_.empty() ? "" : "\r\033[J"; }

std::string Screen::drawing() const {
    if (status_.empty()) return {};
    const std::string up =
        status_.size() > 1 ? fmt::format("\033[{}A", status_.size() - 1) : std::string();
    return fmt::format("{}\r{}", fmt::join(status_, "\n"), up);
}

}  // namespace mpirepl
