#include "base/line_assembler.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mpirepl {
namespace {

constexpr std::size_t max_line = std::size_t{4} << 20;
constexpr std::size_t max_torn = 4096;  // a longer sequence without an end is none

unsigned char byte_at(std::string_view text, std::size_t i) {
    return static_cast<unsigned char>(text[i]);
}

bool is_between(unsigned char c, unsigned char low, unsigned char high) {
    return c >= low && c <= high;
}

bool is_plain(unsigned char c) { return is_between(c, 0x20, 0x7e) || c == '\t' || c == '\n'; }

constexpr std::size_t plain_block = 64;

// Without branches inside, so that the compiler makes vector instructions of it.
bool is_plain_block(const char* block) {
    unsigned char bad = 0;
    for (std::size_t i = 0; i < plain_block; ++i) {
        const auto c = static_cast<unsigned char>(block[i]);
        const bool printable = static_cast<unsigned char>(c - 0x20) <= 0x5e;
        const bool blank = static_cast<unsigned char>(c - '\t') <= 1;
        bad |= static_cast<unsigned char>(!(printable | blank));
    }
    return bad == 0;
}

enum class Kind { glyph, hex, carriage_return, backspace, colour, dropped, torn };

struct Unit {
    Kind kind;
    std::size_t size;
};

// A code point outside ASCII. Table 3-7 of the Unicode standard: only the second byte has a range
// that depends on the first. U+0080..U+009F are control characters.
Unit multibyte_unit(std::string_view text) {
    const unsigned char lead = byte_at(text, 0);
    if (!is_between(lead, 0xc2, 0xf4)) return {Kind::hex, 1};
    const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.size() < 2) return {Kind::torn, 1};
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (!is_between(byte_at(text, 1), low, high)) return {Kind::hex, 1};
    for (std::size_t i = 2; i < size; ++i) {
        if (i == text.size()) return {Kind::torn, 1};
        if (!is_between(byte_at(text, i), 0x80, 0xbf)) return {Kind::hex, 1};
    }
    return {lead == 0xc2 && byte_at(text, 1) < 0xa0 ? Kind::hex : Kind::glyph, size};
}

// ESC [ parameters intermediates final
Unit csi_unit(std::string_view text) {
    std::size_t i = 2;
    bool colour = true;
    for (; i < text.size() && is_between(byte_at(text, i), 0x30, 0x3f); ++i) {
        if (text[i] > ';') colour = false;
    }
    for (; i < text.size() && is_between(byte_at(text, i), 0x20, 0x2f); ++i) colour = false;
    if (i == text.size()) return {Kind::torn, 1};
    if (!is_between(byte_at(text, i), 0x40, 0x7e)) return {Kind::hex, 1};
    return {colour && text[i] == 'm' ? Kind::colour : Kind::dropped, i + 1};
}

// OSC and its kin: ESC ] text BEL or ESC \. No ESC in the text, which also keeps the search linear.
Unit string_unit(std::string_view text) {
    const std::string_view ends = text[1] == ']' ? "\a\x1b" : "\x1b";
    const std::size_t end = text.find_first_of(ends, 2);
    if (end == std::string_view::npos) return {Kind::torn, 1};
    if (text[end] == '\a') return {Kind::dropped, end + 1};
    if (end + 1 == text.size()) return {Kind::torn, 1};
    if (text[end + 1] != '\\') return {Kind::hex, 1};
    return {Kind::dropped, end + 2};
}

Unit escape_unit(std::string_view text) {
    constexpr std::string_view two_characters = "6789=>DEHMNOZ\\clmno|}~";
    if (text.size() < 2) return {Kind::torn, 1};
    const char second = text[1];
    if (second == '[') return csi_unit(text);
    if (std::string_view("]PX^_").find(second) != std::string_view::npos) return string_unit(text);
    if (two_characters.find(second) != std::string_view::npos) return {Kind::dropped, 2};
    if (!is_between(byte_at(text, 1), 0x20, 0x2f)) return {Kind::hex, 1};
    if (text.size() < 3) return {Kind::torn, 1};
    if (!is_between(byte_at(text, 2), 0x30, 0x7e)) return {Kind::hex, 1};
    return {Kind::dropped, 3};  // ESC ( B and the like choose a character set
}

Unit next_unit(std::string_view text) {
    const unsigned char c = byte_at(text, 0);
    if (is_plain(c)) return {Kind::glyph, 1};
    if (c >= 0x80) return multibyte_unit(text);
    if (c == '\r') return {Kind::carriage_return, 1};
    if (c == '\b') return {Kind::backspace, 1};
    if (c == '\x1b') return escape_unit(text);
    return {Kind::hex, 1};
}

