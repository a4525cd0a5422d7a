#include "console/display_width.h"

#include <string>

#include "base/terminal_units.h"

namespace mpirepl {
namespace {

constexpr char escape = '\033';

/// One unit of a line: a character or a colour.
struct Extent {
    std::size_t bytes;
    int columns;
};

Extent extent_at(std::string_view line, std::size_t at, int column) {
    if (line[at] == '\t') return {.bytes = 1, .columns = tab_width - column % tab_width};
    const std::string_view rest = line.substr(at);
    const Unit unit = next_unit(rest);
    if (unit.kind == Kind::torn && line[at] == escape) return {.bytes = rest.size(), .columns = 0};
    if (unit.kind != Kind::glyph) return {.bytes = unit.size, .columns = unit.kind != Kind::colour};
    return {.bytes = unit.size, .columns = columns_of(rest.substr(0, unit.size))};
}

}  // namespace

int display_width(std::string_view line) {
    int column = 0;
    for (std::size_t at = 0; at < line.size();) {
        Extent unit = extent_at(line, at, column);
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
        Extent unit = extent_at(line, at, column);
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
