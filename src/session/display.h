#pragma once

#include <functional>
#include <vector>

#include "console/pace.h"
#include "console/printer.h"
#include "session/dispatcher.h"
#include "session/front_end.h"
#include "session/questions.h"
#include "session/relay.h"
#include "session/status.h"
#include "session/watch.h"

namespace mpirepl {

/// Rank 0: sends cells out and prints what has been gathered.
class Display : public Relay {
  public:
    struct Finished {
        Outcome outcome;
        bool all_exited = false;  ///< SystemExit on every rank of the cell
        RankSet failed;           ///< the ranks that have shown an error
        int output_failure = 0;   ///< errno of a write to standard output that failed
    };

    Display(const World& world, Agent& agent, Capture& capture, FrontEnd& front_end);

    // For the main thread:
    /// Ctrl-C that has come so far is for what has ended.
    void forget_interrupt();
    /// Sends the cell to all ranks, to this one's next_cell() too if it is among the targets.
    void dispatch(Cell cell);
    /// How the cell ended; none when a signal came in first.
    std::optional<Finished> wait_finished();
    /// A line of the session itself.
    void say(std::string line, bool to_stderr);
    /// Blocks that no rank has sent, such as a SyntaxError of the cell.
    void show(Block block);

    Dispatcher& dispatcher() { return dispatcher_; }
    /// Waits until something is so, and runs this rank's tasks meanwhile. The caller holds the GIL.
    /// @return false when the time is over
    /// @throws error_already_set what a handler of a signal has raised
    bool work_until(const std::function<bool()>& is_true, Clock::time_point deadline);
    /// For another thread that waits: has the main thread run tasks that need it, whatever it does.
    /// It is sent SIGURG, whose handler in Python calls work_now().
    void call_main_thread();
    /// Runs tasks in the midst of what the main thread does. The caller holds the GIL.
    void work_now();
    bool is_main_thread() const { return agent_.is_main_thread(); }
    /// Calls a function as part of a turn.
    template <typename Function>
    auto in_turn(Function&& function) {
        return agent_.now(std::forward<Function>(function));
    }
    /// Waits until no task is left. What a program with a client does at its end it does here,
    /// while the engines are there: its atexit handlers may have tasks, too.
    void finish_tasks();
    /// Waits until all that was printed has been written.
    /// @return errno of a write to standard output that failed, else 0
    int finish_output();

    int world_size() const { return world_.size(); }

    bool on_turn(Clock::time_point now) override;

  private:
    void await_all_tasks();
    void say_lines(const std::string& lines, bool to_stderr);
    void tell_all(const Message& message);
    void on_told(Message&& message) override;
    void on_question(Question&& question);
    void kill();
    void lose_terminal();
    void on_engine(int engine, Message&& message) override;
    void look_after_signals(Clock::time_point now);
    void look_after_interrupt() override;
    void give_on(Report&& report) override;
    std::size_t outgoing() const override { return printer_.waiting(); }
    void finish_cell(std::vector<Block>& blocks);
    bool tasks_need_main_thread() const;

    FrontEnd& front_end_;
    Printer printer_;
    Status status_;
    OpenQuestions questions_;
    RankSet failed_;
    Watch watch_;
    Dispatcher dispatcher_;
    Pace pace_;
    Clock::time_point next_look_at_signals_;
    std::uint32_t sequence_ = 0;
    std::optional<Finished> finished_;
    std::vector<Block> exits_;  ///< their wording depends on whether all ranks exit
    bool announced_streaming_ = true;
    bool output_failed_ = false;
    bool finalizing_ = false;
};

}  // namespace mpirepl
