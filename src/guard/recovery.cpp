#include "guard/recovery.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <vector>

#include "base/nap.h"
#include "base/picture.h"
#include "guard/call.h"
#include "guard/state.h"

namespace mpirepl::guard {
namespace {

using namespace std::chrono_literals;
using Contexts = std::vector<std::shared_ptr<Context>>;

constexpr auto patience_with_threads = 1s;      // some may be in the library, and not guarded
constexpr auto patience_with_messages = 500ms;  // that are on their way, as the counters say
constexpr auto patience_with_sends = 10s;       // whose messages nobody can drop

/// Until no thread is inside a call any more, but parked there. One that has entered without seeing
/// the break has been in its call since long before all ranks were parked.
void wait_for_threads() {
    auto busy = [] {
        auto lock = bookkeeping();
        return std::any_of(state().threads.begin(), state().threads.end(),
                           [](const Thread* t) { return t->inside > 0 && !t->parked; });
    };
    Clock::time_point begin = Clock::now();
    while (busy() && Clock::now() - begin < patience_with_threads) nap(100us);
}

/// The numbers of the communicators that the cell has used on any rank, ascending.
std::vector<std::uint64_t> agree_on_used(const Contexts& contexts) {
    std::vector<std::uint64_t> mine;
    for (const auto& context : contexts)
        if (context->used_in == state().broken_cell) mine.push_back(context->id);
    int size = 0;
    PMPI_Comm_size(state().recovery, &size);
    std::vector<int> counts(static_cast<std::size_t>(size));
    auto count = static_cast<int>(mine.size());
    PMPI_Allgather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, state().recovery);
    std::vector<int> begins(counts.size());
    std::exclusive_scan(counts.begin(), counts.end(), begins.begin(), 0);
    std::vector<std::uint64_t> all(
        static_cast<std::size_t>(std::accumulate(counts.begin(), counts.end(), 0)));
    PMPI_Allgatherv(mine.data(), count, MPI_UINT64_T, all.data(), counts.data(), begins.data(),
                    MPI_UINT64_T, state().recovery);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

/// Where PETSc keeps the next tag of a communicator of its own; null: it is none of these.
int* tag_of_petsc(const Context* context) {
    const int* keyval = state().petsc_keyval;
    if (context == nullptr || context->kind != Context::Kind::communicator || keyval == nullptr ||
        *keyval == MPI_KEYVAL_INVALID)
        return nullptr;
    void* counter = nullptr;
    int there = 0;
    PMPI_Comm_get_attr(context->handle, *keyval, &counter, &there);
    return there != 0 ? static_cast<int*>(counter) : nullptr;  // its first member
}

/// One recovery: the communicators, and what has been dropped on them.
class Recovery {
  public:
    explicit Recovery(const Contexts& contexts) : used_(agree_on_used(contexts)) {
        mine_.resize(used_.size());
        for (const auto& context : contexts) {
            auto place = std::lower_bound(used_.begin(), used_.end(), context->id);
            if (place != used_.end() && *place == context->id)
                mine_[static_cast<std::size_t>(place - used_.begin())] = context;
        }
    }

    void run() {
        end_requests();
        drop_messages();
        for (MPI_Request request : freed_) free_lost(request);
        std::vector<int> abandoned = agree_on_abandoned();
        for (std::size_t i = 0; i < used_.size(); ++i)
            if (mine_[i] != nullptr) renew(*mine_[i], pending_[i] == 0 && abandoned[i] == 0);
        align_tags_of_petsc();
        int all = 0;
        PMPI_Allreduce(&dropped_, &all, 1, MPI_INT, MPI_SUM, state().recovery);
        state().dropped = all;
    }

  private:
    bool concerns(const Context* context) const {
        return std::any_of(mine_.begin(), mine_.end(),
                           [&](const auto& c) { return c.get() == context; });
    }

    /// Requests of user code on these communicators are lost; its receives end.
    void end_requests() {
        std::vector<MPI_Request> receives;
        {
            auto lock = bookkeeping();
            state().requests.for_each([&](MPI_Request handle, Request& request) {
                if (!concerns(request.context)) return;
                request.lost = true;
                if (request.freed) freed_.push_back(handle);
                if (!request.active || request.arrived) return;
                if (!request.can_be_cancelled)
                    ++request.context->abandoned;
                else if (request.kind == Request::Kind::receive)
                    receives.push_back(handle);
            });
            for (const OpenMessage& parked : state().parked)
                if (parked.receives && concerns(parked.context.get()))
                    receives.push_back(parked.request);
        }
        for (MPI_Request& receive : receives) PMPI_Cancel(&receive);
    }

