#include "tasks/gatherings.h"

#include <iterator>
#include <utility>

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 20ms;  // engines go on only when their results have left

void give_own_memory(Gatherings::Result& result) {
    for (std::uint64_t size : result.end.blobs) result.blobs.push_back(Blob::allocate(size));
}

void give_shared_memory(std::map<std::uint64_t, Gatherings::Result>& results) {
    std::uint64_t size = 0;
    for (const auto& [id, result] : results) size += result.end.blobs.front();
    const Blob whole = Blob::allocate(size);
    char* begin = whole.data.get();
    for (auto& [id, result] : results) {
        const std::uint64_t part = result.end.blobs.front();
        result.blobs.push_back({.data = {whole.data, begin}, .size = part});
        begin += part;
    }
}

}  // namespace

void Gatherings::begin(std::uint64_t first, std::size_t count) {
    waiting_[first] = {.count = count, .announced = {}};
}

Gatherings::Waiting::iterator Gatherings::find(std::uint64_t id) {
    auto behind = waiting_.upper_bound(id);
    if (behind == waiting_.begin()) return waiting_.end();
    auto found = std::prev(behind);
    return id < found->first + found->second.count ? found : waiting_.end();
}

void Gatherings::add(int engine, TaskEnd&& end, Clock::time_point now) {
    Result result{.engine = engine, .end = std::move(end), .blobs = {}};
    const std::uint64_t id = result.end.id;
    if (result.end.blobs.size() > 1) note_end(id);
    auto gathering = find(id);
    if (gathering == waiting_.end()) {
        give_own_memory(result);
        ready_.push_back(std::move(result));
        return;
    }
    auto& [count, announced] = gathering->second;
    if (announced.empty()) begun_.emplace_back(now, gathering->first);
    announced.emplace(id, std::move(result));
    if (announced.size() < count) return;
    give_shared_memory(announced);
    for (auto& [task, part] : announced) ready_.push_back(std::move(part));
    waiting_.erase(gathering);
}

void Gatherings::note_end(std::uint64_t id) {
    auto gathering = find(id);
    if (gathering == waiting_.end()) return;
    for (auto& [task, result] : gathering->second.announced) {
        give_own_memory(result);
        ready_.push_back(std::move(result));
    }
    waiting_.erase(gathering);
}

std::vector<Gatherings::Result> Gatherings::take(Clock::time_point now) {
    for (; !begun_.empty() && now - begun_.front().first > patience; begun_.pop_front())
        note_end(begun_.front().second);
    return std::exchange(ready_, {});
}

}  // namespace mpirepl
