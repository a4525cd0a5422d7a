#include "guard/guard.h"

#include <algorithm>
#include <utility>

#include "base/mpi_error.h"
#include "guard/call.h"
#include "guard/state.h"

namespace mpirepl::guard {

void connect(const Hooks& hooks) { state().hooks = hooks; }

void install() {
    State& all = state();
    all.main_thread = ::pthread_self();
    PMPI_Comm_rank(MPI_COMM_WORLD, &all.world_rank);
    MPIREPL_MPI(PMPI_Comm_dup(MPI_COMM_WORLD, &all.recovery));
    int error_class = 0;
    MPIREPL_MPI(PMPI_Add_error_class(&error_class));
    MPIREPL_MPI(PMPI_Add_error_code(error_class, &all.broken_off));
    MPIREPL_MPI(PMPI_Add_error_string(all.broken_off, "broken off by mpirepl's guard"));
    MPI_Request done = MPI_REQUEST_NULL;
    MPIREPL_MPI(PMPI_Isend(nullptr, 0, MPI_BYTE, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &done));
    all.done_at_once = done;
    MPIREPL_MPI(PMPI_Wait(&done, MPI_STATUS_IGNORE));
    adopt_communicator(MPI_COMM_WORLD, "");
    adopt_communicator(MPI_COMM_SELF, "");
    all.installed = true;
}

void uninstall() {
    State& all = state();
    all.enabled = false;
    if (!all.installed.exchange(false)) return;
    for (MPI_Comm comm : {MPI_COMM_SELF, MPI_COMM_WORLD})
        if (Context* context = find_communicator(comm)) release(*context);
    PMPI_Comm_free(&all.recovery);
}

void begin_cell(std::uint32_t number, bool guarded, bool profiled) {
    State& all = state();
    // It may have been broken off before it has begun here.
    all.refusing = all.calls_failed = all.broken_cell == number && !all.breaking;
    all.cell = number;
    all.enabled = guarded && all.installed;
    if (profiled) begin_profile();
}

void begin_end() { state().ending = true; }

void begin_task(std::uint32_t number, bool guarded) {
    State& all = state();
    if (all.breaking) take_part();
    all.refusing = all.calls_failed = false;
    all.cell = number;
    all.enabled = guarded && all.installed;
}

CellEnd end_cell() {
    State& all = state();
    if (all.breaking) take_part();
    auto lock = bookkeeping();
    all.refusing = false;
    CellEnd end{.broken_off = all.calls_failed.exchange(false),
                .dropped = std::exchange(all.dropped, 0),
                .ended_by = std::exchange(all.ended_by, {})};
    Mismatch mismatch = std::exchange(all.mismatch, {});
    end.call = std::move(mismatch.call);
    end.comm = std::move(mismatch.comm);
    end.mismatch = std::move(mismatch.text);
    return end;
}

void take_part(bool goes_on) {
    await_end_of_break();
    if (!goes_on) state().refusing = false;
}

bool installed() { return state().installed; }
bool breaking() { return state().breaking; }
void break_off(std::uint32_t cell) {
    state().broken_cell = cell;
    state().breaking = state().installed.load();
}
bool parked() { return state().main_parked; }

std::vector<pthread_t> calling_threads() {
    auto lock = bookkeeping();
    std::vector<pthread_t> all;
    for (const Thread* thread : state().threads)
        if (!thread->is_main) all.push_back(thread->id);
    return all;
}
bool another_is_parked() {
    auto lock = bookkeeping();
    return std::ranges::any_of(state().threads, [](const Thread* t) {
        return !t->is_main && (t->parked || t->in_arrival);
    });
}
void proceed() {
    state().give_up = true;
    state().go = true;
}
bool refusing() { return state().refusing; }

bool main_waits() {
    auto lock = bookkeeping();
    for (const Thread* thread : state().threads)
        if (thread->is_main) return thread->waiting != nullptr;
    return false;
}

}  // namespace mpirepl::guard
