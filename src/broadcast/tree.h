#pragma once

#include <algorithm>
#include <vector>

#include "base/rank_set.h"

namespace mpirepl {

/// A tree over ranks 0 to size-1 with rank 0 as its root, seen from one rank. The root has the
/// first ranks as its children, and all others have equally many each of those that follow.
class Tree {
  public:
    /// @param arity the children of each rank
    /// @param root_arity those of rank 0
    Tree(int rank, int size, int arity, int root_arity)
        : rank_(rank), arity_(arity), root_arity_(root_arity) {
        for (long child = first_child(rank); child <= last_child(rank); ++child)
            if (child < size) children_.push_back(static_cast<int>(child));
        // Each level below is one run of consecutive ranks.
        for (long first = rank, last = rank; first < size;
             first = first_child(first), last = last_child(last)) {
            ++height_;
            subtree_.insert(RankSet::range(static_cast<int>(first),
                                           static_cast<int>(std::min<long>(last, size - 1))));
        }
    }
    Tree(int rank, int size, int arity) : Tree(rank, size, arity, arity) {}

    bool is_root() const { return rank_ == 0; }
    int parent() const { return rank_ <= root_arity_ ? 0 : (rank_ - 1 - root_arity_) / arity_ + 1; }
    const std::vector<int>& children() const { return children_; }
    /// The longest way down from here.
    int height() const { return height_; }
    /// This rank and all below it.
    const RankSet& subtree() const { return subtree_; }

  private:
    long first_child(long rank) const {
        return rank == 0 ? 1 : root_arity_ + (rank - 1) * arity_ + 1;
    }
    long last_child(long rank) const { return root_arity_ + rank * arity_; }

    int rank_;
    int arity_;
    int root_arity_;
    std::vector<int> children_;
    int height_ = -1;  // its own level is the first
    RankSet subtree_;
};

}  // namespace mpirepl
