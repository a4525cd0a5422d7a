#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "guard/context.h"

namespace mpirepl::guard {

/// What the guard keeps for handles of one kind, in a hash table. Entries stay where they are; the
/// memory of those that are gone is used again, so that one which comes and goes with each message
/// costs no allocation. Not thread safe.
template <typename Handle, typename Entry>
class Book {
  public:
    Entry* find(Handle handle) {
        for (Node* node = chains_[place(handle)]; node != nullptr; node = node->next)
            if (node->handle == handle) return &node->entry;
        return nullptr;
    }

    /// A new entry, to be filled in, in the place of what is there for this handle.
    Entry& enter(Handle handle) {
        if (Entry* there = find(handle)) return *there = Entry();
        if (size_ == chains_.size()) grow();
        if (free_ == nullptr) free_ = &nodes_.emplace_back();
        Node* node = std::exchange(free_, free_->next);
        node->handle = handle;
        link(node);
        ++size_;
        return node->entry;
    }

    void erase(Handle handle) {
        for (Node** link = &chains_[place(handle)]; *link != nullptr; link = &(*link)->next) {
            Node* node = *link;
            if (node->handle != handle) continue;
            *link = node->next;
            node->entry = Entry();
            node->next = std::exchange(free_, node);
            --size_;
            return;
        }
    }

    bool empty() const { return size_ == 0; }

    /// Calls `visit` with the handle and the entry of each; it must not add or take away any.
    template <typename Visit>
    void for_each(Visit&& visit) {
        for (Node* node : chains_)
            for (; node != nullptr; node = node->next) visit(node->handle, node->entry);
    }

  private:
    struct Node {
        Handle handle{};
        Node* next = nullptr;
        Entry entry;
    };

    std::size_t place(Handle handle) const {
        constexpr std::uint64_t golden_ratio = 0x9E3779B97F4A7C15;
        return handle_number(handle) * golden_ratio >> shift_;
    }

    void link(Node* node) {
        Node*& chain = chains_[place(node->handle)];
        node->next = std::exchange(chain, node);
    }

    void grow() {
        std::vector<Node*> old(2 * chains_.size());
        old.swap(chains_);
        --shift_;
        for (Node* node : old)
            while (node != nullptr) link(std::exchange(node, node->next));
    }

    static constexpr unsigned first_bits = 6;
    unsigned shift_ = 64 - first_bits;
    std::vector<Node*> chains_ = std::vector<Node*>(std::size_t{1} << first_bits);
    std::deque<Node> nodes_;
    Node* free_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace mpirepl::guard
