#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/terminal_units.h"

namespace mpirepl {

// A line that moves the cursor, as a terminal of endless width shows it: a wide character has two
// columns, a tab reaches to the next multiple of eight, and who overwrites a part of one blanks the
// rest. The colours before a character are overwritten with it. It keeps views of the texts that
// are written, which must outlive it. For one thread.
class TerminalLine {
  public:
    // Returns how much has been taken: all, or with keep_torn all but a sequence torn at the end.
    std::size_t write(std::string_view text, bool keep_torn);

    void append_shown(std::string& out) const { append_slots(out, true); }

    // Bytes that, written to an empty line, give this line and cursor again.
    void append_raw(std::string& out) const;

  private:
    // What begins in a column; the last one is the line's end.
    struct Slot {
        std::string_view glyph;  // empty in the other columns of a wide one
        std::uint32_t colour_begin = 0;
        std::uint32_t colour_size = 0;
    };

    void write_glyph(std::string_view glyph, Kind kind);
    void put(std::string_view glyph, std::size_t columns);
    void tab(std::string_view glyph);
    bool combine(std::string_view glyph);
    void blank_wide(std::size_t column);
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

}  // namespace mpirepl
