#pragma once

#include <mpi.h>
#include <pthread.h>

#include <optional>
#include <string>
#include <vector>

#include "base/picture.h"
#include "base/python_thread.h"
#include "guard/profile.h"

/// The guard: MPI calls of user code that can be broken off. The program defines the MPI_ functions
/// (calls.txt lists them); every library loaded later binds to these. Here is what the session asks
/// of it; who decides is in verdict.h.
namespace mpirepl::guard {

/// What the guard must know of Python and of the rank's output.
struct Hooks {
    bool (*holds_gil)() = nullptr;                     ///< the calling thread does
    std::vector<PythonThread> (*threads)() = nullptr;  ///< for a thread that holds it
    void (*save_output)() = nullptr;                   ///< before MPI_Abort ends the job
};
void connect(const Hooks& hooks);

/// Takes MPI_COMM_WORLD under the guard. Collective; on the main thread, before Python starts.
void install();
/// It has been installed: calls can be broken off.
bool installed();
/// Frees what install() has made, if it has.
void uninstall();

// For the main thread, around a cell:
/// @param number the same on all ranks, and greater than that of the last one
void begin_cell(std::uint32_t number, bool guarded, bool profiled);

/// The same around a task of a view, on a rank that runs no cell; its number is that of the cell
/// that goes on elsewhere. A break of that before the task is none of its own.
void begin_task(std::uint32_t number, bool guarded);

/// What has become of a cell besides what it has raised itself.
struct CellEnd {
    bool broken_off = false;  ///< calls have failed
    int dropped = 0;          ///< messages that nobody will receive, on all ranks
    std::string ended_by;     ///< "MPI_Finalize": the cell ends here as it ended its rank
    std::string call;         ///< of a mismatch
    std::string comm;
    std::string mismatch;  ///< who called what
};
/// Takes part in a recovery that is due.
CellEnd end_cell();
/// Of a cell that was profiled.
MpiProfile end_profile();

/// A break is under way: the main thread must come to take_part(), wherever it is.
bool breaking();
/// No further cell comes: breaks end all waits.
void begin_end();
/// Waits until all ranks have recovered.
/// @param goes_on the cell does on this rank, by other threads, whose calls fail from then on
void take_part(bool goes_on = false);

// For the agent's thread:
/// What this rank's threads do.
struct Look {
    Picture picture;                 ///< without places; state: waiting or computing, by the main
                                     ///< thread alone
    std::vector<pthread_t> waiting;  ///< the thread of each of its waits
    std::vector<pthread_t> calling;  ///< all threads that have called MPI
    bool main_waits = false;
    bool unknown_waits = false;         ///< for something that is not in the books
    bool gil_is_held = false;           ///< by a thread that waits
    std::vector<PythonThread> threads;  ///< in that case
};
/// @param communicators for which traffic is counted
Look look(const std::vector<std::uint64_t>& communicators);
/// Ends all waits; calls wait from then on for the recovery, which all ranks begin together.
void break_off(std::uint32_t cell);
/// This rank's main thread waits for that.
bool parked();
void proceed();
/// Those of its other threads that have called MPI.
std::vector<pthread_t> calling_threads();
/// Another of its threads does.
bool another_is_parked();
/// The main thread waits in a call, and has done so for a while.
bool main_waits();
/// Calls fail, and the cell still runs.
bool refusing();

}  // namespace mpirepl::guard
