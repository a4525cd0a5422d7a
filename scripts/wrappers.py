"""Write the wrappers of MPI's collectives, and a table of all functions that the guard wraps.

Usage: wrappers.py LIST MPI_H [OUTPUT.cpp]. Fails if mpi.h declares a function that is not in LIST,
whose head says what its lines mean. The variable CXX names the preprocessor that reads mpi.h.
"""

import fnmatch
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HANDLES = ("MPI_Comm", "MPI_Win", "MPI_File")
FINDERS = {"MPI_Comm": "{}", "MPI_Win": "find_window({})", "MPI_File": "find_file({})"}
TAKERS = {
    "MPI_Comm *": "created",
    "MPI_Win *": "created_window",
    "MPI_File *": "created_file",
}
# What a call leaves behind that fails, for callers that do not look at its error.
EMPTY = {
    "MPI_Comm *": "MPI_COMM_NULL",
    "MPI_Win *": "MPI_WIN_NULL",
    "MPI_File *": "MPI_FILE_NULL",
    "MPI_Request *": "MPI_REQUEST_NULL",
}
# The parameters that tell what a rank sends and receives: the first of each that there is.
AMOUNTS = {
    "sends": [
        ("sendcounts", "sendcount", "count", "recvcounts"),
        ("sendtypes", "sendtype", "datatype"),
    ],
    "receives": [
        ("recvcounts", "recvcount", "count"),
        ("recvtypes", "recvtype", "datatype"),
    ],
}
FIELDS = ("root", "op", "bytes", "numbers", "detail")  # of a Signature, in its order
# Where each way of an Exchange (src/guard/exchange.h) may have MPI_IN_PLACE.
IN_PLACE = {
    "gather": "sendbuf",
    "scatter": "recvbuf",
    "allgather": "sendbuf",
    "alltoall": "sendbuf",
}
WITHOUT_WRAPPER = ("local", "out")
CLASSES = (*WITHOUT_WRAPPER, "written", "collective", "creates", "nonblocking", "exchanges")
HEAD = """\
#include <mpi.h>

#include <cstdint>
#include <utility>

#include "guard/call.h"
#include "guard/details.h"
#include "guard/exchange.h"
#include "guard/large_count.h"
#include "guard/wrappers.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

using namespace mpirepl::guard;

extern "C" {
"""


class ListError(Exception):
    """The list and mpi.h do not fit together."""


@dataclass(frozen=True)
class Entry:
    """A line of the list."""

    kind: str
    name: str
    rest: str


@dataclass(frozen=True)
class Parameter:
    """A parameter of a prototype: `const int recvcounts[]` has the type `const int []`."""

    text: str
    name: str
    type: str


@dataclass(frozen=True)
class Function:
    """What mpi.h declares."""

    name: str
    parameters: list[Parameter]

    def __getitem__(self, name: str) -> Parameter:
        """Return the parameter of this name, or of one of several joined by a bar."""
        for parameter in self.parameters:
            if parameter.name in name.split("|"):
                return parameter
        raise ListError(f"{self.name} has no parameter {name}")

    def handle(self) -> Parameter | None:
        """Return the communicator, window or file over which the function works."""
        return next((p for p in self.parameters if p.type in HANDLES), None)

    def signature(self) -> str:
        """Return the declaration."""
        return f"int {self.name}({', '.join(p.text for p in self.parameters)})"

    def call(self, name: str, changes: dict[str, str]) -> str:
        """Return a call of the function `name` with the same arguments but for `changes`."""
        return f"{name}({', '.join(changes.get(p.name, p.name) for p in self.parameters)})"

    def native(self, communicator: str) -> str:
        """Return the native call over a communicator that may be another than the parameter."""
        handle = self.handle()
        changed = handle and handle.type == "MPI_Comm"
        return self.call(f"P{self.name}", {handle.name: communicator} if changed else {})


