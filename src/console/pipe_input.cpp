#include "console/pipe_input.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace mpirepl {

PipeInput::PipeInput(Fd fd, bool nested_fstrings, std::function<void()> on_signal)
    : fd_(std::move(fd)),
      splitter_(nested_fstrings),
      on_signal_(std::move(on_signal)),
      buffer_(64 * 1024, '\0') {}

/// @return false when the launcher's own input has ended and nothing more has come from it
bool PipeInput::wait_for_input() {
    if (!launcher_.watched()) return true;  // read() waits itself
    constexpr int patience_ms = 500;
    for (bool ended_before = false;; ended_before = launcher_.has_ended()) {
        pollfd state{.fd = fd_.get(), .events = POLLIN, .revents = 0};
        int ready = ::poll(&state, 1, patience_ms);
        if (ready > 0) return true;
        if (ready < 0 && errno == EINTR) on_signal_();
        if (ready == 0 && ended_before) return false;
    }
}

std::optional<std::string> PipeInput::next() {
    while (true) {
        if (auto cell = splitter_.next()) return cell;
        if (at_end_) return std::nullopt;
        ssize_t size = !wait_for_input() ? 0 : ::read(fd_.get(), buffer_.data(), buffer_.size());
        if (size > 0) {
            splitter_.feed(std::string_view(buffer_).substr(0, static_cast<std::size_t>(size)));
        } else if (size < 0 && errno == EINTR) {
            on_signal_();
        } else if (size < 0) {
            throw UserError(fmt::format("standard input cannot be read: {}", std::strerror(errno)),
                            1);
        } else {
            at_end_ = true;
            splitter_.finish();
        }
    }
}

}  // namespace mpirepl
