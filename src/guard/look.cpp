// What this rank's threads wait for, as the agent sees it.

#include <algorithm>

#include "base/rank_set.h"
#include "guard/arrival.h"
#include "guard/guard.h"
#include "guard/state.h"

namespace mpirepl::guard {
namespace {

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
                const Request* request = state().requests.find(handle);
                if (request == nullptr || !is_open(*request)) continue;
                wait.needs.push_back(need_of(*request));
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
        state().requests.for_each([&](MPI_Request handle, const Request& request) {
            if (request.kind != Request::Kind::receive || !is_open(request)) return;
            if (std::find(waited_for_.begin(), waited_for_.end(), handle) == waited_for_.end())
                look_.picture.open_receives.push_back(need_of(request));
        });
    }

    void paint_traffic(const std::vector<std::uint64_t>& communicators) {
        for (const auto& context : contexts_) {
            if (std::find(communicators.begin(), communicators.end(), context->id) ==
                communicators.end())
                continue;
            paint_sent(*context);
            Begun begun{.comm = context->id,
                        .arrivals = context->arrivals,
                        .collectives = context->collectives};
            for (const Started& started : context->latest)
                begun.latest.push_back({.number = started.number, .call = in_full(started)});
            look_.picture.begun.push_back(std::move(begun));
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
            context.for_each_link([&](const Link& link) {
                if (context.member(link.from) == need.peer && link.tag == need.tag)
                    need.received += link.received;
            });
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

    void paint_sent(const Context& context) {
        for (auto [key, messages] : context.sent.counts())
            look_.picture.sent.push_back({.comm = context.id,
                                          .peer = Tally::peer(key),
                                          .tag = Tally::bucket(key),
                                          .messages = messages});
        context.for_each_link([&](const Link& link) {
            if (link.sent != 0)
                look_.picture.sent.push_back({.arrival = true,
                                              .comm = context.id,
                                              .peer = context.member(link.to),
                                              .tag = tag_bucket(link.tag),
                                              .messages = link.sent});
        });
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
    look_at_receives();
    auto contexts = all_contexts();
    auto lock = bookkeeping();
    Painter painter(look, contexts);
    painter.paint_threads();
    painter.paint_receives();
    painter.paint_traffic(communicators);
    return look;
}

}  // namespace mpirepl::guard