    static void free_lost(MPI_Request request) {
        {
            auto lock = bookkeeping();
            const Request* known = state().requests.find(request);
            if (known == nullptr || known->users != 0) return;  // the agent does it, or has done
            state().requests.erase(request);
        }
        PMPI_Request_free(&request);
    }

    void drop_messages() {
        Clock::time_point begin = Clock::now();
        while (true) {
            for (const auto& context : mine_) {
                if (context == nullptr) continue;
                if (context->kind == Context::Kind::communicator)
                    dropped_ += drop(context->real, [&](int source, int tag) {
                        context->received.add(context->world_rank(source), tag_bucket(tag));
                    });
                drop(context->shadow,
                     [&](int /*source*/, int /*tag*/) { ++context->arrivals_dropped; });
            }
            drop_found();
            if (!agree_to_go_on(Clock::now() - begin)) return;
        }
    }

    /// Receives and forgets what has come on one communicator.
    /// @return how many messages
    template <typename Count>
    static int drop(MPI_Comm comm, Count&& count) {
        int dropped = 0;
        while (true) {
            int found = 0;
            MPI_Message message = MPI_MESSAGE_NULL;
            MPI_Status status;
            PMPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &found, &message, &status);
            if (found == 0) return dropped;
            receive(&message, bytes_in(status));
            ++dropped;
            auto lock = bookkeeping();
            count(status.MPI_SOURCE, status.MPI_TAG);
        }
    }

    static MPI_Count bytes_in(const MPI_Status& status) {
        MPI_Count bytes = 0;
        PMPI_Get_elements_x(&status, MPI_BYTE, &bytes);
        return bytes;
    }

    static void receive(MPI_Message* message, MPI_Count bytes) {
        constexpr MPI_Count most = std::numeric_limits<int>::max();
        constexpr MPI_Count piece = 1 << 20;
        MPI_Datatype type = MPI_BYTE;
        MPI_Count count = bytes;
        if (bytes > most) {
            PMPI_Type_contiguous(piece, MPI_BYTE, &type);
            PMPI_Type_commit(&type);
            count = bytes / piece + 1;
        }
        std::vector<char> sink(static_cast<std::size_t>(bytes + piece));
        PMPI_Mrecv(sink.data(), static_cast<int>(count), type, message, MPI_STATUS_IGNORE);
        if (bytes > most) PMPI_Type_free(&type);
    }

    /// Messages that user code has found by a matching probe, but not received.
    void drop_found() {
        std::vector<std::pair<MPI_Message, FoundMessage>> found;
        {
            auto lock = bookkeeping();
            state().messages.for_each([&](MPI_Message message, const FoundMessage& description) {
                if (concerns(description.context.get())) found.emplace_back(message, description);
            });
            for (const auto& [message, description] : found) {
                state().dropped_messages.insert(message);
                state().messages.erase(message);
            }
        }
        for (auto& [message, description] : found) {
            receive(&message, bytes_in(description.status));
            count_received(*description.context, description.status);
            ++dropped_;
        }
    }

    /// Sends and receives of this rank that the library is not done with.
    std::int64_t open_operations() {
        std::int64_t open = 0;
        for (auto it = state().parked.begin(); it != state().parked.end();) {
            if (!concerns(it->context.get())) {  // of a thread that goes on waiting
                ++it;
                continue;
            }
            int done = 0;
            MPI_Status status;
            PMPI_Test(&it->request, &done, &status);
            if (done == 0) {
                ++open;
                ++it;
                continue;
            }
            if (it->receives) count_unless_cancelled(*it->context, status);
            auto lock = bookkeeping();
            it = state().parked.erase(it);
        }
        state().requests.for_each([&](MPI_Request handle, Request& request) {
            if (!request.lost || !request.active || request.arrived || !request.can_be_cancelled)
                return;
            int done = 0;
            MPI_Status status;
            PMPI_Request_get_status(handle, &done, &status);
            open += done == 0 ? 1 : 0;
            if (done == 0) return;
            request.arrived = true;
            if (request.kind == Request::Kind::receive)
                count_unless_cancelled(*request.context, status);
        });
        return open;
    }

    static void count_unless_cancelled(Context& context, const MPI_Status& status) {
        if (!was_cancelled(status)) count_received(context, status);
    }

