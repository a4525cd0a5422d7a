#include "base/line_assembler.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/terminal_line.h"
#include "base/terminal_units.h"

namespace mpirepl {
namespace {

constexpr std::size_t max_line = std::size_t{4} << 20;

bool moves_cursor(std::string_view line) {
    return line.find('\r') != std::string_view::npos || line.find('\b') != std::string_view::npos;
}

void append_still_line(std::string_view line, std::string& out) {
    while (!line.empty()) {
        const std::size_t clean = clean_prefix(line);
        out += line.substr(0, clean);
        line.remove_prefix(clean);
        if (line.empty()) return;
        const Unit unit = next_unit(line);
        if (unit.kind == Kind::colour) {
            out += line.substr(0, unit.size);
        } else if (unit.kind != Kind::dropped) {
            append_hex(line[unit.size - 1], out);
        }
        line.remove_prefix(unit.size);
    }
}

void append_line(std::string_view line, std::string& out) {
    while (line.ends_with('\r')) line.remove_suffix(1);
    if (!moves_cursor(line)) {
        append_still_line(line, out);
        return;
    }
    TerminalLine terminal;
    terminal.write(line, false);
    terminal.append_shown(out);
}

}  // namespace

void LineAssembler::feed(std::string_view bytes, std::string& lines) {
    for (; bytes.size() > max_line; bytes.remove_prefix(max_line)) {
        feed_block(bytes.substr(0, max_line), lines);
    }
    feed_block(bytes, lines);
}

void LineAssembler::feed_block(std::string_view bytes, std::string& lines) {
    while (!bytes.empty()) {
        if (pending_.empty()) {
            const std::string_view clean = bytes.substr(0, clean_prefix(bytes));
            const std::size_t size = clean.rfind('\n') + 1;
            lines += clean.substr(0, size);
            bytes.remove_prefix(size);
        }
        const std::size_t end = bytes.find('\n');
        if (end == std::string_view::npos) {
            keep(bytes, lines);
            return;
        }
        if (pending_.empty()) {
            append_line(bytes.substr(0, end), lines);
        } else {
            keep(bytes.substr(0, end), lines);
            append_line(pending_, lines);
            pending_.clear();
        }
        lines += '\n';
        bytes.remove_prefix(end + 1);
    }
}

void LineAssembler::finish(std::string& lines) {
    const std::size_t before = lines.size();
    append_line(pending_, lines);
    if (lines.size() > before) lines += '\n';
    pending_.clear();
}

void LineAssembler::keep(std::string_view bytes, std::string& lines) {
    while (!bytes.empty()) {
        if (pending_.size() == max_line) compact(lines);
        const std::string_view part = bytes.substr(0, max_line - pending_.size());
        pending_ += part;
        bytes.remove_prefix(part.size());
    }
}

// Half of the room must be free afterwards, else a line that barely fits is compacted at each byte.
void LineAssembler::compact(std::string& lines) {
    TerminalLine terminal;
    const std::size_t taken = terminal.write(pending_, true);
    std::string compacted;
    terminal.append_raw(compacted);
    if (compacted.size() > max_line / 2) {
        terminal.append_shown(lines);
        lines += '\n';
        compacted.clear();
    }
    compacted += std::string_view(pending_).substr(taken);
    pending_ = std::move(compacted);
}

std::string clean_text(std::string_view text) {
    std::string out;
    while (true) {
        const std::size_t end = text.find('\n');
        append_line(text.substr(0, end), out);
        if (end == std::string_view::npos) return out;
        out += '\n';
        text.remove_prefix(end + 1);
    }
}

}  // namespace mpirepl