def read_list(text: str) -> dict[str, Entry]:
    """Map each name, which may be a pattern, to its entry."""
    entries: dict[str, Entry] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split(maxsplit=2)
        if not words:
            continue
        if words[0] not in CLASSES or len(words) < 2:
            raise ListError(f"line {number} does not begin with one of {', '.join(CLASSES)}")
        kind, name, rest = (*words, "")[:3]
        if name in entries:
            raise ListError(f"{name} is listed twice")
        if kind in ("out", "written") and not rest:
            raise ListError(f"{name} lacks its {'reason' if kind == 'out' else 'file'}")
        entries[name] = Entry(kind, name, rest)
    return entries


def parse_parameter(text: str) -> Parameter:
    """Split `text`, as `const int recvcounts[]`, into its name and type."""
    text = " ".join(text.split())
    match = re.fullmatch(r"(.*?)(\w+)\s*((?:\[\w*\])*)", text)
    if match is None:  # ...
        return Parameter(text, text, text)
    return Parameter(text, match[2], f"{match[1].strip()} {match[3]}".strip())


def parse_prototypes(source: str) -> dict[str, Function]:
    """Return what preprocessed source declares under names that begin with MPI_."""
    functions = {}
    for statement in re.split(r"[;{}]", re.sub(r'"[^"]*"', '""', source)):
        match = re.search(r"\b(MPI_[A-Z]\w*)\s*\(([^()]*)\)", statement)
        if match is None or "typedef" in statement:
            continue
        parameters = [] if match[2].strip() in ("", "void") else match[2].split(",")
        functions[match[1]] = Function(match[1], [parse_parameter(p) for p in parameters])
    return functions


def prototypes(header: Path) -> dict[str, Function]:
    """Return the functions that an mpi.h declares to the compiler."""
    skipped = ["-DOMPI_SKIP_MPICXX", "-DMPICH_SKIP_MPICXX"]
    compiler = os.environ.get("CXX", "c++").split()
    command = [*compiler, "-x", "c++", "-E", "-P", f"-I{header.parent}", *skipped, str(header)]
    return parse_prototypes(subprocess.run(command, stdout=-1, text=True, check=True).stdout)


def find_entry(name: str, entries: dict[str, Entry]) -> Entry | None:
    """Return the entry of a function, which may be that of its small-count form or a pattern."""
    matching = (entry for entry in entries.values() if fnmatch.fnmatchcase(name, entry.name))
    return entries.get(name) or entries.get(name.removesuffix("_c")) or next(matching, None)


