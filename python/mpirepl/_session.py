"""Rank 0's side of a session of cells: targets, folding, history, and the magics on them.

The C++ loop gives each piece of input to prepare() and does what it says.
"""

import __future__

import marshal
import re

import _mpirepl

from mpirepl import _compile, _help, _run

DONE, FAILED, SYNTAX_ERROR, QUIT, RUN = range(5)  # Verdict in src/session/python_session.h

FOLD_MODES = ("auto", "on", "off")

_PERCENT, _BANG = b"%!"  # numbers: to look for one in bytes takes a fifth of the time

_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag

_MAGIC_LINE = re.compile(rb"^[%!]", re.MULTILINE)
_ASSIGNED = re.compile(rb"^([A-Za-z_][\w.]*)[ \t]*=[ \t]*!(?!=)(.+)$", re.MULTILINE)


class MagicError(Exception):
    """A magic was misused; the text is one sentence for the user."""


class Entry:
    """A cell of the history."""

    __slots__ = ("number", "targets", "source", "failed")

    def __init__(self, number: int, targets: str, source: bytes):
        self.number = number
        self.targets = targets
        self.source = source
        self.failed = False

    @property
    def text(self) -> str:
        return self.source.decode("utf-8", "replace")


class Plan:
    """A cell on its way to the ranks."""

    __slots__ = ("targets", "source", "timed", "profile")

    def __init__(self, targets: str, source: bytes):
        self.targets = targets
        self.source = source  # blank where a magic has been done with
        self.timed = False
        self.profile = ""  # "table" or "matrix"

    def is_empty(self) -> bool:
        """Tell whether nothing is left to run."""
        return all(
            not line.strip() or line.lstrip().startswith(b"#") for line in self.source.split(b"\n")
        )


class Session:
    """What lasts from cell to cell on rank 0."""

    def __init__(self, targets: str, fold: str, interactive: bool):
        self.interactive = interactive
        self.targets = targets
        self.fold = fold
        self.guard = _mpirepl.guarded
        self.grace = 1.0
        self.profile = ""
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
            (verdict,), or (RUN, number, targets, fold, timed, guard, grace, profile, name, code,
            source).
        """
        first, self.begun = not self.begun, True
        plan = Plan(self.targets, text)
        if _PERCENT in text or _BANG in text:
            try:
                self._take_leading_magics(plan)
                if self.quitting:
                    return (QUIT,)
                if plan.is_empty():
                    return (DONE,)
                plan.source = self._with_calls(plan.source)
            except MagicError as error:
                _mpirepl.say(f"mpirepl: {error}", True)
                return (FAILED,)
        return self._compiled(plan, text, first)

    def failed(self) -> None:
        """Note that the last cell has failed."""
        self.history[-1].failed = True

    def show_profiles(self, rows: list[tuple]) -> None:
        """Print what the ranks have spent in MPI in the last cell, see _profile.py."""
        from mpirepl import _profile

        say(_profile.table(rows))
        if self.profile == "matrix":
            say(_profile.matrix(rows))
            if picture := _profile.draw(rows, f"mpiprof-cell-{self.number}.png"):
                say(f"the same as a picture is in {picture}")

    def _compiled(self, plan: Plan, text: bytes, first: bool) -> tuple:
        self.number += 1
        name = f"<cell {self.number}>"
        entry = Entry(self.number, plan.targets, text)
        self.history.append(entry)
        _run.remember_source(name, text)
        try:
            echo = not (first and _compile.is_docstring(plan.source))
            codes = _compile.cell(plan.source, name, self.flags, echo)
        except _compile.ERRORS as error:
            entry.failed = True
            _compile.show_error(error, text, name, plan.targets)
            return (SYNTAX_ERROR,)
        for code in codes:
            self.flags |= code.co_flags & _FUTURE
        code = marshal.dumps(codes)
        flags = (self.fold, plan.timed, self.guard, self.grace, bool(plan.profile))
        return (RUN, self.number, plan.targets, *flags, name, code, text)

    # Magics on the session stand before any code of a cell.

    def _take_leading_magics(self, plan: Plan) -> None:
        lines = plan.source.split(b"\n")
        for i, line in enumerate(lines):
            if not line.strip() or line.startswith(b"#"):
                continue
            if not line.startswith(b"%") or self.quitting:
                break
            word, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
            if word.startswith("%%"):
                lines[i] = b""
                self._take_cell_magic(plan, word[2:], argument.strip())
            elif word[1:] in _help.SESSION_MAGICS:
                lines[i] = b""
                getattr(self, f"_do_{word[1:]}")(argument.strip())
                if word == "%targets":
                    plan.targets = self.targets
            elif word in ("%px", "%time") and not any(rest.strip() for rest in lines[i + 1 :]):
                lines[i] = self._one_line(plan, word[1:], argument).encode()
                break
            else:
                break
        plan.source = b"\n".join(lines)

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
        elif name == "mpiprof":
            if argument not in ("", "--matrix"):
                raise MagicError(f"%%mpiprof takes --matrix, not {argument!r}")
            plan.profile = self.profile = "matrix" if argument else "table"
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

    def _do_guard(self, argument: str) -> None:
        words = argument.split()
        if argument in ("", "status"):
            say(f"guard {'on' if self.guard else 'off'}, grace {self.grace:g} s")
        elif argument in ("on", "off"):
            if argument == "on" and not _mpirepl.guarded:
                raise MagicError("--guard=off has left the guard out: start without it")
            self.guard = argument == "on"
        elif words[0] == "grace" and len(words) == 2:
            self.grace = _seconds(words[1])
        else:
            raise MagicError(f"%guard takes on, off, grace SECONDS or status, not {argument!r}")

    def _do_where(self, argument: str) -> None:
        say(f"{_mpirepl.parse_targets('all')}  idle")

    def _do_history(self, argument: str) -> None:
        words = argument.split()
        numbered = "-n" in words
        for entry in select(self.history, " ".join(word for word in words if word != "-n")):
            text = entry.text.rstrip("\n")
            say(f"{entry.number}: {text}" if numbered else text)

    def _do_save(self, argument: str) -> None:
        from mpirepl import _save

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

    def _as_call(self, statement: bytes) -> bytes:
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
        if word == "reset" and self.interactive and "-f" not in argument.split():
            _confirm("Really remove all names that cells have defined? (y/[n]) ")
        if word == "px":
            return argument.strip().encode("utf-8", "surrogateescape")
        return _call(word, argument.strip())


def begin(targets: str, fold: str, interactive: bool) -> Session:
    """Begin the session of this process, on rank 0."""
    return Session(_mpirepl.parse_targets(targets), fold, interactive)


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


def _confirm(question: str) -> None:
    """Ask at the terminal; anything but yes ends the magic."""
    with open("/dev/tty", "r+b", buffering=0) as terminal:
        terminal.write(question.encode())
        if not terminal.read(256).strip().lower().startswith(b"y"):
            raise MagicError("nothing was removed")


def _seconds(text: str) -> float:
    """Return a time that is finite and not negative."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise MagicError(f"%guard grace takes a time in seconds, not {text!r}")
    return seconds


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
