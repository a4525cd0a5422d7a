// Random texts through a whole tree of collectors: what comes out for each rank is what went in.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "broadcast/collector.h"
#include "broadcast/tree.h"
#include "unit/support.h"

using namespace mpirepl;
using namespace std::chrono_literals;

namespace {

constexpr int size = 5;
/// The text of one rank that goes to stdout, and that goes to stderr.
struct Record {
    std::array<std::string, 2> text;

    void add(const Block& block) {
        const bool output = block.stream == Stream::standard_output ||
                            block.stream == Stream::value || block.stream == Stream::report;
        text[output ? 0 : 1] += block.text;
    }
    std::array<std::vector<std::string>, 2> sorted_lines() const {
        std::array<std::vector<std::string>, 2> lines;
        for (std::size_t i = 0; i < text.size(); ++i) {
            std::istringstream in(text[i]);
            for (std::string line; std::getline(in, line);) lines[i].push_back(line);
            std::ranges::sort(lines[i]);
        }
        return lines;
    }
    bool operator==(const Record&) const = default;
};

/// Five ranks, each with its collector; a report is on its way for a random number of steps, but
/// does not overtake another one of the same rank.
class AnswerTree {
  public:
    explicit AnswerTree(unsigned seed) : random_(seed), arity_(2 + below(2)) {
        for (int rank = 0; rank < size; ++rank) {
            trees_.emplace_back(rank, size, arity_);
            collectors_.push_back(std::make_unique<Collector>(
                Fold::Waits{.error = 10ms, .output = 15ms, .bulk = 1s},
                [this, rank](Report&& report) { give_on(rank, std::move(report)); }));
        }
    }

    /// A cell of all ranks, which print until each of them has had its `prints`.
    void run(bool folding, bool streaming, int prints) {
        ++sequence_;
        std::vector<int> left(size, prints);
        std::vector<int> order = {0, 1, 2, 3, 4};
        std::ranges::shuffle(order, random_);
        for (std::size_t step = 0;
             collectors_[0]->sequence() != sequence_ || collectors_[0]->running(); ++step) {
            now_ += std::chrono::milliseconds(below(8));
            if (step < size) begin(order[step], folding, streaming);
            for (int rank = 0; rank < size; ++rank) {
                if (!has_begun(rank)) continue;
                if (below(2) == 0) act(rank, left[static_cast<std::size_t>(rank)]);
            }
            deliver();
        }
    }

    /// Text of threads between the cells.
    void idle() {
        for (int step = 0; step < 300; ++step) {
            now_ += 10ms;
            if (step < 10) print(below(size));
            deliver();
        }
    }

    void check(bool in_order) const {
        CHECK(underway_.empty());
        for (std::size_t rank = 0; rank < size; ++rank) {
            CAPTURE(rank);
            if (in_order) CHECK((printed_[rank] == shown_[rank]));
            CHECK((printed_[rank].sorted_lines() == shown_[rank].sorted_lines()));
            CHECK(collectors_[rank]->held_bytes() == 0);
        }
    }

  private:
    struct Underway {
        int from;
        int to;
        Report report;
    };

    int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
    Collector& collector(int rank) { return *collectors_[static_cast<std::size_t>(rank)]; }
    const Tree& tree(int rank) const { return trees_[static_cast<std::size_t>(rank)]; }
    bool has_begun(int rank) { return collector(rank).sequence() == sequence_; }

    void begin(int rank, bool folding, bool streaming) {
        collector(rank).begin(sequence_, tree(rank).subtree(), folding, now_);
        if (streaming) collector(rank).stream(sequence_);
    }

    /// Prints something, or ends the cell on this rank when `left` is 0.
    void act(int rank, int& left) {
        if (left < 0) return;
        if (left-- > 0) {
            print(rank);
        } else {
            collector(rank).add({.sequence = sequence_, .outcome = {.ranks = 1}}, now_, rank);
        }
    }

    /// Often what other ranks print too, sometimes very much.
    void print(int rank) {
        static constexpr Stream choices[] = {Stream::standard_output, Stream::standard_output,
                                             Stream::standard_output, Stream::standard_error,
                                             Stream::value,           Stream::error,
                                             Stream::report};
        Block block{.ranks = RankSet::single(rank),
                    .stream = choices[below(std::size(choices))],
                    .cell = sequence_};
        block.text = below(10) == 0 ? lines(300 + 200 * below(3)) : lines(1 + below(3));
        if (below(4) == 0) block.text += fmt::format("of rank {}\n", rank);
        printed_[static_cast<std::size_t>(rank)].add(block);
        Report report{.sequence = sequence_};
        report.blocks.push_back(std::move(block));
        collector(rank).add(std::move(report), now_, rank);
    }

    void give_on(int from, Report&& report) {
        if (from != 0) {
            underway_.push_back({from, tree(from).parent(), std::move(report)});
            return;
        }
        for (const Block& block : report.blocks)
            for (int rank : block.ranks.ranks()) shown_[static_cast<std::size_t>(rank)].add(block);
    }

    void deliver() {
        std::deque<Underway> later;
        std::array<bool, size> held{};
        for (Underway& one : std::exchange(underway_, {})) {
            bool& hold = held[static_cast<std::size_t>(one.from)];
            hold = hold || below(3) == 0;
            if (hold) {
                later.push_back(std::move(one));
            } else {
                collector(one.to).add(std::move(one.report), now_, one.from);
            }
        }
        // What has been given on meanwhile comes behind what its rank gave on before.
        later.insert(later.end(), std::make_move_iterator(underway_.begin()),
                     std::make_move_iterator(underway_.end()));
        underway_ = std::move(later);
        for (auto& collector : collectors_) collector->tick(now_);
    }

    std::mt19937 random_;
    int arity_;
    std::uint32_t sequence_ = 0;
    Collector::Clock::time_point now_{1h};
    std::vector<Tree> trees_;
    std::vector<std::unique_ptr<Collector>> collectors_;
    std::deque<Underway> underway_;
    std::array<Record, size> printed_;
    std::array<Record, size> shown_;
};

void run(unsigned seed, bool folding, bool streaming, bool in_order) {
    CAPTURE(seed);
    AnswerTree tree(seed);
    for (int cell = 0; cell < 4; ++cell) {
        tree.run(folding, streaming, 5 + static_cast<int>(seed % 60));
        if (cell % 2 == 0) tree.idle();
    }
    tree.idle();
    tree.check(in_order);
}

}  // namespace

TEST_CASE("answer_tree: nothing is lost or shown twice") {
    for (unsigned seed = 0; seed < 10; ++seed)
        for (bool folding : {false, true}) run(seed, folding, false, false);
}

TEST_CASE("answer_tree: streaming keeps the order of what a rank prints") {
    for (unsigned seed = 1000; seed < 1010; ++seed)
        for (bool folding : {false, true}) run(seed, folding, true, true);
}

TEST_CASE("answer_tree: quick cells keep the order of what a rank prints") {
    for (unsigned seed = 2000; seed < 2005; ++seed)
        for (bool folding : {false, true}) run(seed, folding, false, true);
}