class Specification:
    """What the list says about a generated function beyond its class."""

    def __init__(self, function: Function, text: str):
        self._function = function
        self._given = dict.fromkeys(["root", "op", "bytes", "sends", "fits", "size", "with"], "")
        for word in text.split():
            match = re.fullmatch(r"(root|op|size)|(bytes|sends|fits|with)\(([\w,|]+)\)", word)
            if match is None:
                raise ListError(f"{function.name}: '{word}' is not understood")
            self._given[match[1] or match[2]] = match[1] or match[3]
        if self._given["bytes"] and self._given["sends"]:
            raise ListError(f"{function.name}: either bytes() or sends()")

    def fields(self) -> str:
        """Return the initialiser of a Signature."""
        names = [self._function[name].name for name in ("root", "op") if self._given[name]]
        if self._given["op"]:
            names.append("numbers")
        if self._given["bytes"] and self.bytes():
            names.append("bytes")
        if self.detail():
            names.append("detail")
        if self._given["size"]:
            return "{.bytes = size}"
        values = {"numbers": "details::numbers(datatype)"}
        fields = (f".{name} = {values.get(name, name)}" for name in FIELDS if name in names)
        return f"{{{', '.join(fields)}}}" if names else ""

    def detail(self) -> str:
        """Return an expression for the detail of a Signature; empty if there is none."""
        name, _, arguments = self._given["with"].partition(",")
        names = [self._function[argument].name for argument in arguments.split(",") if argument]
        return f"details::{name}({', '.join(names)})" if name else ""

    def exchange(self) -> str:
        """Return the initialiser of an Exchange; empty if there is none."""
        way = self._given["fits"]
        if not way:
            return ""
        if way == "group":
            return "{.way = Exchange::Way::group, .group = group}"
        if way == "high":
            return "{.way = Exchange::Way::high, .sends = {high != 0 ? 1 : 0, MPI_BYTE}}"
        names = {parameter.name for parameter in self._function.parameters}
        fields = [f".way = Exchange::Way::{way}"]
        for field, candidates in AMOUNTS.items():
            arguments = [next(n for n in each if n in names) for each in candidates]
            fields.append(f".{field} = {{{', '.join(arguments)}}}")
        if self._given["root"]:
            fields.append(".root = root")
        if way in IN_PLACE:
            fields.append(f".in_place = {IN_PLACE[way]} == MPI_IN_PLACE")
        if self._given["bytes"] and way != "reduce_scatter":
            fields.append(".agreed = true")
        return f"{{{', '.join(fields)}}}"

    def bytes(self) -> str:
        """Return an expression for the bytes that are sent; empty if there is none."""
        usual, _, in_place = (self._given["bytes"] or self._given["sends"]).partition("|")
        expression = self._elements(usual) if usual else ""
        if not in_place or not expression:
            return expression
        buffer = self._function[re.sub(r"counts?,.*", "buf", usual)].name
        instead = "0" if in_place == "nothing" else self._elements(in_place)
        return f"{buffer} == MPI_IN_PLACE ? {instead} : {expression}"

    def _elements(self, text: str) -> str:
        count, _, datatype = text.partition(",")
        parameter = self._function[count]
        arguments = [count, self._function[datatype].name]
        if parameter.type.endswith("[]"):
            if "MPI_Count" in parameter.type:  # there is no bytes_of for an array of these
                return ""
            arguments.append(self._function["comm"].name)
        # All collectives but the reductions have a count for each rank of the remote group.
        local = "_local" if count == "recvcounts" else ""
        return f"bytes_of{local}({', '.join(arguments)})"


def definition(function: Function, body: list[str]) -> str:
    """Return the source of a wrapper."""
    lines = "".join(f"    {line}\n" for line in body)
    return f'\n__attribute__((visibility("default"))) {function.signature()} {{\n{lines}}}\n'


def unless(call: str) -> str:
    """Return the statement that leaves the wrapper with the error of `call`."""
    return f"if (int error = {call}; error != MPI_SUCCESS) return error;"


def generated(function: Function, entry: Entry) -> str:
    """Return the wrapper of a collective."""
    handle = function.handle()
    if handle is None:
        raise ListError(f"{function.name} has no communicator, window or file to arrive over")
    specification = Specification(function, entry.rest)
    sent = specification.bytes()
    # Between two groups the arguments of a root, and of those beside it, need not mean anything.
    unused = "root < 0 ? no_bytes : " if any(p.name == "root" for p in function.parameters) else ""
    body = [f"const std::int64_t bytes = {unused}{sent};"] if sent else []
    # Under the name of the small-count form: ranks may mix the two.
    body.append(f'Call call("{entry.name}", {FINDERS[handle.type].format(handle.name)});')
    if entry.kind in ("creates", "nonblocking"):
        body += [f"*{p.name} = {EMPTY[p.type]};" for p in function.parameters if p.type in EMPTY]
    arrival = f"call.arrive({specification.fields()})"
    if detail := specification.detail():
        body.append(f"const auto detail = {detail};")
    if exchange := specification.exchange():
        body.append(f"const Exchange exchange{exchange};")
        arrival = f"call.arrive({specification.fields() or '{}'}, &exchange)"
    body.append(unless("call.refused()" if entry.kind == "nonblocking" else arrival))
    if sent:
        body.append("call.sends(bytes);")
    result = function.native(handle.name if entry.kind == "creates" else "call.real()")
    if entry.kind == "nonblocking":
        agreed = f", {specification.fields()}" if specification.fields() else ""
        result = f"call.started({result}, {function['request'].name}{agreed})"
    if entry.kind == "creates":
        made = [p for p in function.parameters if p.type in TAKERS]
        if not made:
            raise ListError(f"{function.name} does not create a communicator, window or file")
        result = f"call.{TAKERS[made[-1].type]}({result}, {made[-1].name})"
    return definition(function, [*body, f"return {result};"])


