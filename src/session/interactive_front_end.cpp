#include "session/interactive_front_end.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <utility>

#include "base/line_assembler.h"
#include "broadcast/agent.h"
#include "embed/interpreter.h"
#include "embed/stacks.h"
#include "embed/uninterrupted.h"
#include "session/builtin_module.h"
#include "session/pipe_front_end.h"
#include "session/python_session.h"
#include "session/signals.h"

namespace mpirepl {
namespace {

namespace py = pybind11;

// Keys that mean something to the editors only. _plain.py binds the first two.
constexpr const char* redraw_readline = "\033[99~";
constexpr const char* readline_makes_room = "\033[98~";
constexpr const char* give_up_readline = "\x05\x15\r";  // to the end, remove all, Enter

Fd open_terminal(const std::string& path) {
    return Fd(::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
}

/// The question, each of its lines behind the rank that asks.
std::string marked(const Question& question) {
    const std::string mark = fmt::format("[stdin:{}] ", question.rank);
    std::string text = mark + clean_text(question.prompt);
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
        text.insert(at + 1, mark);
    return text;
}

bool colours_wanted() {
    const char* refused = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    return (refused == nullptr || *refused == '\0') && term != nullptr &&
           std::string_view(term) != "dumb";
}

}  // namespace

InteractiveFrontEnd::InteractiveFrontEnd(const SessionOptions& options,
                                         std::optional<TerminalPlace> place, Fd in, Fd out, Fd err)
    : options_(options) {
    if (place) {
        console_ = std::make_unique<TerminalConsole>(*std::move(place), std::move(in),
                                                     std::move(out), std::move(err));
        line_editor_.emplace(open_terminal(terminal_path()), open_terminal(terminal_path()));
    } else {
        line_editor_.emplace(std::move(in), duplicate(err.get()));
        writer_ = std::make_unique<Writer>(std::move(out), std::move(err));
    }
}

Sink& InteractiveFrontEnd::sink() {
    if (console_) return console_->sink();
    return *writer_;
}

Printer::Coloured InteractiveFrontEnd::coloured() const {
    if (!console_ || !colours_wanted()) return {};
    return {.out = console_->has_output(), .err = console_->has_errors()};
}

void InteractiveFrontEnd::begin_program(Interpreter& interpreter) {
    interpreter_ = &interpreter;
    connect_front_end(this);
    {
        py::gil_scoped_acquire gil;
        uninterrupted([] { py::module_::import("mpirepl._terminal").attr("begin_program")(); });
    }
    has_readline_ = LineEditor::is_readline();
}

void InteractiveFrontEnd::begin(PythonSession& session, Interpreter& interpreter) {
    session_ = &session;
    interpreter_ = &interpreter;
    await_answer();
    connect_front_end(this);
    loading_ = true;
    bool is_ipython = session.open_front_end(options_.plain, options_.quiet);
    loading_ = false;
    has_readline_ = LineEditor::is_readline();
    questions_by_ = is_ipython ? EditorKind::prompt : EditorKind::readline;
}

std::optional<std::string> InteractiveFrontEnd::next() {
    await_answer();
    return session_->read();
}

void InteractiveFrontEnd::await_answer() {
    while (!agent_->work_until([this] { return !asking_; })) interpreter_->handle_signals();
}

void InteractiveFrontEnd::start(Agent& agent, const Events& events) {
    agent_ = &agent;
    events_ = events;
    if (!console_) return;
    // While IPython loads there is nothing to interrupt, and half of it would be of no use.
    console_->start(agent.io(), {.interrupt =
                                     [this] {
                                         if (!loading_) interrupt();
                                     },
                                 .cancelled = [this] { cancelled_ = true; },
                                 .where = events_.where,
                                 .kill = events_.kill,
                                 .closed = events_.closed});
    for (int fd : console_->descriptors()) agent.watch(fd);
}

void InteractiveFrontEnd::tick(Clock::time_point now) {
    if (console_) console_->tick(now);
}

void InteractiveFrontEnd::show_status(const std::vector<std::string>& lines) {
    if (console_) console_->show_status(lines);
}

TerminalConsole::Editor InteractiveFrontEnd::editor(EditorKind kind, bool asks) const {
    using Reader = Keyboard::Reader;
    switch (kind) {
        case EditorKind::prompt:
            return {.reader = Reader::editor, .raw = true, .asks = asks};
        case EditorKind::readline:
            return {.reader = Reader::cooked_editor,
                    .raw = has_readline_,
                    .asks = asks,
                    .redraw = redraw_readline,
                    .make_room = readline_makes_room,
                    .give_up = give_up_readline};
        default:
            return {.reader = Reader::cooked_editor};
    }
}

void InteractiveFrontEnd::in_turn(const std::function<void()>& function) {
    std::promise<void> done;
    agent_->post([&] {
        function();
        done.set_value();
    });
    done.get_future().wait();
}

void InteractiveFrontEnd::begin_editing(EditorKind kind) {
    cancelled_ = false;
    if (console_) in_turn([&] { console_->begin_editing(editor(kind, false)); });
}

void InteractiveFrontEnd::end_editing() {
    if (!console_) return;
    console_->wait_for_output_of_editor();
    in_turn([&] { console_->end_editing(); });
}

void InteractiveFrontEnd::make_room() {
    if (!console_) return;
    console_->wait_for_output_of_editor();
    in_turn([&] { console_->release(); });
}

std::string InteractiveFrontEnd::read_line(const std::string& prompt) {
    if (console_) {
        std::string line = line_editor_->read(prompt);
        if (!cancelled_.exchange(false)) return line;
        PyErr_SetNone(PyExc_KeyboardInterrupt);
        throw py::error_already_set();
    }
    {
        // Python would write it to descriptor 2, which is captured.
        py::gil_scoped_release release;
        in_turn([&] { writer_->write(Sink::err, std::string(prompt)); });
    }
    return line_editor_->read("");
}

void InteractiveFrontEnd::ask(const Question& question) {
    asking_ = true;
    cancelled_ = false;
    if (console_) {
        TerminalConsole::Editor asker = editor(questions_by_, true);
        // Readline does not read what is hidden, and its keys would be in the answer.
        if (question.hidden && questions_by_ == EditorKind::readline)
            asker.redraw = asker.make_room = "";
        console_->begin_editing(std::move(asker));
    }
    with_gil([this, prompt = marked(question), hidden = question.hidden] {
        auto kind = Answer::Kind::end;
        std::string text;
        try {
            py::tuple answer = py::module_::import("mpirepl._terminal").attr("ask")(prompt, hidden);
            kind = static_cast<Answer::Kind>(answer[0].cast<int>());
            text = answer[1].attr("encode")("utf-8", "surrogateescape").cast<std::string>();
        } catch (const py::error_already_set& error) {
            PyErr_Clear();
        }
        py::gil_scoped_release release;
        if (console_) console_->wait_for_output_of_editor();
        agent_->post([this, kind, text = std::move(text)]() mutable {
            if (console_) console_->end_editing();
            asking_ = false;
            events_.answered(kind, std::move(text));
        });
    });
}

void InteractiveFrontEnd::leave() {
    if (console_) console_->abandon();
}

void InteractiveFrontEnd::cancel_question() {
    if (console_ && asking_) console_->cancel_question();
}

std::unique_ptr<FrontEnd> make_front_end(const SessionOptions& options, Fd input, Fd out, Fd err) {
    if (input) {
        std::optional<TerminalPlace> place = find_terminal(input.get(), out.get(), err.get());
        if (place && options.output_file) place->has_output = false;
        if (place || options.cells_afterwards)
            return std::make_unique<InteractiveFrontEnd>(
                options, std::move(place), std::move(input), std::move(out), std::move(err));
    }
    return std::make_unique<PipeFrontEnd>(std::move(input), std::move(out), std::move(err));
}

}  // namespace mpirepl
