#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/rank_set.h"
#include "broadcast/messages.h"

namespace mpirepl {

/// The questions that cells ask on this rank: input(), getpass, a debugger. Threads that ask wait
/// for each other in Python; so at most one is open. The relay owns it.
class AskedHere {
  public:
    /// @param tell sends a message to rank 0; called by the thread that asks
    AskedHere(int rank, std::function<void(const Message&)> tell)
        : rank_(rank), tell_(std::move(tell)) {}

    // For the thread that asks, without the GIL:
    void ask(const std::string& prompt, bool hidden);
    /// Waits a little.
    /// @return the answer, if it has come
    std::optional<Answer> wait();
    /// Nobody waits for the answer any more.
    void give_up();

    // As part of a turn:
    void take(Answer&& answer);

  private:
    int rank_;
    std::function<void(const Message&)> tell_;
    std::mutex mutex_;
    std::condition_variable answered_;
    std::uint32_t number_ = 0;
    std::optional<Answer> answer_;
};

/// Rank 0's list of the questions that are open on all ranks: they are put one at a time, in the
/// order of the ranks. The display owns it; for the agent's thread.
class OpenQuestions {
  public:
    using Clock = std::chrono::steady_clock;
    using Put = std::function<void(const Question&)>;
    using Reply = std::function<void(int rank, const Answer&)>;

    /// @param put asks the user, who answers with answered()
    OpenQuestions(Put put, Reply reply) : put_(std::move(put)), reply_(std::move(reply)) {}

    void add(Question&& question, Clock::time_point now);
    /// Those that wait for an answer.
    RankSet ranks() const;
    /// The rank does not want to know any more.
    /// @return whether that question is on the screen
    bool withdraw(int rank);
    /// To the one that was put last.
    void answered(Answer::Kind kind, std::string text);
    /// Puts the next question when its turn has come and the user is free.
    void tick(Clock::time_point now, bool user_is_free);

  private:
    Put put_;
    Reply reply_;
    std::map<int, Question> open_;  ///< by rank
    std::optional<Question> current_;
    bool withdrawn_ = false;  ///< the current one
    Clock::time_point not_before_{};
};

}  // namespace mpirepl