def exchanging(function: Function, entry: Entry) -> str:
    """Return the wrapper of a send and a receive that have one request."""
    parts = [function[n].name for n in ("dest", "sendtag", "source", "recvtag", "request")]
    body = [
        f'Call call("{entry.name}", comm);',
        "*request = MPI_REQUEST_NULL;",
        unless("call.refused()"),
        f"return call.exchanges({function.native('call.real()')}, {', '.join(parts)});",
    ]
    return definition(function, body)


def forwarded(function: Function, entry: Entry) -> str:
    """Return the large-count form of a function that is written by hand."""
    counts = [p.name for p in function.parameters if p.type == "MPI_Count"]
    fit = " && ".join(f"std::in_range<int>({count})" for count in counts)
    small = function.call(entry.name, {count: f"static_cast<int>({count})" for count in counts})
    if "replace" not in entry.name:  # that packs its data, and their bytes are an int
        types = [count.replace("count", "type") for count in counts]
        types = [function["datatype" if name == "type" else name].name for name in types]
        ones = {count: "1" for count in counts}
        ones |= {name: f"{name}_as_one.datatype()" for name in types}
        body = [
            f"if ({fit}) return {small};",
            *(f"const AsOne {t}_as_one({c}, {t});" for c, t in zip(counts, types, strict=True)),
            f"return {function.call(entry.name, ones)};",
        ]
        return definition(function, body)
    handle = function.handle()
    over = f", {FINDERS[handle.type].format(handle.name)}" if handle else ""
    body = [
        f"if ({fit}) return {small};",
        f'Call call("{entry.name}"{over});',
        unless("call.refused()"),
        f"return {function.native('call.real()')};",
    ]
    return definition(function, body)


def source(entries: dict[str, Entry], functions: dict[str, Function]) -> str:
    """Return the C++ source of all wrappers and of their table."""
    found = {name: find_entry(name, entries) for name in sorted(functions)}
    missing = [name for name, entry in found.items() if entry is None]
    if missing:
        raise ListError(f"mpi.h declares what is not listed: {', '.join(missing)}")
    wrapped = {n: e for n, e in found.items() if e and e.kind not in WITHOUT_WRAPPER}
    parts, rows = [HEAD], []
    for name, entry in wrapped.items():
        rows.append(f'    {{"{name}", reinterpret_cast<void*>(&{name})}},\n')
        if entry.kind == "exchanges":
            parts.append(exchanging(functions[name], entry))
        elif entry.kind != "written":
            parts.append(generated(functions[name], entry))
        elif name != entry.name:
            parts.append(forwarded(functions[name], entry))
    parts += [
        '\n}  // extern "C"\n\nnamespace mpirepl::guard {\n\nstatic const Wrapper table[] = {\n',
        *rows,
        "};\n\nstd::span<const Wrapper> wrappers() { return table; }\n\n",
        "}  // namespace mpirepl::guard\n",
    ]
    return "".join(parts)


def main(arguments: list[str]) -> int:
    """Check the list against mpi.h, and write the wrappers if an output is named."""
    listed, header, *output = map(Path, arguments)
    try:
        text = source(read_list(listed.read_text()), prototypes(header))
    except ListError as error:
        print(f"{listed}: {error}", file=sys.stderr)
        return 1
    for file in output:
        file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
