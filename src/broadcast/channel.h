#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mpirepl {

/// Sends and receives whole messages between ranks on one communicator, without ever waiting.
/// Messages from one rank to another arrive in the order sent. Entirely passive, for one thread:
/// the agent calls progress() again and again.
class Channel {
  public:
    using Receive = std::function<void(int source, std::string&& bytes)>;

    explicit Channel(MPI_Comm comm) : comm_(comm) {}
    /// Waits until what was sent has been received.
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    void send(int destination, std::shared_ptr<const std::string> bytes);
    /// Moves traffic on and hands a message to `receive` if one has arrived. Only one: a look that
    /// finds nothing can give the core away (Open MPI yields in it when there are too few).
    /// @return whether anything happened
    bool progress(const Receive& receive);
    /// Some message has not left this rank yet.
    bool sending() const { return !requests_.empty(); }
    /// Bytes that have been received so far.
    std::uint64_t received() const { return received_; }

  private:
    bool complete_sends();

    MPI_Comm comm_;
    std::uint64_t received_ = 0;
    std::vector<MPI_Request> requests_;
    std::vector<std::shared_ptr<const std::string>> buffers_;  // one per request
};

}  // namespace mpirepl
