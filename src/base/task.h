#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/rank_set.h"

/// What crosses between rank 0, which hands out the tasks of the views, and the engines, which are
/// all ranks. Pickles are opaque here; Python makes and reads them.
namespace mpirepl {

/// Run this.
struct Task {
    std::uint64_t id = 0;
    std::uint32_t cell = 0;      ///< not before the cell of this sequence number has come
    std::uint32_t failures = 0;  ///< of the engine's, that were known when this was submitted
    std::uint32_t function = 0;  ///< which of the batch's functions
    bool stops = false;     ///< if it fails, what was submitted before that was known is aborted
    bool balanced = false;  ///< may be given back before it has begun
    std::string argument;
    std::vector<std::uint64_t> blobs;  ///< sizes of the memory that follows, see Transfers
    std::uint32_t transfer = 0;        ///< its number
    RankSet spread;                    ///< the engines that get the same memory; empty: this one
    bool operator==(const Task&) const = default;
};

/// From rank 0 to an engine, in the order in which they shall run.
struct TaskBatch {
    std::vector<std::string> functions;
    std::vector<Task> tasks;
    bool operator==(const TaskBatch&) const = default;
};

/// How a task has ended.
struct TaskEnd {
    enum class Status : std::uint8_t {
        ok,
        error,
        aborted,     ///< has not run
        unmet,       ///< its dependency says: not on this engine
        timeout,     ///< has not run in time; of rank 0's making, as are those below
        invalid,     ///< depends on a task that does not exist
        impossible,  ///< no engine can run it
    };
    std::uint64_t id = 0;
    Status status = Status::ok;
    double started = 0;  ///< seconds since 1970
    double completed = 0;
    std::string out;  ///< what it has printed, without that of earlier notes
    std::string err;
    std::string value;  ///< the pickle of its value or error
    std::vector<std::uint64_t> blobs;
    std::uint32_t transfer = 0;
    bool operator==(const TaskEnd&) const = default;
};

/// From an engine to rank 0.
struct TaskResults {
    std::vector<TaskEnd> ends;
    bool operator==(const TaskResults&) const = default;
};

/// From an engine to rank 0: of a task that still runs.
struct TaskNote {
    enum class Kind : std::uint8_t {
        out,  ///< what it has printed since the last note
        err,
        data,  ///< what it has published
    };
    std::uint64_t id = 0;
    Kind kind = Kind::out;
    std::string text;
    bool operator==(const TaskNote&) const = default;
};

/// From rank 0 to an engine.
struct TaskControl {
    enum class Kind : std::uint8_t {
        abort,   ///< drop these, unless they have begun
        recall,  ///< give back what is balanced and has not begun
        signal,  ///< deliver the signal of this number
    };
    Kind kind = Kind::abort;
    std::int32_t signal = 0;
    std::vector<std::uint64_t> ids;
    bool operator==(const TaskControl&) const = default;
};

/// From an engine to rank 0: these have not begun and are given back.
struct TaskReturn {
    std::vector<std::uint64_t> ids;
    bool operator==(const TaskReturn&) const = default;
};

}  // namespace mpirepl
