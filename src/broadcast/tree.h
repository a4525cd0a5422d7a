#pragma once

#include <algorithm>
#include <vector>

#include "base/rank_set.h"

namespace mpirepl {

/// The k-ary tree over ranks 0 to size-1 with rank 0 as its root, seen from one rank: the children
/// of rank r are r*k+1 to r*k+k.
class Tree {
  public:
    Tree(int rank, int size, int arity) : rank_(rank), arity_(arity) {
        for (long child = 1L * rank * arity + 1; child <= 1L * rank * arity + arity; ++child)
            if (child < size) children_.push_back(static_cast<int>(child));
        // Each level below is one run of consecutive ranks.
        for (long first = rank, last = rank; first < size;
             first = first * arity + 1, last = last * arity + arity) {
            ++height_;
            subtree_.insert(RankSet::range(static_cast<int>(first),
                                           static_cast<int>(std::min<long>(last, size - 1))));
        }
    }

    bool is_root() const { return rank_ == 0; }
    int parent() const { return (rank_ - 1) / arity_; }
    const std::vector<int>& children() const { return children_; }
    /// The longest way down from here.
    int height() const { return height_; }
    /// This rank and all below it.
    const RankSet& subtree() const { return subtree_; }

  private:
    int rank_;
    int arity_;
    std::vector<int> children_;
    int height_ = -1;  // its own level is the first
    RankSet subtree_;
};

}  // namespace mpirepl
