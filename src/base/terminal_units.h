#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mpirepl {

// What a terminal would do with the bytes at the beginning of a text.
enum class Kind {
    glyph,  // a character, tab or newline, which may be shown as it is
    hex,    // a control character or no UTF-8, shown as \xNN
    carriage_return,
    backspace,
    colour,   // SGR
    dropped,  // any other escape sequence
    torn,     // more bytes must come; without them the first byte is as hex
};

struct Unit {
    Kind kind;
    std::size_t size;  // in bytes, at least 1
};

// The first unit of a text that is not empty. All functions here may be called from any thread.
Unit next_unit(std::string_view text);

constexpr int tab_width = 8;  // a tab reaches to the next multiple

// The columns of a glyph other than a tab: 2 when it is wide, 0 when it combines with the one
// before it, else 1. The process's locale decides.
int columns_of(std::string_view glyph);

// The length of what at the start of a text may be shown as it is.
std::size_t clean_prefix(std::string_view text);

void append_hex(char c, std::string& out);

}  // namespace mpirepl
