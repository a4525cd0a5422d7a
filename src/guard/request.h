#pragma once

#include <mpi.h>

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "guard/context.h"

namespace mpirepl::guard {

/// The status of a call, whether user code wants it or not.
class OneStatus {
  public:
    explicit OneStatus(MPI_Status* wanted) : wanted_(wanted) {}
    MPI_Status* get() { return wanted_ == MPI_STATUS_IGNORE ? &own_ : wanted_; }
    MPI_Status& operator*() { return *get(); }

  private:
    MPI_Status* wanted_;
    MPI_Status own_{};
};

/// A nonblocking or persistent operation of user code that has not been completed.
struct Request {
    enum class Kind { send, receive, collective };
    Kind kind = Kind::receive;
    std::shared_ptr<Context> context;
    int peer = MPI_ANY_SOURCE;  ///< in `real`
    int tag = MPI_ANY_TAG;
    std::uint64_t number = 0;      ///< of a collective
    std::int64_t bytes = 0;        ///< that it may transfer; about
    bool can_be_cancelled = true;  ///< else a break leaves it behind with its communicator
    bool persistent = false;
    std::function<int(MPI_Comm, MPI_Request*)> make;  ///< makes a persistent one anew
    bool active = true;
    bool arrived = false;     ///< the library is done with it, and it has been counted
    bool cancelling = false;  ///< by user code
    bool lost = false;        ///< ended by a break: using it while it is active is an error
    int users = 0;            ///< threads that look at it outside bookkeeping()
};

/// Puts a request into the books that the library has just made. One that is done already is to be
/// left out, unless its end must be counted: the library may give several the same handle.
void note_request(MPI_Request handle, Request&& request);
bool is_done(MPI_Request handle);

/// A receive has ended with this status: counts the message.
void count_received(Context& context, const MPI_Status& status);
/// The same under bookkeeping().
void add_received(Context& context, const MPI_Status& status);
bool was_cancelled(const MPI_Status& status);
/// A message is about to be sent to a rank of `real`, or after an error has not been.
void count_sent(Context& context, int destination, int tag, bool undo = false);

/// Has a persistent request that a break has ended made anew, under another handle.
int remake_lost(MPI_Request* handle);

/// Keeps the registered ones among some requests from being looked at by others while a call does.
class UsedRequests {
  public:
    explicit UsedRequests(std::span<const MPI_Request> handles);
    ~UsedRequests();
    UsedRequests(const UsedRequests&) = delete;
    UsedRequests& operator=(const UsedRequests&) = delete;

    /// One of them was ended by a break.
    bool any_lost() const { return any_lost_; }
    /// That all together may transfer.
    std::int64_t bytes() const { return bytes_; }

  private:
    boost::container::small_vector<MPI_Request, 8> handles_;
    bool any_lost_ = false;
    std::int64_t bytes_ = 0;
};

/// The library has completed a request, whose handle was `before`: brings the books up to date.
void request_completed(MPI_Request before, const MPI_Status& status);
/// User code has given it up: sends and receives still take place.
void request_freed(MPI_Request before);
/// Has the library complete a request that a break has ended, and makes it null if it is not
/// persistent.
void drop_lost(MPI_Request* handle);

}  // namespace mpirepl::guard
