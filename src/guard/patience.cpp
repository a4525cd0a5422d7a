#include "guard/patience.h"

#include <algorithm>

#include "base/nap.h"
#include "guard/profile.h"

namespace mpirepl::guard {
namespace {

using namespace std::chrono_literals;

constexpr unsigned looks_per_clock = 16;
constexpr auto spin = 1ms;                 // without a nap, and
constexpr auto spin_per_byte = 10ns;       // this in addition: a slower transfer bears naps
constexpr std::int64_t large = 64 * 1024;  // bytes that do not come in one piece
constexpr int nap_share = 64;  // a nap is this part of the time waited, so that it delays
                               // little, but at least
constexpr auto shortest_nap = 20us;
constexpr auto urgent_nap = 50us;  // and at most this while data flows
constexpr auto longest_nap = 1ms;
constexpr auto known_after = 10ms;

}  // namespace

void Patience::end() {
    if (told()) {
        auto lock = bookkeeping();
        thread_.waiting = nullptr;
        ++thread_.events;
    }
    if (profiling()) profile_waiting(Clock::now() - begun_);
}

bool Patience::rest_or_tell() {
    if (looks_ == free_looks) begun_ = Clock::now();
    // A look leaves the core to others if the library knows that ranks share cores. If they do not,
    // a rank that did would be late.
    if (!napping_ && looks_ % looks_per_clock != 0) return false;
    Clock::duration waited = Clock::now() - begun_;
    napping_ = waited >= spin + bytes_ * spin_per_byte;
    if (napping_)
        nap(std::clamp<Clock::duration>(waited / nap_share, shortest_nap,
                                        bytes_ >= large ? urgent_nap : longest_nap));
    return waited > known_after && !told();
}

void Patience::publish() {
    waiting_->call = call_;
    waiting_->since = begun_;
    const Hooks& python = state().hooks;
    waiting_->holds_gil = python.holds_gil != nullptr && python.holds_gil();
    if (waiting_->holds_gil) waiting_->threads = python.threads();
    auto lock = bookkeeping();
    ++thread_.events;
    thread_.waiting = &*waiting_;
}

}  // namespace mpirepl::guard
