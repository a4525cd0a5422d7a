#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "console/terminal_console.h"
#include "console/writer.h"
#include "embed/line_editor.h"
#include "session/front_end.h"
#include "session/session.h"

namespace mpirepl {

/// A user at a prompt: at a terminal with a line editor, else line by line. The editors are Python
/// (python/mpirepl/_terminal.py); this is what stands between them and the terminal.
class InteractiveFrontEnd : public FrontEnd {
  public:
    /// Who has the terminal, as in _terminal.py.
    enum class EditorKind { prompt, readline, program };

    /// @param place none: lines are read from `in`, prompts go to `err`
    InteractiveFrontEnd(const SessionOptions& options, std::optional<TerminalPlace> place, Fd in,
                        Fd out, Fd err);

    Sink& sink() override;
    Printer::Coloured coloured() const override;
    int columns() const override { return console_ ? console_->columns() : 0; }
    int lines() const override { return console_ ? console_->lines() : 0; }
    bool interactive() const override { return true; }
    void begin_program(Interpreter& interpreter) override;
    void begin(PythonSession& session, Interpreter& interpreter) override;
    std::optional<std::string> next() override;

    void start(Agent& agent, const Events& events) override;
    void tick(Clock::time_point now) override;
    bool is_free() const override { return !asking_; }
    void ask(const Question& question) override;
    void cancel_question() override;
    void leave() override;
    void show_status(const std::vector<std::string>& lines) override;

    // For Python, through the built-in module, on any thread:
    bool has_terminal() const { return console_ != nullptr; }
    std::string terminal_path() const { return console_->editor_path(); }
    int wishes_fd() const { return console_->wishes_fd(); }
    unsigned interrupts() const { return console_->interrupts(); }
    void begin_editing(EditorKind kind);
    void end_editing();
    /// The editor has removed its line; returns when held output stands in its place.
    void make_room();
    /// Reads a line with readline; the caller holds the GIL.
    std::string read_line(const std::string& prompt);

  private:
    TerminalConsole::Editor editor(EditorKind kind, bool asks) const;
    /// A thread of an earlier cell may be asking.
    void await_answer();
    void in_turn(const std::function<void()>& function);

    const SessionOptions& options_;
    std::unique_ptr<TerminalConsole> console_;
    std::unique_ptr<Writer> writer_;  ///< without a terminal
    std::optional<LineEditor> line_editor_;
    PythonSession* session_ = nullptr;
    Interpreter* interpreter_ = nullptr;
    Agent* agent_ = nullptr;
    Events events_;
    EditorKind questions_by_ = EditorKind::readline;
    bool has_readline_ = false;
    std::atomic<bool> loading_ = false;
    std::atomic<bool> asking_ = false;
    std::atomic<bool> cancelled_ = false;  ///< what readline reads, by Ctrl-C
};

}  // namespace mpirepl
