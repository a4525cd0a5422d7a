#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/rank_set.h"

/// What a rank tells about itself when rank 0 asks who waits for whom (guard/verdict.h decides).
/// Ranks are those of MPI_COMM_WORLD throughout; a communicator is named by a number that all its
/// members share.
namespace mpirepl {

constexpr int any_rank = -1;
constexpr int any_tag = -1;

/// Messages are counted by tag, modulo this many.
constexpr int tag_buckets = 1024;
constexpr int tag_bucket(int tag) { return tag == any_tag ? any_tag : tag % tag_buckets; }

/// One thing that a thread waits for, or a receive that is open.
struct Need {
    enum class Kind : std::uint8_t {
        receive,     ///< a message from `peer` with `tag`; also what a probe waits for
        send,        ///< that `peer` receives a message with `tag`
        arrival,     ///< in the `number`-th blocking collective: a message that `peer` has come too
        collective,  ///< the end of the `number`-th nonblocking collective
    };
    Kind kind = Kind::receive;
    std::uint64_t comm = 0;
    int peer = any_rank;
    int tag = any_tag;
    std::uint64_t number = 0;    ///< arrival and collective, counted from 1; 0: of some members
    std::uint64_t received = 0;  ///< receive and arrival: messages that match and have come so far
    bool operator==(const Need&) const = default;
};

/// A call in which a thread waits.
struct Wait {
    std::string call;  ///< "MPI_Recv"
    bool any = false;  ///< one of the needs is enough
    bool main_thread = true;
    std::vector<Need> needs;  ///< those that are not fulfilled
    double seconds = 0;       ///< so long it has waited
    std::string where;        ///< the innermost line of Python: "psum.py:6 in psum"; may be empty
    std::string callee;       ///< what that line calls: "allreduce"; may be empty
    bool operator==(const Wait&) const = default;
};

/// How many messages this rank has sent, finished or not.
struct Sent {
    bool arrival = false;
    std::uint64_t comm = 0;
    int peer = 0;
    int tag = 0;  ///< a tag_bucket()
    std::uint64_t messages = 0;
    bool operator==(const Sent&) const = default;
};

/// What is to be known of a communicator that is waited on.
struct CommunicatorInfo {
    std::uint64_t id = 0;
    std::string name;     ///< "MPI_COMM_WORLD"
    bool hidden = false;  ///< a library's own duplicate of the one that has this name
    RankSet members;
    bool operator==(const CommunicatorInfo&) const = default;
};

/// A nonblocking collective that this rank has begun.
struct BegunCollective {
    std::uint64_t number = 0;
    std::string call;  ///< with all in which its callers must agree: "MPI_Ibcast with root 0"
    bool operator==(const BegunCollective&) const = default;
};

/// How many collectives this rank has begun on a communicator.
struct Begun {
    std::uint64_t comm = 0;
    std::uint64_t arrivals = 0;           ///< blocking ones
    std::uint64_t collectives = 0;        ///< nonblocking ones
    std::vector<BegunCollective> latest;  ///< of these
    bool operator==(const Begun&) const = default;
};

/// The answer of one rank.
struct Picture {
    enum class State : std::uint8_t {
        not_targeted,  ///< the cell does not run here
        no_task,       ///< nor a task of the views, which run on other ranks
        computing,
        waiting,  ///< all threads that count are in `waits`
        left,     ///< the cell has ended here
    };
    std::uint32_t census = 0;  ///< the question that it answers
    std::int32_t rank = 0;
    State state = State::computing;
    bool left = false;    ///< the cell has ended here, also if other threads wait
    std::string left_by;  ///< by this exception, "ZeroDivisionError"; or empty
    std::string where;    ///< computing: the main thread's innermost line, as in Wait; may be empty
    std::uint64_t events = 0;  ///< grows whenever something happens here
    std::vector<Wait> waits;
    std::vector<Need> open_receives;  ///< posted, not completed, and not among the waits
    std::vector<Sent> sent;
    std::vector<Begun> begun;
    std::vector<CommunicatorInfo> communicators;
    bool operator==(const Picture&) const = default;
};

/// What ranks are told when what they wait for has been broken off.
struct Diagnosis {
    RankSet ranks;          ///< that are told this
    std::string call;       ///< "MPI_Recv"
    std::string comm;       ///< "MPI_COMM_WORLD"
    RankSet missing;        ///< who is waited for
    RankSet waiting;        ///< all who wait in this deadlock
    bool mismatch = false;  ///< they have called different collectives
    std::string text;       ///< for the user: one line, then indented ones
    bool operator==(const Diagnosis&) const = default;
};

}  // namespace mpirepl
