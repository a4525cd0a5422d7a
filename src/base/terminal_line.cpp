#include "base/terminal_line.h"

namespace mpirepl {
namespace {

constexpr std::size_t max_torn = 4096;   // a longer sequence without an end is none
constexpr std::size_t widest = 1 << 16;  // tabs beyond it have one column, to save memory

}  // namespace

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
                write_glyph(bytes, unit.kind);
        }
    }
    if (!keep_torn) leave();
    return i;
}

void TerminalLine::write_glyph(std::string_view glyph, Kind kind) {
    if (glyph == "\t") {
        tab(glyph);
        return;
    }
    const int columns = kind == Kind::glyph ? columns_of(glyph) : 1;
    if (columns > 0 || !combine(glyph)) put(glyph, columns == 2 ? 2 : 1);
}

void TerminalLine::put(std::string_view glyph, std::size_t columns) {
    const std::size_t end = cursor_ + columns;
    if (!group_open_) slots_[cursor_].colour_size = 0;
    leave();
    blank_wide(cursor_);
    if (columns > 1) blank_wide(end - 1);
    if (slots_.size() <= end) slots_.resize(end + 1);
    slots_[cursor_].glyph = glyph;
    while (++cursor_ < end) slots_[cursor_] = Slot{};
}

// Moves the cursor only; but where the line ends the tab becomes a part of it.
void TerminalLine::tab(std::string_view glyph) {
    const std::size_t columns = cursor_ < widest ? tab_width - cursor_ % tab_width : 1;
    const std::size_t end = slots_.size() - 1;
    if (cursor_ == end) {
        put(glyph, columns);
        return;
    }
    leave();
    cursor_ += columns;
    if (cursor_ <= end) return;
    slots_.resize(cursor_ + 1);
    for (std::size_t i = end; i < cursor_; ++i) slots_[i].glyph = " ";
}

// Adds to the character before the cursor one that combines with it, if it has just been written.
bool TerminalLine::combine(std::string_view glyph) {
    std::size_t column = cursor_;
    while (column > 0 && slots_[--column].glyph.empty()) {
    }
    std::string_view& base = slots_[column].glyph;
    if (base.empty() || base.data() + base.size() != glyph.data()) return false;
    if (base == "\t" || next_unit(base).kind != Kind::glyph) return false;
    base = {base.data(), base.size() + glyph.size()};
    return true;
}

void TerminalLine::blank_wide(std::size_t column) {
    const std::size_t line_end = slots_.size() - 1;
    if (column >= line_end) return;
    std::size_t begin = column;
    while (begin > 0 && slots_[begin].glyph.empty()) --begin;
    std::size_t end = column + 1;
    while (end < line_end && slots_[end].glyph.empty()) ++end;
    if (end - begin == 1) return;
    for (; begin < end; ++begin) slots_[begin].glyph = " ";
}

void TerminalLine::leave() {
    if (!group_open_) return;
    slots_[cursor_].colour_begin = group_begin_;
    slots_[cursor_].colour_size = static_cast<std::uint32_t>(colours_.size()) - group_begin_;
    group_open_ = false;
}

namespace {

void append_glyph(std::string_view glyph, std::string& out) {
    if (next_unit(glyph).kind == Kind::glyph) {
        out += glyph;
    } else {
        append_hex(glyph.back(), out);
    }
}

constexpr const char* apart = "\x1b=";  // is dropped, and keeps a mark from combining

bool is_mark(std::string_view glyph) {
    return next_unit(glyph).kind == Kind::glyph && columns_of(glyph) == 0;
}

}  // namespace

// Returns the colours that must still follow so that they are in force after the line: the ones
// written last may have been overwritten, and a colour must not leak into what comes next.
std::string_view TerminalLine::append_slots(std::string& out, bool shown) const {
    std::string_view in_force;
    for (const Slot& slot : slots_) {
        if (slot.colour_size > 0) in_force = colours(slot.colour_begin, slot.colour_size);
        out += colours(slot.colour_begin, slot.colour_size);
        if (slot.glyph.empty()) continue;
        if (!shown && is_mark(slot.glyph)) out += apart;
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

}  // namespace mpirepl