// The length of what at the start of text may be shown as it is.
std::size_t clean_prefix(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        if (text.size() - i >= plain_block && is_plain_block(text.data() + i)) {
            i += plain_block;
            continue;
        }
        const std::size_t end = std::min(i + plain_block, text.size());
        while (i < end) {
            if (is_plain(byte_at(text, i))) {
                ++i;
                continue;
            }
            if (byte_at(text, i) < 0x80) return i;
            const Unit unit = multibyte_unit(text.substr(i));
            if (unit.kind != Kind::glyph) return i;
            i += unit.size;
        }
    }
    return i;
}

void append_hex(char c, std::string& out) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
}

// A line that moves the cursor. Every code point has one column; the colours that come before it
// are overwritten with it. A slot holds what is in a column; the last one is the line's end.
class TerminalLine {
  public:
    // Returns how much has been taken: all, or with keep_torn all but a sequence torn at the end.
    std::size_t write(std::string_view text, bool keep_torn);

    void append_shown(std::string& out) const { append_slots(out, true); }

    // Bytes that, written to an empty line, give this line and cursor again.
    void append_raw(std::string& out) const;

  private:
    struct Slot {
        std::string_view glyph;
        std::uint32_t colour_begin = 0;
        std::uint32_t colour_size = 0;
    };

    void put(std::string_view glyph);
    void leave();
    std::string_view colours(std::uint32_t begin, std::uint32_t size) const {
        return std::string_view(colours_).substr(begin, size);
    }
    std::string_view append_slots(std::string& out, bool shown) const;

    std::vector<Slot> slots_ = {Slot{}};
    std::size_t cursor_ = 0;
    std::string colours_;            // of all slots
    std::uint32_t group_begin_ = 0;  // the last colours that were written
    bool group_open_ = false;        // and belong to no slot yet
};

std::size_t TerminalLine::write(std::string_view text, bool keep_torn) {
    std::size_t i = 0;
    while (i < text.size()) {
        const Unit unit = next_unit(text.substr(i));
        if (unit.kind == Kind::torn && keep_torn && text.size() - i <= max_torn) return i;
        const std::string_view bytes = text.substr(i, unit.size);
        i += unit.size;
        switch (unit.kind) {
            case Kind::carriage_return:
                leave();
                cursor_ = 0;
                break;
            case Kind::backspace:
                leave();
                if (cursor_ > 0) --cursor_;
                break;
            case Kind::colour:
                if (!group_open_) group_begin_ = static_cast<std::uint32_t>(colours_.size());
                group_open_ = true;
                colours_ += bytes;
                break;
            case Kind::dropped:
                break;
            default:
                put(bytes);
        }
    }
    if (!keep_torn) leave();
    return i;
}

void TerminalLine::put(std::string_view glyph) {
    if (!group_open_) slots_[cursor_].colour_size = 0;
    leave();
    slots_[cursor_].glyph = glyph;
    if (++cursor_ == slots_.size()) slots_.emplace_back();
}

void TerminalLine::leave() {
    if (!group_open_) return;
    slots_[cursor_].colour_begin = group_begin_;
    slots_[cursor_].colour_size = static_cast<std::uint32_t>(colours_.size()) - group_begin_;
    group_open_ = false;
}

void append_glyph(std::string_view glyph, std::string& out) {
    if (next_unit(glyph).kind == Kind::glyph) {
        out += glyph;
    } else {
        append_hex(glyph.back(), out);
    }
}

// Returns the colours that must still follow so that they are in force after the line: the ones
// written last may have been overwritten, and a colour must not leak into what comes next.
std::string_view TerminalLine::append_slots(std::string& out, bool shown) const {
    std::string_view in_force;
    for (const Slot& slot : slots_) {
        if (slot.colour_size > 0) in_force = colours(slot.colour_begin, slot.colour_size);
        out += colours(slot.colour_begin, slot.colour_size);
        if (slot.glyph.empty()) continue;
        shown ? append_glyph(slot.glyph, out) : void(out += slot.glyph);
    }
    const std::string_view last = std::string_view(colours_).substr(group_begin_);
    if (last == in_force) return {};
    if (shown) out += last;
    return last;
}

void TerminalLine::append_raw(std::string& out) const {
    const std::string_view missing = append_slots(out, false);
    const std::size_t end = slots_.size() - 1;
    if (cursor_ == 0 && end > 0) {
        out += '\r';
    } else {
        out.append(end - cursor_, '\b');
    }
    out += missing;
}

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
