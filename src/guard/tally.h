#pragma once

#include <cstdint>
#include <unordered_map>

namespace mpirepl::guard {

/// Counts messages by partner and tag (modulo picture.h's buckets). Not thread safe.
class Tally {
  public:
    static constexpr std::uint64_t key(int peer, int bucket) {
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(peer)) << 32 |
               static_cast<std::uint32_t>(bucket);
    }
    static constexpr int peer(std::uint64_t key) { return static_cast<int>(key >> 32); }
    static constexpr int bucket(std::uint64_t key) { return static_cast<int>(key & 0xFFFFFFFF); }

    void add(int peer, int bucket, std::uint64_t messages = 1) {
        std::uint64_t wanted = key(peer, bucket);
        if (last_ == nullptr || wanted != last_key_) {
            last_ = &counts_[wanted];  // a node, which stays where it is
            last_key_ = wanted;
        }
        *last_ += messages;
        total_ += messages;
    }
    std::uint64_t total() const { return total_; }
    const std::unordered_map<std::uint64_t, std::uint64_t>& counts() const { return counts_; }
    /// The messages of all keys that match; any_rank and any_tag match all.
    std::uint64_t matching(int peer, int bucket) const;
    void clear() { *this = Tally(); }

  private:
    std::unordered_map<std::uint64_t, std::uint64_t> counts_;
    std::uint64_t total_ = 0;
    std::uint64_t last_key_ = 0;
    std::uint64_t* last_ = nullptr;
};

}  // namespace mpirepl::guard
