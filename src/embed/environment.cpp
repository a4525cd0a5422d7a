#include "embed/environment.h"

#include <Python.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"

namespace mpirepl {
namespace {

namespace fs = std::filesystem;

const std::string built_with = fmt::format("{}.{}", PY_MAJOR_VERSION, PY_MINOR_VERSION);

/// The minor version of the Python in an environment, "3.12"; empty where none is found.
std::string version_in(const fs::path& environment) {
    std::error_code none;
    if (fs::exists(environment / "bin" / ("python" + built_with), none)) return built_with;
    for (const auto& entry : fs::directory_iterator(environment / "lib", none)) {
        std::string name = entry.path().filename().string();
        if (name.starts_with("python") && name.find('.') != std::string::npos)
            return name.substr(6);
    }
    return {};
}

}  // namespace

std::string user_python() {
    for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
        const char* value = std::getenv(variable);
        if (value == nullptr || *value == '\0') continue;
        fs::path environment(value);
        std::string version = version_in(environment);
        if (version != built_with)
            throw UserError(fmt::format(
                "the active environment {} ({}) has Python {}, and this mpirepl is built with "
                "Python {}: deactivate it, or build mpirepl with PYTHON={}",
                variable, value, version.empty() ? "of no known version" : version, built_with,
                (environment / "bin" / "python").string()));
        return (environment / "bin" / "python").string();
    }
    return MPIREPL_PYTHON;
}

}  // namespace mpirepl
