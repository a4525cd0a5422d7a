#include "console/display_width.h"

#include <cwchar>
#include <string>

namespace mpirepl {
namespace {

constexpr int tab = 8;
constexpr char escape = '\033';

/// One unit of a line: a character with what combines into it, or a colour.
struct Unit {
    std::size_t bytes = 1;
    int columns = 1;
};

Unit unit_at(std::string_view line, std::size_t at, int column) {
    if (line[at] == '\t') return {.columns = tab - column % tab};
    if (line[at] == escape) {
        std::size_t end = line.find('m', at);
        return {.bytes = (end == std::string_view::npos ? line.size() : end + 1) - at,
                .columns = 0};
    }
    wchar_t character = 0;
    std::mbstate_t state{};
    std::size_t size = std::mbrtowc(&character, line.data() + at, line.size() - at, &state);
    if (size == 0 || size > line.size() - at) return {};  // of another encoding
    int columns = ::wcwidth(character);
    return {.bytes = size, .columns = columns < 0 ? 1 : columns};
}

}  // namespace

int display_width(std::string_view line) {
    int column = 0;
    for (std::size_t at = 0; at < line.size();) {
        Unit unit = unit_at(line, at, column);
        column += unit.columns;
        at += unit.bytes;
    }
    return column;
}

std::string shortened(std::string_view line, int columns) {
    std::string text;
    int column = 0;
    bool coloured = false;
    for (std::size_t at = 0; at < line.size();) {
        Unit unit = unit_at(line, at, column);
        if (column + unit.columns > columns) break;
        coloured |= line[at] == escape;
        if (line[at] == '\t')
            text.append(static_cast<std::size_t>(unit.columns), ' ');
        else
            text += line.substr(at, unit.bytes);
        column += unit.columns;
        at += unit.bytes;
    }
    if (coloured) text += "\033[0m";
    return text;
}

}  // namespace mpirepl
