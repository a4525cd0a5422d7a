#include "console/cell_splitter.h"

#include <algorithm>
#include <utility>

namespace mpirepl {
namespace {

constexpr std::string_view blanks = " \t\f";

// What a logical line begins. Sets of these say which clauses may continue a statement.
enum Clause : unsigned {
    other = 0,
    if_clause = 1,
    elif_clause = 2,
    else_clause = 4,
    loop_clause = 8,
    try_clause = 16,
    except_clause = 32,
    finally_clause = 64,
    decorator = 128,
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_name_character(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

std::string_view first_word(std::string_view text) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_name_character);
    return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

std::string_view without_indent(std::string_view line) {
    return line.substr(std::min(line.find_first_not_of(blanks), line.size()));
}

unsigned clause_of(std::string_view line) {
    static constexpr std::pair<std::string_view, Clause> clauses[] = {
        {"if", if_clause},         {"elif", elif_clause},       {"else", else_clause},
        {"for", loop_clause},      {"while", loop_clause},      {"try", try_clause},
        {"except", except_clause}, {"finally", finally_clause},
    };
    line = without_indent(line);
    if (line.starts_with('@')) return decorator;
    std::string_view word = first_word(line);
    if (word == "async") word = first_word(without_indent(line.substr(word.size())));
    for (const auto& [name, clause] : clauses) {
        if (word == name) return clause;
    }
    return other;
}

// The clauses that may follow clause in a statement in which those in allowed might have come.
unsigned clauses_after(unsigned clause, unsigned allowed) {
    switch (clause) {
        case if_clause:
            return elif_clause | else_clause;
        case loop_clause:
            return else_clause;
        case try_clause:
            return except_clause | finally_clause;
        case elif_clause:
            return clause & allowed ? elif_clause | else_clause : other;
        case except_clause:
            return clause & allowed ? except_clause | else_clause | finally_clause : other;
        case else_clause:
            return clause & allowed ? allowed & finally_clause : other;
        default:
            return other;
    }
}

// To Python a form feed sets the column back to 0.
bool is_in_column_0(std::string_view line) {
    const std::size_t indent = std::min(line.find_first_not_of(blanks), line.size());
    return indent == 0 || line[indent - 1] == '\f';
}

bool is_blank(std::string_view line) { return without_indent(line) == "\n"; }

bool is_blank_or_comment(std::string_view line) {
    return is_blank(line) || without_indent(line).starts_with('#');
}

bool is_magic(std::string_view line) { return line.starts_with('%') || line.starts_with('!'); }

bool is_cell_magic(std::string_view line) {
    return line.size() > 2 && line.starts_with("%%") && is_letter(line[2]);
}

bool begins_cell(std::string_view line) {
    return line.starts_with("# %%") || line.starts_with("#%%") || is_cell_magic(line);
}

// Without blank lines at the end, but for one that a backslash before it needs.
std::string_view without_trailing_lines(std::string_view text) {
    const std::size_t last = text.find_last_not_of(" \t\f\n");
    if (last == std::string_view::npos) return text.substr(0, text.find('\n') + 1);
    std::size_t end = text.find('\n', last);
    if (text[last] == '\\' && end == last + 1)
        end = std::min(text.find('\n', end + 1), text.size());
    return text.substr(0, end + 1);
}

}  // namespace

void LogicalLine::add(std::string_view line) {
    if (!in_progress_) {
        open_.clear();
        last_token_ = 0;
        has_colon_ = failed_ = false;
        magic_ = is_magic(without_indent(line));
    }
    in_progress_ = true;
    if (magic_) {
        in_progress_ = line.ends_with("\\\n");
        return;
    }
    for (std::size_t i = 0; i < line.size() && !failed_;) {
        const bool text = !open_.empty() &&
                          (open_.back().kind == Kind::string || open_.back().kind == Kind::format);
        i = text ? add_text(line, i) : add_code(line, i);
    }
    if (failed_) in_progress_ = false;
}

std::size_t LogicalLine::add_code(std::string_view line, std::size_t i) {
    const char c = line[i];
    switch (c) {
        case ' ':
        case '\t':
        case '\f':
            return i + 1;
        case '\n':
            in_progress_ = !open_.empty();
            return i + 1;
        case '#':
            return line.size() - 1;
        case '\\':
            failed_ = i + 2 != line.size();
            return i + 2;
        case '\'':
        case '"':
            return open_string(line, i);
        case '(':
            open_.push_back({Kind::round});
            break;
        case '[':
            open_.push_back({Kind::square});
            break;
        case '{':
            open_.push_back({Kind::curly});
            break;
        case ')':
        case ']':
        case '}':
            close_bracket(c);
            break;
        case ':':
            add_colon(line[i + 1]);
            break;
        default:
            break;
    }
    last_token_ = c;
    return i + 1;
}

std::size_t LogicalLine::open_string(std::string_view line, std::size_t i) {
    std::size_t begin = i;
    while (begin > 0 && i - begin < 3 && is_name_character(line[begin - 1])) --begin;
    const std::string_view prefix = line.substr(begin, i - begin);
    Open string{Kind::string, line[i]};
    if (prefix.size() < 3 && prefix.find_first_not_of("fFtTrR") == std::string_view::npos) {
        string.fstring = nested_fstrings_ && prefix.find_first_of("fFtT") != std::string_view::npos;
        string.raw = prefix.find_first_of("rR") != std::string_view::npos;
    }
    string.triple = line[i + 1] == line[i] && line[i + 2] == line[i];
    open_.push_back(string);
    last_token_ = '"';
    return i + (string.triple ? 3 : 1);
}

void LogicalLine::add_colon(char following) {
    if (open_.empty()) {
        has_colon_ = has_colon_ || following != '=';
    } else if (open_.back().kind == Kind::field) {
        open_.push_back(open_.back());
        open_.back().kind = Kind::format;
    }
}

void LogicalLine::close_bracket(char bracket) {
    if (open_.empty()) {
        failed_ = true;
        return;
    }
    const Kind kind = open_.back().kind;
    const char expected = kind == Kind::round ? ')' : kind == Kind::square ? ']' : '}';
    failed_ = bracket != expected;
    open_.pop_back();
}

std::size_t LogicalLine::add_text(std::string_view line, std::size_t i) {
    const bool format = open_.back().kind == Kind::format;
    const Open string = open_.back();
    const char c = line[i];
    if (c == string.quote) {
        if (string.triple && (line[i + 1] != c || line[i + 2] != c)) return i + 1;
        failed_ = format;
        open_.pop_back();
        return i + (string.triple ? 3 : 1);
    }
    if (c == '\n') {
        failed_ = !string.triple && !format;
        if (!string.triple) open_.pop_back();  // it ends a format: so do Python 3.12 and 3.13.0
        return i + 1;
    }
    if (string.fstring) return add_fstring_text(line, i);
    return i + (c == '\\' ? 2 : 1);
}

std::size_t LogicalLine::add_fstring_text(std::string_view line, std::size_t i) {
    const bool format = open_.back().kind == Kind::format;
    const char following = line[i + 1];
    switch (line[i]) {
        case '\\':
            if (following == '{' || following == '}') return i + 1;
            if (!open_.back().raw && following == 'N' && line[i + 2] == '{') return i + 3;
            return i + 2;
        case '{':
            if (following == '{' && !format) return i + 2;
            open_.push_back(open_.back());
            open_.back().kind = Kind::field;
            return i + 1;
        case '}':
            if (format) open_.resize(open_.size() - 2, Open{});
            return i + 1;
        default:
            return i + 1;
    }
}

void CellSplitter::feed(std::string_view bytes) {
    compact();
    while (!bytes.empty()) {
        if (after_return_ && bytes.front() == '\n') bytes.remove_prefix(1);
        const std::size_t end = bytes.find('\r');
        buffer_ += bytes.substr(0, end);
        after_return_ = end != std::string_view::npos;
        if (!after_return_) return;
        buffer_ += '\n';
        bytes.remove_prefix(end + 1);
    }
}

void CellSplitter::compact() {
    if (begin_ <= buffer_.size() / 2) return;
    buffer_.erase(0, begin_);
    position_ -= begin_;
    statement_end_ -= std::min(begin_, statement_end_);
    searched_ -= std::min(begin_, searched_);
    begin_ = 0;
}

void CellSplitter::finish() {
    if (!buffer_.empty() && buffer_.back() != '\n') buffer_ += '\n';
    finished_ = true;
}

std::optional<std::string> CellSplitter::next() {
    while (const auto line = peek_line()) {
        if (skipping_) {
            skip_line(*line);
        } else if (auto cell = cell_mode_ ? add_to_cell(*line) : add_to_statement(*line)) {
            return cell;
        }
    }
    if (!finished_) return std::nullopt;
    if (has_code_ || logical_.in_progress()) return take_trimmed();
    if (state_ != State::idle) return take_statement();
    return std::nullopt;
}

std::optional<std::string_view> CellSplitter::peek_line() {
    const std::size_t end = buffer_.find('\n', std::max(position_, searched_));
    if (end == std::string::npos) {
        searched_ = buffer_.size();
        return std::nullopt;
    }
    searched_ = end;
    if (std::exchange(at_start_, false) && buffer_.starts_with("\xef\xbb\xbf"))
        position_ = begin_ = 3;
    return std::string_view(buffer_).substr(position_, end + 1 - position_);
}

void CellSplitter::skip_after_error() {
    skipping_ = !cell_mode_;
    skipped_empty_line_ = false;
}

void CellSplitter::skip_line(std::string_view line) {
    const bool indented = blanks.find(line.front()) != std::string_view::npos;
    if (begins_cell(line) || (skipped_empty_line_ && !indented && !is_blank(line))) {
        skipping_ = false;
        return;
    }
    skipped_empty_line_ = skipped_empty_line_ || is_blank(line);
    consume(line);
    begin_ = position_;
}

std::optional<std::string> CellSplitter::add_to_cell(std::string_view line) {
    const bool magic = is_cell_magic(line);
    const bool joins = has_code_ && only_magics_ && magic;  // they follow each other in one cell
    if (begins_cell(line) && !joins) {
        if (has_code_) return take_trimmed();
        has_code_ = only_magics_ = magic;
        begin_ = magic ? position_ : position_ + line.size();
    } else if (!joins && !is_blank_or_comment(line)) {
        has_code_ = true;
        only_magics_ = false;
    }
    consume(line);
    return std::nullopt;
}

std::optional<std::string> CellSplitter::add_to_statement(std::string_view line) {
    if (begins_cell(line)) {
        if (logical_.in_progress()) return take_trimmed();
        if (state_ != State::idle) return take_statement();
        cell_mode_ = true;
        return std::nullopt;
    }
    if (!logical_.in_progress()) {
        const unsigned clause = clause_of(line);
        const bool passive = is_blank_or_comment(line);
        if (!passive && ends_statement(line, clause)) return take_statement();
        if (state_ == State::idle) begin_ = passive ? position_ + line.size() : position_;
        if (passive) {
            consume(line);
            return std::nullopt;
        }
        is_body_ = state_ == State::in_block && !is_in_column_0(line);
        line_clause_ = clause;
    }
    consume(line);
    logical_.add(line);
    if (logical_.in_progress()) return std::nullopt;
    statement_end_ = position_;
    if (end_logical_line()) return take_statement();
    return std::nullopt;
}

bool CellSplitter::ends_statement(std::string_view line, unsigned clause) const {
    if (state_ == State::idle) return false;
    if (state_ == State::decorated) return is_magic(line);
    if (!is_in_column_0(line)) return state_ == State::after_one_liner;
    return (clause & may_follow_) == 0;
}

// Returns whether the statement is known to be complete with it.
bool CellSplitter::end_logical_line() {
    if (logical_.failed()) return true;
    if (is_body_) return false;
    may_follow_ = clauses_after(line_clause_, may_follow_);
    if (line_clause_ == decorator) {
        state_ = State::decorated;
    } else if (logical_.ends_in_colon()) {
        state_ = State::in_block;
    } else if (may_follow_ != 0 && logical_.has_colon()) {
        state_ = State::after_one_liner;
    } else {
        return true;
    }
    return false;
}

// What follows the statement's end is looked at again: skip_after_error() may have to drop it.
std::string CellSplitter::take_statement() {
    std::string text = buffer_.substr(begin_, statement_end_ - begin_);
    begin_ = position_ = searched_ = statement_end_;
    state_ = State::idle;
    may_follow_ = other;
    return text;
}

std::string CellSplitter::take_trimmed() {
    const auto text = std::string_view(buffer_).substr(begin_, position_ - begin_);
    begin_ = position_;
    state_ = State::idle;
    may_follow_ = other;
    has_code_ = false;
    logical_.abandon();
    return std::string(without_trailing_lines(text));
}

}  // namespace mpirepl
