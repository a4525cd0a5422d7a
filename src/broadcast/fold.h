#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <vector>

#include "base/rank_set.h"
#include "broadcast/messages.h"

namespace mpirepl {

/// Blocks of text on their way up the answer tree, where they may wait for equal ones of other
/// ranks and become one block. What one rank has sent to standard output (values included) stays
/// in order, and so does what it has sent to standard error (tracebacks included).
/// A container for one thread; it is told the time and never asks for it.
class Fold {
  public:
    using Clock = std::chrono::steady_clock;

    /// How long a block waits for its equals before it goes on.
    struct Waits {
        Clock::duration error;   ///< a traceback
        Clock::duration output;  ///< other text
        Clock::duration bulk;    ///< much text, which ranks write at uneven speed; for ranks that
                                 ///< have been waited for in vain nobody waits again in that cell
    };

    explicit Fold(Waits waits) : waits_(waits) {}

    /// Adds a block, to that of the same ranks which waits last if there is one.
    /// @param foldable may wait for its equals; else it waits only for its turn
    /// @param source where it has come from: a child, or this rank itself
    void add(Block&& block, bool foldable, Clock::time_point now, int source);
    /// Takes out what has waited long enough, joined with what equals it: small blocks whole, of
    /// much text the lines that agree. Bulk goes at once when it has met all of `everybody`.
    std::vector<Block> take_due(const RankSet& everybody, Clock::time_point now);
    /// Takes out everything; foldable blocks that are equal as a whole become one.
    std::vector<Block> take_all();
    /// A new cell begins: all ranks are worth waiting for again.
    void begin() {
        bulky_ = absent_ = {};
        errors_expected_ = false;
    }
    /// Many ranks are about to raise the same: errors of this cell wait for the last of them.
    void expect_errors() { errors_expected_ = true; }

    bool empty() const { return entries_.empty(); }
    std::size_t bytes() const;
    /// Those that have come from one source.
    std::size_t bytes_from(int source) const;

  private:
    struct Entry {
        Block block;
        bool foldable;
        Clock::time_point since;
        int source;
    };
    struct Joined {
        std::vector<std::size_t> entries;  // ascending
        RankSet ranks;
        std::size_t length = 0;  // of the text they share
    };

    bool is_bulk(const Block& block) const;
    Clock::duration wait(const Entry& entry) const;
    void give_up(const Block& first, const RankSet& joined, const RankSet& everybody);
    bool is_head(std::size_t index) const;
    bool all_have_some(const Block& block, const RankSet& everybody) const;
    Joined join(std::size_t index) const;
    Block take(const Joined& joined);

    Waits waits_;
    std::deque<Entry> entries_;
    RankSet bulky_;  ///< have written much text at a time in this cell
    bool errors_expected_ = false;
    RankSet absent_;  ///< nobody waits for the bulk of these
    std::map<int, std::size_t> bytes_from_;
};

}  // namespace mpirepl
