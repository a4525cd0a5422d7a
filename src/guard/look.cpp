// What this rank's threads wait for, as the agent sees it.

#include <algorithm>

#include "base/rank_set.h"
#include "guard/guard.h"
#include "guard/state.h"

namespace mpirepl::guard {
namespace {

/// Lets the library say which of the open receives have ended, so that their messages are counted.
/// Requests that a thread is waiting for are its own affair.
void refresh_requests() {
    std::vector<MPI_Request> open;
    {
        auto lock = bookkeeping();
        for (auto& [handle, request] : state().requests)
            if (request.kind == Request::Kind::receive && request.active && !request.arrived &&
                !request.lost && request.users == 0) {
                request.users = -1;
                open.push_back(handle);
            }
    }
    for (MPI_Request handle : open) {
        int done = 0;
        bool counts = false;
        MPI_Status status;
        PMPI_Request_get_status(handle, &done, &status);
        if (done != 0) counts = status.MPI_SOURCE >= 0 && !was_cancelled(status);
        auto lock = bookkeeping();
        auto found = state().requests.find(handle);
        if (found == state().requests.end()) continue;
        Request& request = found->second;
        request.users = 0;
        if (done == 0) continue;
        request.arrived = true;
        ++state().events;
        if (counts) add_received(*request.context, status);
    }
}

Need need_of(const Request& request) {
    Need::Kind kind = request.kind == Request::Kind::send      ? Need::Kind::send
                      : request.kind == Request::Kind::receive ? Need::Kind::receive
                                                               : Need::Kind::collective;
    return {.kind = kind,
            .comm = request.context->id,
            .peer = request.context->world_rank(request.peer),
            .tag = request.tag == MPI_ANY_TAG ? any_tag : request.tag,
            .number = request.number};
}

bool is_open(const Request& request) { return request.active && !request.arrived && !request.lost; }

/// Builds the picture; bookkeeping() is held.
class Painter {
  public:
    Painter(Look& look, const std::vector<std::shared_ptr<Context>>& contexts)
        : look_(look), contexts_(contexts) {}

    void paint_threads() {
        for (const Thread* thread : state().threads) {
            look_.picture.events += thread->events;
            look_.calling.push_back(thread->id);
            const Waiting* waiting = thread->waiting;
            if (waiting == nullptr) continue;
            if (waiting->holds_gil) {
                look_.gil_is_held = true;
                look_.threads = waiting->threads;
            }
            Wait wait{
                .call = waiting->call,
                .any = waiting->any,
                .main_thread = thread->is_main,
                .needs = waiting->needs,
                .seconds = std::chrono::duration<double>(Clock::now() - waiting->since).count()};
            for (MPI_Request handle : waiting->requests) {
                auto found = state().requests.find(handle);
                if (found == state().requests.end() || !is_open(found->second)) continue;
                wait.needs.push_back(need_of(found->second));
                waited_for_.push_back(handle);
            }
            bool known = !waiting->unknown && !wait.needs.empty();
            if (!known) look_.unknown_waits = true;
            if (thread->is_main) look_.main_waits = known;
            for (Need& need : wait.needs) complete(need);
            look_.picture.waits.push_back(std::move(wait));
            look_.waiting.push_back(thread->id);
        }
        look_.picture.events += state().events;
    }

    void paint_receives() {
        for (const auto& [handle, request] : state().requests) {
            if (request.kind != Request::Kind::receive || !is_open(request)) continue;
            if (std::find(waited_for_.begin(), waited_for_.end(), handle) != waited_for_.end())
                continue;
            look_.picture.open_receives.push_back(need_of(request));
        }
    }

    void paint_traffic(const std::vector<std::uint64_t>& communicators) {
        for (const auto& context : contexts_) {
            if (std::find(communicators.begin(), communicators.end(), context->id) ==
                communicators.end())
                continue;
            paint_sent(*context, context->sent, false);
            paint_sent(*context, context->arrivals_sent, true);
            look_.picture.begun.push_back({.comm = context->id,
                                           .arrivals = context->arrivals,
                                           .collectives = context->collectives});
        }
    }

  private:
    /// Adds what has come so far, and the communicator.
    void complete(Need& need) {
        auto found = std::find_if(contexts_.begin(), contexts_.end(),
                                  [&](const auto& context) { return context->id == need.comm; });
        if (found == contexts_.end()) return;
        const Context& context = **found;
        if (need.kind == Need::Kind::receive)
            need.received = context.received.matching(need.peer, tag_bucket(need.tag));
        if (need.kind == Need::Kind::arrival)
            need.received = context.arrivals_received.matching(need.peer, any_tag);
        auto& all = look_.picture.communicators;
        if (std::any_of(all.begin(), all.end(),
                        [&](const CommunicatorInfo& info) { return info.id == context.id; }))
            return;
        CommunicatorInfo info{
            .id = context.id,
            .name = context.hidden_dup.empty() ? context.name() : context.hidden_dup,
            .hidden = !context.hidden_dup.empty()};
        for (int member : context.members) info.members.insert(RankSet::single(member));
        all.push_back(std::move(info));
    }

    void paint_sent(const Context& context, const Tally& tally, bool arrival) {
        for (auto [key, messages] : tally.counts())
            look_.picture.sent.push_back({.arrival = arrival,
                                          .comm = context.id,
                                          .peer = Tally::peer(key),
                                          .tag = Tally::bucket(key),
                                          .messages = messages});
    }

    Look& look_;
    const std::vector<std::shared_ptr<Context>>& contexts_;
    std::vector<MPI_Request> waited_for_;
};

}  // namespace

Look look(const std::vector<std::uint64_t>& communicators) {
    Look look;
    look.picture.rank = state().world_rank;
    if (!state().installed) return look;
    refresh_requests();
    auto contexts = all_contexts();
    auto lock = bookkeeping();
    Painter painter(look, contexts);
    painter.paint_threads();
    painter.paint_receives();
    painter.paint_traffic(communicators);
    return look;
}

}  // namespace mpirepl::guard
