#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>

#include "base/fd.h"

namespace mpirepl {

/// Writes to one descriptor in order and never blocks the agent, on whose thread it lives: what
/// a pipe or terminal does not take yet waits here. Regular files are written at once.
/// The first write that fails ends it: `failure` says why, and what comes later is dropped.
class OutputFile {
  public:
    explicit OutputFile(Fd fd);
    ~OutputFile();

    void attach(boost::asio::io_context& io);
    void write(std::string&& text);
    /// Bytes that wait to be written.
    std::size_t waiting() const { return in_progress_.size() - written_ + next_.size(); }
    /// errno of the write that failed, else 0.
    int failure() const { return failure_; }

  private:
    void go_on();

    Fd fd_;
    bool pollable_;
    std::unique_ptr<boost::asio::posix::stream_descriptor> descriptor_;
    std::string in_progress_;
    std::size_t written_ = 0;
    std::string next_;
    bool awaiting_ = false;
    int failure_ = 0;
};

}  // namespace mpirepl
