#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpirepl {

// Follows one logical line of Python, physical line by physical line: strings, brackets, comments
// and continuations. A part of CellSplitter.
class LogicalLine {
  public:
    explicit LogicalLine(bool nested_fstrings) : nested_fstrings_(nested_fstrings) {}

    // One physical line with its '\n'. It begins a new logical line unless one is in progress.
    void add(std::string_view line);
    void abandon() { in_progress_ = false; }

    bool in_progress() const { return in_progress_; }
    bool failed() const { return failed_; }        // Python will report an error in it
    bool has_colon() const { return has_colon_; }  // outside brackets
    bool ends_in_colon() const { return last_token_ == ':'; }

  private:
    // What is open: a bracket, a string, or, in an f-string, a replacement field or its format,
    // which both know of the string that they are in.
    enum class Kind { round, square, curly, string, field, format };
    struct Open {
        Kind kind;
        char quote = 0;
        bool triple = false;
        bool fstring = false;
        bool raw = false;
    };

    // Each takes something from line at i and returns where the next thing begins.
    std::size_t add_code(std::string_view line, std::size_t i);
    std::size_t add_text(std::string_view line, std::size_t i);
    std::size_t add_fstring_text(std::string_view line, std::size_t i);
    std::size_t open_string(std::string_view line, std::size_t i);
    void add_colon(char following);
    void close_bracket(char bracket);

    bool nested_fstrings_;
    std::vector<Open> open_;
    char last_token_ = 0;
    bool has_colon_ = false;
    bool failed_ = false;
    bool in_progress_ = false;
    bool magic_ = false;  // %magic or !command: not Python
};

// Splits piped input into cells: top-level statements, each as soon as it is known to be complete,
// and, from the first line `# %%` or `%%magic` on, what lies between such lines. Entirely passive:
// the reader of rank 0 owns it, feeds it what it has read in any chunks, and takes cells until
// next() wants more. May be called from any one thread at a time.
class CellSplitter {
  public:
    // Python 3.12 and later: a replacement field of an f-string may contain its quotes and
    // newlines.
    explicit CellSplitter(bool nested_fstrings = false) : logical_(nested_fstrings) {}

    void feed(std::string_view bytes);
    void finish();                      // end of input: what is pending is complete now
    std::optional<std::string> next();  // the next complete cell; nullopt: more input is needed

    // The last cell had a SyntaxError: drops what follows it up to a line that begins a cell, or,
    // after an empty line, a line that begins in column 0. To be called before the next next().
    void skip_after_error();

  private:
    enum class State { idle, decorated, in_block, after_one_liner };

    std::optional<std::string_view> peek_line();
    void skip_line(std::string_view line);
    std::optional<std::string> add_to_cell(std::string_view line);
    std::optional<std::string> add_to_statement(std::string_view line);
    bool ends_statement(std::string_view line, unsigned clause) const;
    bool end_logical_line();
    void consume(std::string_view line) { position_ += line.size(); }
    std::string take_statement();
    std::string take_trimmed();
    void compact();

    std::string buffer_;
    bool at_start_ = true;       // of the input, where a byte order mark may be
    bool after_return_ = false;  // the last byte fed was '\r'
    bool finished_ = false;
    std::size_t begin_ = 0;          // of the cell in progress
    std::size_t position_ = 0;       // of the line to be looked at next
    std::size_t statement_end_ = 0;  // of the last logical line of the statement in progress
    std::size_t searched_ = 0;       // no newline between position_ and here

    State state_ = State::idle;
    LogicalLine logical_;
    bool is_body_ = false;      // the logical line in progress is inside a block
    unsigned line_clause_ = 0;  // what the logical line in progress begins, see Clause
    unsigned may_follow_ = 0;   // the clauses that would continue the statement
    bool skipping_ = false;
    bool skipped_empty_line_ = false;
    bool cell_mode_ = false;
    bool has_code_ = false;     // the cell in progress is not only blank lines and comments
    bool only_magics_ = false;  // what it has are %%magics
};

}  // namespace mpirepl
