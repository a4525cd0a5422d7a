#pragma once

#include <string>
#include <string_view>

namespace mpirepl {

/// The columns that a clean line takes on a terminal: wide characters two, colours none, tabs to
/// the next multiple of eight. The process's locale decides about wide characters.
int display_width(std::string_view line);

/// The beginning of a line that fits into so many columns, with its colours ended; tabs become
/// blanks.
std::string shortened(std::string_view line, int columns);

}  // namespace mpirepl