    /// Adds up what is pending, and how patient the ranks still are: so that all decide the same.
    bool agree_to_go_on(Clock::duration waited) {
        std::vector<std::int64_t> mine(used_.size());
        for (std::size_t i = 0; i < used_.size(); ++i)
            if (mine_[i] != nullptr) mine[i] = pending_on(*mine_[i]);
        mine.push_back(open_operations());
        mine.push_back(waited > patience_with_messages ? 1 : 0);
        mine.push_back(waited > patience_with_sends ? 1 : 0);
        pending_.resize(mine.size());
        PMPI_Allreduce(mine.data(), pending_.data(), static_cast<int>(mine.size()), MPI_INT64_T,
                       MPI_SUM, state().recovery);
        auto take = [this] {
            bool some = pending_.back() != 0;
            pending_.pop_back();
            return some;
        };
        bool impatient_with_sends = take();
        bool impatient_with_messages = take();
        bool open = take();
        bool quiet = std::all_of(pending_.begin(), pending_.end(), [](auto p) { return p == 0; });
        if (impatient_with_sends) return false;
        return open || !(quiet || impatient_with_messages);
    }

    /// Messages that this rank has sent and not received, or the other way round; all ranks
    /// together tell how many are on their way.
    static std::int64_t pending_on(const Context& c) {
        std::uint64_t surplus = c.sent.total() - c.received.total() - c.arrivals_dropped;
        c.for_each_link([&](const Link& link) { surplus += link.sent - link.received; });
        return static_cast<std::int64_t>(surplus);
    }

    /// Nonblocking collectives that will never end, whose messages nobody counts.
    std::vector<int> agree_on_abandoned() {
        std::vector<int> all(used_.size());
        for (std::size_t i = 0; i < used_.size(); ++i)
            if (mine_[i] != nullptr) all[i] = mine_[i]->abandoned;
        PMPI_Allreduce(MPI_IN_PLACE, all.data(), static_cast<int>(all.size()), MPI_INT, MPI_SUM,
                       state().recovery);
        return all;
    }

    /// PETSc takes a tag for each thing it makes, counting down, and a rank that was not there has
    /// taken fewer.
    void align_tags_of_petsc() {
        std::vector<int> tags(used_.size(), std::numeric_limits<int>::max());
        for (std::size_t i = 0; i < tags.size(); ++i)
            if (const int* tag = tag_of_petsc(mine_[i].get())) tags[i] = *tag;
        PMPI_Allreduce(MPI_IN_PLACE, tags.data(), static_cast<int>(tags.size()), MPI_INT, MPI_MIN,
                       state().recovery);
        for (std::size_t i = 0; i < tags.size(); ++i)
            if (int* tag = tag_of_petsc(mine_[i].get())) *tag = tags[i];
    }

    std::vector<std::uint64_t> used_;
    Contexts mine_;                   ///< one for each of used_, null where this rank is no member
    std::vector<MPI_Request> freed_;  ///< by user code, some time ago
    std::vector<std::int64_t> pending_;
    int dropped_ = 0;
};

/// mpi4py keeps a duplicate and a counter of tags, which may differ between ranks now, on an
/// attribute; without it, it makes new ones.
void drop_hidden_duplicates(const Contexts& contexts) {
    const auto keyvals = state().mpi4py_keyvals;  // it may free one with its last attribute
    for (const auto& context : contexts) {
        if (context->kind != Context::Kind::communicator) continue;
        for (int keyval : keyvals) {
            if (!state().mpi4py_keyvals.contains(keyval)) continue;
            void* value = nullptr;
            int there = 0;
            // One that hung on another of these may be gone already.
            if (find_communicator(context->handle) != context.get()) continue;
            PMPI_Comm_get_attr(context->handle, keyval, &value, &there);
            if (there != 0) PMPI_Comm_delete_attr(context->handle, keyval);
        }
    }
}

}  // namespace

void recover() {
    State& all = state();
    std::uint64_t cell = all.broken_cell;
    all.go = all.main_parked = false;
    wait_for_threads();
    all.recovering = true;
    Contexts contexts = all_contexts();
    Recovery(contexts).run();
    drop_hidden_duplicates(contexts);
    {
        auto lock = bookkeeping();
        all.parked.clear();
    }
    all.recovering = false;
    all.refusing = true;
    all.give_up = false;
    // Other ranks may have gone on, and the next cell may be broken off already.
    if (all.broken_cell == cell) all.breaking = false;
}

}  // namespace mpirepl::guard
