#include "session/program_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/error.h"

namespace mpirepl {
namespace {

namespace fs = std::filesystem;

/// An archive may have anything in front; its end has the mark of a zip's central directory.
bool is_archive(std::string_view bytes) {
    constexpr std::size_t longest_comment = 65535 + 22;
    std::size_t begin = bytes.size() > longest_comment ? bytes.size() - longest_comment : 0;
    return bytes.substr(begin).find("PK\x05\x06") != std::string_view::npos;
}

}  // namespace

Cell read_program_file(const std::string& name) {
    std::error_code none;
    std::string path = fs::absolute(name, none).string();
    if (none) path = name;  // the working directory has been removed
    if (fs::is_directory(name, none)) return {.kind = Cell::Kind::path, .name = name};
    errno = 0;
    std::ifstream file(name, std::ios::binary);
    if (!file)
        throw UserError(
            fmt::format("can't open file '{}': [Errno {}] {}", path, errno, std::strerror(errno)));
    std::string source{std::istreambuf_iterator<char>(file), {}};
    if (is_archive(source)) return {.kind = Cell::Kind::path, .name = name};
    return {.kind = Cell::Kind::script, .name = path, .source = std::move(source)};
}

}  // namespace mpirepl
