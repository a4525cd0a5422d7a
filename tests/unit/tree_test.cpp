#include "broadcast/tree.h"

#include <doctest/doctest.h>

#include <vector>

using mpirepl::RankSet;
using mpirepl::Tree;

namespace {

void check_that_all_agree(int size, int arity, int root_arity) {
    std::vector<Tree> trees;
    for (int rank = 0; rank < size; ++rank) trees.emplace_back(rank, size, arity, root_arity);
    int edges = 0;
    for (int rank = size - 1; rank >= 0; --rank) {
        const Tree& tree = trees[static_cast<std::size_t>(rank)];
        RankSet subtree = RankSet::single(rank);
        int height = 0;
        for (int child : tree.children()) {
            const Tree& below = trees[static_cast<std::size_t>(child)];
            CHECK_FALSE(below.is_root());
            CHECK(below.parent() == rank);
            CHECK_FALSE(subtree.intersects(below.subtree()));
            subtree.insert(below.subtree());
            height = std::max(height, 1 + below.height());
            ++edges;
        }
        CHECK(tree.height() == height);
        CHECK(tree.children().size() <= static_cast<std::size_t>(rank == 0 ? root_arity : arity));
        CHECK(tree.subtree() == subtree);
    }
    CHECK(edges == size - 1);
    CHECK(trees[0].is_root());
    CHECK(trees[0].subtree() == RankSet::all(size));
}

}  // namespace

TEST_CASE("tree: parents, children and subtrees agree") {
    for (int size = 1; size <= 100; ++size) {
        for (int arity : {1, 2, 3, 4, 5, 20, 64}) {
            for (int root_arity : {1, 3, 20}) check_that_all_agree(size, arity, root_arity);
        }
    }
}

TEST_CASE("tree: of very many ranks") {
    CHECK(Tree(0, 2'000'000'000, 64).subtree() == RankSet::all(2'000'000'000));
    CHECK(Tree(1'999'999'999, 2'000'000'000, 64).children().empty());
}
