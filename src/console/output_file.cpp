#include "console/output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace mpirepl {
namespace {

bool can_be_polled(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

}  // namespace

OutputFile::OutputFile(Fd fd) : fd_(std::move(fd)), pollable_(can_be_polled(fd_.get())) {}

OutputFile::~OutputFile() {
    if (descriptor_) descriptor_->release();  // fd_ closes it
}

void OutputFile::attach(boost::asio::io_context& io) {
    if (!pollable_) return;
    descriptor_ = std::make_unique<boost::asio::posix::stream_descriptor>(io);
    boost::system::error_code refused;  // some devices, /dev/null among them, cannot be waited for
    descriptor_->assign(fd_.get(), refused);
    if (refused) {
        descriptor_.reset();
    } else {
        descriptor_->non_blocking(true);
    }
}

void OutputFile::write(std::string&& text) {
    if (failure_ != 0) return;
    if (next_.empty())
        next_ = std::move(text);
    else
        next_ += text;
    if (!awaiting_) go_on();
}

void OutputFile::go_on() {
    while (failure_ == 0) {
        if (written_ == in_progress_.size()) {
            in_progress_ = std::exchange(next_, {});
            written_ = 0;
            if (in_progress_.empty()) return;
        }
        ssize_t size =
            ::write(fd_.get(), in_progress_.data() + written_, in_progress_.size() - written_);
        if (size >= 0) {
            written_ += static_cast<std::size_t>(size);
        } else if (errno == EAGAIN && descriptor_) {
            awaiting_ = true;
            descriptor_->async_wait(boost::asio::posix::descriptor_base::wait_write,
                                    [this](boost::system::error_code stopped) {
                                        if (stopped) return;  // this object may be gone
                                        awaiting_ = false;
                                        go_on();
                                    });
            return;
        } else if (errno != EINTR) {
            failure_ = errno;
            in_progress_.clear();
            next_.clear();
            written_ = 0;
        }
    }
}

}  // namespace mpirepl
