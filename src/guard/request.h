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
    using Make = std::function<int(MPI_Comm, MPI_Request*)>;
    enum class Kind : std::uint8_t { send, receive, collective };
    Context* context = nullptr;  ///< which stays as long as this
    std::int64_t bytes = 0;      ///< that it may transfer; about
    std::uint64_t number = 0;    ///< of a collective
    int peer = MPI_ANY_SOURCE;   ///< in `real`
    int tag = MPI_ANY_TAG;
    Kind kind = Kind::receive;
    bool can_be_cancelled = true;  ///< else a break leaves it behind with its communicator
    bool persistent = false;
    bool active = true;
    bool arrived = false;     ///< the library is done with it, and it has been counted
    bool cancelling = false;  ///< by user code
    bool lost = false;        ///< ended by a break: using it while it is active is an error
    bool freed = false;       ///< by user code; a receive
    int users = 0;            ///< calls that look at it outside bookkeeping(); -1: the guard does
    std::shared_ptr<const Make> make = nullptr;  ///< makes a persistent one anew
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
/// The same under bookkeeping().
void add_sent(Context& context, int destination, int tag, bool undo);

/// Has a persistent request that a break has ended made anew, under another handle.
int remake_lost(MPI_Request* handle);

/// The requests of one call, as they were at its beginning. While it looks at them, the agent does
/// not look at those that are in the books.
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
    /// The library has completed that one: brings the books up to date.
    void completed(std::size_t index, const MPI_Status& status);

  private:
    struct Used {
        MPI_Request handle;
        Request* request;  ///< null: it is not in the books
    };
    boost::container::small_vector<Used, 8> all_;
    std::size_t in_books_ = 0;
    bool any_lost_ = false;
    std::int64_t bytes_ = 0;
};

/// Frees one that user code gives up. A receive still takes place, and must be counted: the library
/// keeps it until the guard has seen its end.
int free_request(MPI_Request* handle);
/// Lets the library say which of the open receives have ended, so that their messages are counted.
/// Requests that a call is looking at are its own affair.
void look_at_receives();
/// Has the library complete a request that a break has ended, and makes it null if it is not
/// persistent.
void drop_lost(MPI_Request* handle);

}  // namespace mpirepl::guard
