#include "embed/place.h"

#include <fmt/format.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace mpirepl {
namespace {

namespace py = pybind11;

constexpr auto npos = std::string_view::npos;

bool is_of_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}

/// The place of the bracket or quote that belongs to the one at `end`; npos: there is none.
std::size_t begin_of_group(std::string_view text, std::size_t end) {
    int depth = 0;
    for (std::size_t i = end + 1; i-- > 0;) {
        const char c = text[i];
        if (c == '\'' || c == '"') {
            i = i == 0 ? npos : text.rfind(c, i - 1);
            if (i == npos) return npos;
        } else if (c == ')' || c == ']' || c == '}') {
            ++depth;
        } else if (c == '(' || c == '[' || c == '{') {
            --depth;
        }
        if (depth == 0) return i;
    }
    return npos;
}

/// An attribute of a module that has been imported; null: there is none, cells may have dropped it.
py::object attribute_of(const char* module_name, const char* name) {
    PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), module_name);
    if (module == nullptr) return {};
    PyObject* value = PyObject_GetAttrString(module, name);
    if (value == nullptr) PyErr_Clear();
    return py::reinterpret_steal<py::object>(value);
}

std::string text_of(const py::handle& object) {
    if (PyBytes_Check(object.ptr())) return object.cast<py::bytes>();
    return object.cast<std::string>();
}

/// The lines of a cell or file, as they lie there.
std::string source_of(const py::str& file) {
    if (const py::object cache = attribute_of("linecache", "cache")) {
        const auto lines = cache.attr("get")(file, py::tuple());
        if (py::len(lines) == 4) {
            std::string all;
            for (const py::handle& line : lines[py::int_(2)]) all += text_of(line);
            return all;
        }
    }
    if (const py::object waiting = attribute_of("mpirepl._sources", "_waiting")) {
        const auto source = waiting.attr("get")(file);
        if (!source.is_none()) return text_of(source);
    }
    const std::string path = text_of(file);
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) return {};
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// The byte at a column of a line, both as CPython counts them: from 1 and from 0.
std::optional<std::size_t> offset_of(const std::string& source, int line, int column) {
    std::size_t begin = 0;
    for (; line > 1; --line) {
        begin = source.find('\n', begin);
        if (begin++ == std::string::npos) return std::nullopt;
    }
    return begin + static_cast<std::size_t>(column);
}

std::string callee_of(PyFrameObject* frame, PyCodeObject* code, const py::str& file) {
    int first = 0, last = 0, begin = 0, end = 0;
    const bool is_known =
        PyCode_Addr2Location(code, PyFrame_GetLasti(frame), &first, &begin, &last, &end) != 0;
    if (!is_known || first < 1 || last < first || begin < 0 || end < 0) return {};
    const std::string source = source_of(file);
    const auto from = offset_of(source, first, begin);
    const auto to = offset_of(source, last, end);
    if (!from || !to || *from > *to || *to > source.size()) return {};
    return called_name(std::string_view(source).substr(*from, *to - *from));
}

}  // namespace

Place place_of(py::object frame) {
    Place place;
    try {
        const py::object host = attribute_of("mpirepl._run", "HOST");
        while (!frame.is_none()) {
            auto* of = reinterpret_cast<PyFrameObject*>(frame.ptr());
            const auto code =
                py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyFrame_GetCode(of)));
            const py::str file = code.attr("co_filename");
            const std::string path = text_of(file);
            if (!host || !path.starts_with(text_of(host))) {
                const std::string name = text_of(code.attr("co_name"));
                place.where = fmt::format("{}:{} in {}", path.substr(path.rfind('/') + 1),
                                          PyFrame_GetLineNumber(of), name);
                place.callee = callee_of(of, reinterpret_cast<PyCodeObject*>(code.ptr()), file);
                place.awaits_work = name == "_worker" && place.callee == "get" &&
                                    path.ends_with("/concurrent/futures/thread.py");
                return place;
            }
            auto* back = reinterpret_cast<PyObject*>(PyFrame_GetBack(of));
            if (back == nullptr) break;
            frame = py::reinterpret_steal<py::object>(back);
        }
    } catch (const py::error_already_set&) {
        // What is known of it is told.
    } catch (const py::cast_error&) {
        // A name that is no UTF-8.
    }
    return place;
}

std::string called_name(std::string_view expression) {
    std::size_t end = expression.size();
    if (expression.ends_with(')')) end = begin_of_group(expression, end - 1);
    if (end == npos) return {};
    std::size_t begin = end;
    while (begin > 0 && is_of_name(expression[begin - 1])) --begin;
    std::string name(expression.substr(begin, end - begin));
    // Before it are names, calls and indices only.
    while (begin > 0) {
        const char c = expression[begin - 1];
        if (is_of_name(c) || c == '.')
            --begin;
        else if (c == ')' || c == ']' || c == '"' || c == '\'')
            begin = begin_of_group(expression, begin - 1);
        else
            return {};
        if (begin == npos) return {};
    }
    return name;
}

}  // namespace mpirepl
