"""Rank 0's side of a session of cells: targets, folding, history, and the magics on them.

The C++ loop gives each piece of input to prepare() and does what it says.
"""

import __future__

import re
from dataclasses import dataclass, field

import _ast
import _mpirepl
from mpirepl import _check, _help, _run, _save

DONE, FAILED, SYNTAX_ERROR, QUIT, RUN = range(5)  # Verdict in src/session/python_session.h

FOLD_MODES = ("auto", "on", "off")
FOLD_FROM = 17  # ranks of a cell at which `auto` folds

_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag

_MAGIC_LINE = re.compile(rb"^[%!]", re.MULTILINE)
_ASSIGNED = re.compile(rb"^([A-Za-z_][\w.]*)[ \t]*=[ \t]*!(?!=)(.+)$", re.MULTILINE)


class MagicError(Exception):
    """A magic was misused; the text is one sentence for the user."""


@dataclass
class Entry:
    """A cell of the history."""

    number: int
    targets: str
    text: str
    failed: bool = False


@dataclass
class Plan:
    """A cell on its way to the ranks."""

    targets: str
    timed: bool = False
    lines: list[bytes] = field(default_factory=list)  # without the magics that are done with

    @property
    def source(self) -> bytes:
        return b"\n".join(self.lines) + b"\n"

    def is_empty(self) -> bool:
        return all(not line.strip() or line.lstrip().startswith(b"#") for line in self.lines)


class Session:
    """What lasts from cell to cell on rank 0."""

    def __init__(self, targets: str, fold: str):
        self.targets = targets
        self.fold = fold
        self.number = 0
        self.flags = 0
        self.history: list[Entry] = []
        self.begun = False  # some input has come
        self.quitting = False

    def prepare(self, text: bytes) -> tuple:
        """Do what a piece of input asks of the session, and make a cell of the rest.

        Returns
        -------
        tuple
            (verdict,), or (RUN, number, targets, fold, echo, timed, flags, name, source, shown).
        """
        first, self.begun = not self.begun, True
        try:
            plan = Plan(self.targets, lines=text.rstrip(b"\n").split(b"\n"))
            self._take_leading_magics(plan)
            if self.quitting:
                return (QUIT,)
            if plan.is_empty():
                return (DONE,)
            source = self._with_calls(plan.source)
        except MagicError as error:
            _mpirepl.say(f"mpirepl: {error}", True)
            return (FAILED,)
        return self._compiled(plan, source, text, first)

    def failed(self) -> None:
        """Note that the last cell has failed."""
        self.history[-1].failed = True

    def _compiled(self, plan: Plan, source: bytes, text: bytes, first: bool) -> tuple:
        self.number += 1
        name = f"<cell {self.number}>"
        shown = b"" if source == text else text
        entry = Entry(self.number, plan.targets, text.decode("utf-8", "replace"))
        self.history.append(entry)
        _run.remember_source(name, text)
        echo = not (first and _is_docstring(source))
        try:
            for code in _run.compile_cell(source, name, self.flags, echo):
                self.flags |= code.co_flags & _FUTURE
        except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
            entry.failed = True
            _check.show(error, text, name, plan.targets)
            return (SYNTAX_ERROR,)
        ranks = _mpirepl.count(plan.targets)
        fold = self.fold == "on" or (self.fold == "auto" and ranks >= FOLD_FROM)
        return (
            RUN, self.number, plan.targets, fold, echo, plan.timed, self.flags, name, source, shown
        )  # fmt: skip

    # Magics on the session stand before any code of a cell.

    def _take_leading_magics(self, plan: Plan) -> None:
        for i, line in enumerate(plan.lines):
            if not line.strip() or line.startswith(b"#"):
                continue
            if not line.startswith(b"%"):
                return
            word, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
            if word.startswith("%%"):
                plan.lines[i] = b""
                self._take_cell_magic(plan, word[2:], argument.strip())
            elif word[1:] in _help.SESSION_MAGICS:
                plan.lines[i] = b""
                getattr(self, f"_do_{word[1:]}")(argument.strip())
                plan.targets = self.targets
                if self.quitting:
                    return
            elif word in ("%px", "%time") and _rest_is_empty(plan.lines[i + 1 :]):
                plan.lines[i] = self._one_line(plan, word[1:], argument).encode()
                return
            else:
                return

    def _take_cell_magic(self, plan: Plan, name: str, argument: str) -> None:
        if name == "targets":
            plan.targets = parse_targets(argument)
        elif name == "px":
            rest = self._px_options(plan, argument)
            if rest:
                raise MagicError(f"%%px does not know {rest!r}: its code begins on the next line")
        elif name == "time":
            if argument:
                raise MagicError("%%time takes nothing on its own line: its code begins below")
            plan.timed = True
        else:
            raise MagicError(_help.unknown("%%" + name))

    def _one_line(self, plan: Plan, name: str, argument: str) -> str:
        if name == "time":
            plan.timed = True
            code = argument.strip()
        else:
            code = self._px_options(plan, argument)
        if not code:
            raise MagicError(f"%{name} needs code behind it, on the same line")
        return code

    @staticmethod
    def _px_options(plan: Plan, argument: str) -> str:
        """Take --targets from the arguments of %px and return the rest."""
        match = re.match(r"\s*(?:--targets|-t)(?:\s+|\s*=\s*)(\S+)\s*(.*)", argument)
        if not match:
            return argument.strip()
        plan.targets = parse_targets(match[1])
        return match[2].strip()

    def _do_targets(self, argument: str) -> None:
        if argument:
            self.targets = parse_targets(argument)
        else:
            say(self.targets)

    def _do_fold(self, argument: str) -> None:
        if not argument:
            say(self.fold)
        elif argument in FOLD_MODES:
            self.fold = argument
        else:
            raise MagicError(f"%fold takes auto, on or off, not {argument!r}")

    def _do_history(self, argument: str) -> None:
        words = argument.split()
        numbered = "-n" in words
        for entry in select(self.history, " ".join(word for word in words if word != "-n")):
            text = entry.text.rstrip("\n")
            say(f"{entry.number}: {text}" if numbered else text)

    def _do_save(self, argument: str) -> None:
        words = argument.split()
        force = "-f" in words
        words = [word for word in words if word != "-f"]
        if not words:
            raise MagicError("%save needs the name of a file")
        file = words[0] if "." in words[0].rpartition("/")[2] else words[0] + ".py"
        entries = select(self.history, " ".join(words[1:]))
        try:
            _save.save(file, entries, self.flags, force)
        except FileExistsError:
            raise MagicError(f"{file} is there already: %save -f {file} overwrites it") from None
        except OSError as error:
            raise MagicError(f"cannot write {file}: {error.strerror}") from None
        say(f"{len(entries)} cells are in {file}")

    def _do_quit(self, argument: str) -> None:
        self.quitting = True

    def _do_lsmagic(self, argument: str) -> None:
        say(_help.list_magics())

    def _do_help(self, argument: str) -> None:
        say(_help.describe(argument))

    def _with_calls(self, source: bytes) -> bytes:
        """Replace the magics and shell commands among the code with calls, line for line."""
        assigned = _ASSIGNED.search(source)
        if not assigned and not _MAGIC_LINE.search(source):
            return source
        pieces, end = [], 0
        for statement in _mpirepl.statements(source):
            begin = source.index(statement.rstrip(b"\n"), end)
            pieces.append(source[end:begin])
            end = begin + len(statement.rstrip(b"\n"))
            pieces.append(self._as_call(statement.rstrip(b"\n")))
        return b"".join([*pieces, source[end:]])

    @staticmethod
    def _as_call(statement: bytes) -> bytes:
        text = statement.decode("utf-8", "surrogateescape")
        if match := _ASSIGNED.fullmatch(statement):
            return match[1] + b" = " + _call("!!", match[2].decode("utf-8", "surrogateescape"))
        if text.startswith("!"):
            lines = text.count("\n")
            return _call("!", text[1:].strip()) + b"\n" * lines
        if not text.startswith("%"):
            return statement
        word, _, argument = text[1:].partition(" ")
        if word in _help.SESSION_MAGICS:
            raise MagicError(f"%{word} acts on the session: put it before any code of the cell")
        if word not in _help.RANK_MAGICS:
            raise MagicError(_help.unknown("%" + word))
        if word == "px":
            return argument.strip().encode("utf-8", "surrogateescape")
        return _call(word, argument.strip())


