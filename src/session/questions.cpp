#include "session/questions.h"

#include <utility>

namespace mpirepl {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 50ms;          // the asking thread looks so often for signals
constexpr auto for_lower_ranks = 50ms;   // that ask at the same time
constexpr auto for_withdrawals = 250ms;  // of the others, after Ctrl-C

}  // namespace

void AskedHere::ask(const std::string& prompt, bool hidden) {
    std::uint32_t number = 0;
    {
        std::scoped_lock lock(mutex_);
        number = ++number_;
        answer_.reset();
    }
    tell_(Question{.rank = rank_, .number = number, .hidden = hidden, .prompt = prompt});
}

std::optional<Answer> AskedHere::wait() {
    std::unique_lock lock(mutex_);
    answered_.wait_for(lock, patience, [this] { return answer_.has_value(); });
    return std::exchange(answer_, std::nullopt);
}

void AskedHere::give_up() {
    {
        std::scoped_lock lock(mutex_);
        ++number_;
    }
    tell_(Question{.rank = rank_});
}

void AskedHere::take(Answer&& answer) {
    {
        std::scoped_lock lock(mutex_);
        if (answer.number != number_) return;
        answer_ = std::move(answer);
    }
    answered_.notify_all();
}

void OpenQuestions::add(Question&& question, Clock::time_point now) {
    if (open_.empty() && !current_) not_before_ = now + for_lower_ranks;
    open_.insert_or_assign(question.rank, std::move(question));
}

bool OpenQuestions::withdraw(int rank) {
    open_.erase(rank);
    if (!current_ || current_->rank != rank || withdrawn_) return false;
    return withdrawn_ = true;
}

void OpenQuestions::answered(Answer::Kind kind, std::string text) {
    if (!current_) return;
    Question question = *std::exchange(current_, std::nullopt);
    if (!std::exchange(withdrawn_, false))
        reply_(question.rank, {.number = question.number, .kind = kind, .text = std::move(text)});
    // A loop of input() on this rank shall not come before the others that wait already.
    auto pause = open_.empty() ? for_lower_ranks : 0ms;
    if (kind == Answer::Kind::interrupted) pause = for_withdrawals;
    not_before_ = Clock::now() + pause;
}

RankSet OpenQuestions::ranks() const {
    RankSet ranks;
    for (const auto& [rank, question] : open_) ranks.insert(RankSet::single(rank));
    if (current_ && !withdrawn_) ranks.insert(RankSet::single(current_->rank));
    return ranks;
}

void OpenQuestions::tick(Clock::time_point now, bool user_is_free) {
    if (open_.empty() || current_ || !user_is_free || now < not_before_) return;
    current_ = std::move(open_.begin()->second);
    open_.erase(open_.begin());
    put_(*current_);
}

}  // namespace mpirepl
