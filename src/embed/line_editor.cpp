#include "embed/line_editor.h"

#include <pybind11/pybind11.h>

namespace mpirepl {
namespace {

namespace py = pybind11;

std::FILE* opened(Fd fd, const char* mode) { return ::fdopen(fd.release(), mode); }

}  // namespace

LineEditor::LineEditor(Fd in, Fd out)
    : in_(opened(std::move(in), "r")), out_(opened(std::move(out), "w")) {}

bool LineEditor::is_readline() { return PyOS_ReadlineFunctionPointer != nullptr; }

std::string LineEditor::read(const std::string& prompt) {
    std::unique_ptr<char, decltype(&PyMem_Free)> line(
        PyOS_Readline(in_.get(), out_.get(), prompt.c_str()), PyMem_Free);
    if (line) return line.get();
    if (PyErr_Occurred() == nullptr && PyErr_CheckSignals() == 0)
        PyErr_SetNone(PyExc_KeyboardInterrupt);
    throw py::error_already_set();
}

}  // namespace mpirepl
