#include "base/terminal_units.h"

#include <algorithm>
#include <cwchar>

namespace mpirepl {
namespace {

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

}  // namespace

Unit next_unit(std::string_view text) {
    const unsigned char c = byte_at(text, 0);
    if (is_plain(c)) return {Kind::glyph, 1};
    if (c >= 0x80) return multibyte_unit(text);
    if (c == '\r') return {Kind::carriage_return, 1};
    if (c == '\b') return {Kind::backspace, 1};
    if (c == '\x1b') return escape_unit(text);
    return {Kind::hex, 1};
}

int columns_of(std::string_view glyph) {
    const unsigned char lead = byte_at(glyph, 0);
    if (lead < 0x80) return 1;
    const int bits_of_lead = lead < 0xe0 ? 0x1f : lead < 0xf0 ? 0x0f : 0x07;
    wchar_t character = lead & bits_of_lead;
    for (std::size_t i = 1; i < glyph.size(); ++i) {
        character = character << 6 | (byte_at(glyph, i) & 0x3f);
    }
    const int columns = ::wcwidth(character);
    return columns < 0 ? 1 : columns;  // one that the locale does not know
}

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

}  // namespace mpirepl
