#include "session/pipe_front_end.h"

#include <Python.h>

#include "embed/interpreter.h"

namespace mpirepl {

void PipeFrontEnd::begin(PythonSession& /*session*/, Interpreter& interpreter) {
    constexpr bool nested_fstrings = PY_VERSION_HEX >= 0x030C0000;
    cells_.emplace(std::move(in_), nested_fstrings,
                   [&interpreter] { interpreter.handle_signals(); });
}

}  // namespace mpirepl