session: Session | None = None


def begin(targets: str, fold: str) -> None:
    """Begin the session of this process, on rank 0."""
    global session
    session = Session(_mpirepl.parse_targets(targets), fold)


def say(text: str) -> None:
    """Print lines of the session itself to standard output."""
    _mpirepl.say(text, False)


def parse_targets(spec: str) -> str:
    """Return the canonical form of a target specification.

    Raises
    ------
    MagicError
        It is malformed or names no rank.
    """
    try:
        return _mpirepl.parse_targets(spec)
    except ValueError as error:
        raise MagicError(str(error)) from None


def select(history: list[Entry], ranges: str) -> list[Entry]:
    """Return the cells that ranges like ``2 4-6`` name; all for an empty string."""
    if not ranges.strip():
        return list(history)
    chosen = []
    for item in ranges.split():
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", item)
        if not match:
            raise MagicError(f"{item!r} is not a cell number or a range such as 2-5")
        first, last = int(match[1]), int(match[2] or match[1])
        chosen += [entry for entry in history if first <= entry.number <= last]
    return chosen


def _call(name: str, argument: str) -> bytes:
    return f"__import__('mpirepl')._magic({name!r}, {argument!r})".encode()


def _rest_is_empty(lines: list[bytes]) -> bool:
    return not any(line.strip() for line in lines)


def _is_docstring(source: bytes) -> bool:
    """Tell whether a cell is nothing but a string."""
    if source.lstrip()[:1] not in (b'"', b"'", b"r", b"R", b"u", b"U"):
        return False
    try:
        body = compile(source, "<cell>", "exec", _ast.PyCF_ONLY_AST, True).body
    except (SyntaxError, ValueError):
        return False
    return (
        len(body) == 1
        and isinstance(body[0], _ast.Expr)
        and isinstance(body[0].value, _ast.Constant)
        and isinstance(body[0].value.value, str)
    )
