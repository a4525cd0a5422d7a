"""Compile the Python package into a C++ table of frozen modules.

Usage: freeze.py PACKAGE_DIRECTORY OUTPUT.cpp, run by the interpreter that is embedded.
"""

import marshal
import sys
from pathlib import Path


def module_names(package: Path) -> dict[str, Path]:
    """Map the dotted name of each module in `package` to its file."""
    files = sorted(package.rglob("*.py"))
    names = {}
    for file in files:
        parts = file.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


def table(modules: dict[str, Path]) -> str:
    """Return the C++ source with the code of each module."""
    arrays, rows = [], []
    for number, (name, file) in enumerate(modules.items()):
        code = marshal.dumps(compile(file.read_bytes(), f"<frozen {name}>", "exec"))
        numbers = ",".join(map(str, code))
        arrays.append(f"const unsigned char code_{number}[] = {{{numbers}}};")
        is_package = str(file.name == "__init__.py").lower()
        rows.append(f'    {{"{name}", code_{number}, sizeof code_{number}, {is_package}}},')
    return "\n".join(
        [
            '#include "embed/frozen.h"',
            "namespace mpirepl {",
            "namespace {",
            *arrays,
            "}",
            "extern const struct _frozen frozen_modules[] = {",
            *rows,
            "    {nullptr, nullptr, 0}};",
            "}",
            "",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(table(module_names(Path(sys.argv[1]))))
