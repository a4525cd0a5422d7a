#include "console/pipe_input.h"

#include <fmt/format.h>
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

std::optional<std::string> PipeInput::next() {
    while (true) {
        if (auto cell = splitter_.next()) return cell;
        if (at_end_) return std::nullopt;
        ssize_t size = ::read(fd_.get(), buffer_.data(), buffer_.size());
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
