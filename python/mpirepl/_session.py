"""Rank 0's side of a session of cells: targets, folding, history, and the magics on them.

The C++ loop gives each piece of input to prepare() and does what it says.
"""

import __future__

import marshal
import sys

import _mpirepl

from mpirepl import _compile, _help, _run, _sources
from mpirepl._session_magics import Entry, MagicError, SessionMagics, parse_targets, say

DONE, FAILED, SYNTAX_ERROR, QUIT, RUN = range(5)  # Verdict in src/session/python_session.h

_LEAVING = (b"exit", b"quit", b"exit()", b"quit()")

_PERCENT, _BANG = b"%!"  # numbers: to look for one in bytes takes a fifth of the time

_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag

_PX_SETTINGS = ("pxresult", "pxconfig")  # what they say is about rank 0's views


class Plan:
    """A cell on its way to the ranks."""

    __slots__ = ("targets", "source", "timed", "profile", "is_px", "px", "suffix", "column")

    def __init__(self, targets: str, source: bytes):
        self.targets = targets
        self.source = source  # blank where a magic has been done with
        self.timed = False
        self.profile = ""  # "table" or "matrix"
        self.is_px = False  # it began with %px or %%px
        self.px: str | None = None  # options of %%px that are for views
        self.suffix = ""  # of the view that is activated under it
        self.column = 0  # where its code began in the line of a magic

    def is_empty(self) -> bool:
        """Tell whether nothing is left to run."""
        return all(
            not line.strip() or line.lstrip().startswith(b"#") for line in self.source.split(b"\n")
        )


class Session(SessionMagics):
    """What lasts from cell to cell on rank 0."""

    def __init__(self, targets: str, fold: str, interactive: bool):
        self.interactive = interactive
        self.targets = targets
        self.fold = fold
        self.guard = _mpirepl.guarded
        self.grace = 1.0
        self.profile = ""
        self.number = 0
        self._started = 0  # cells of the start that have run
        self.flags = 0
        self.history: list[Entry] = []
        self.autopx = True  # plain cells run on the targets, not on rank 0 alone
        self.begun = False  # some input has come
        self.quitting = False
        self.front = None  # the one that reads cells at a terminal
        self.failed_ranks = ""

    def open_front_end(self, plain: bool, quiet: bool) -> None:
        """Begin to read cells from a user."""
        from mpirepl import _terminal

        self.front = _terminal.begin(self, plain, quiet)

    def read(self) -> bytes | None:
        """Return what the user enters next; None when there will be no more."""
        try:
            text = self.front.read()
        except Exception as error:
            text = self._read_otherwise(error)
        return None if text is None else text.encode("utf-8", "surrogateescape")

    def _read_otherwise(self, error: Exception) -> str | None:
        """Go on with a simpler editor when one has failed."""
        from mpirepl import _plain

        _mpirepl.say(f"mpirepl: the line editor has failed: {error!r}", True)
        if isinstance(self.front, _plain.FrontEnd):
            return None
        self.front = _plain.FrontEnd(self)
        return self.front.read()

    def prepare(self, text: bytes) -> tuple:
        """Do what a piece of input asks of the session, and make a cell of the rest.

        Returns
        -------
        tuple
            (verdict,), or (RUN, number, targets, fold, timed, guard, grace, profile, name, code,
            source).
        """
        try:
            return self._prepared(text)
        except Exception as error:  # a mistake of ours shall not cost a session
            _mpirepl.say(f"mpirepl: it was not run, mpirepl has failed: {error!r}", True)
            return (FAILED,)

    def interrupted(self) -> tuple:
        """Give up a piece of input: Ctrl-C has come while it was prepared; return as prepare()."""
        if self.front is None:
            _mpirepl.say("mpirepl: KeyboardInterrupt: this cell was not run", True)
            return (FAILED,)
        say("KeyboardInterrupt")
        return (DONE,)

    def _prepared(self, text: bytes) -> tuple:
        first, self.begun = not self.begun and self.front is None, True
        plan = Plan(_mpirepl.parse_targets("all") if self._hidden else self._plain_targets(), text)
        if self.front is not None and text.strip() in _LEAVING:
            return (QUIT,)
        if _PERCENT in text or _BANG in text:
            try:
                self._take_leading_magics(plan)
                if self.quitting:
                    return (QUIT,)
                if plan.is_empty():
                    return (DONE,)
                plan.source = self._with_calls(plan)
            except MagicError as error:
                _mpirepl.say(f"mpirepl: {error}", True)
                return (FAILED,)
        if self.front is not None and self.front.magics and not self._is_own(text):
            plan.source = self.front.transform(plan.source)
            if self.front.run_own(plan.source):
                return (DONE,)
        return self._compiled(plan, text, first)

    def failed(self, ranks: str) -> None:
        """Note that the last cell has failed, and where."""
        self.failed_ranks = ranks
        if self.history:
            self.history[-1].failed = True

    def show_profiles(self, rows: list[tuple]) -> None:
        """Print what the ranks have spent in MPI in the last cell, see _profile.py."""
        from mpirepl import _profile

        say(_profile.table(rows))
        if self.profile == "matrix":
            say(_profile.matrix(rows))
            try:
                if picture := _profile.draw(rows, f"mpiprof-cell-{self.number}.png"):
                    say(f"the same as a picture is in {picture}")
            except Exception as error:  # of matplotlib, or the folder cannot be written
                _mpirepl.say(f"mpirepl: there is no picture of it: {error}", True)

    def _compiled(self, plan: Plan, text: bytes, first: bool) -> tuple:
        if not self._hidden:
            self.number += 1
        name = self._name_of_hidden(text) if self._hidden else f"<cell {self.number}>"
        entry = Entry(self.number, plan.targets, text)
        if not self._hidden:
            self.history.append(entry)
            _sources.remember(name, text)
            if self.front is not None:
                self.front.took(self.number, entry.text)
        try:
            shows, change = self._shows(plan.source, first)
            if self._is_own(text):
                change = None
            if plan.column:
                change = _compile.moved(plan.column, change)
            codes = _compile.cell(plan.source, name, self.flags, shows, change)
        except _compile.ERRORS as error:
            entry.failed = True
            _compile.show_error(error, text, name, plan.targets)
            return (SYNTAX_ERROR,)
        for code in codes:
            self.flags |= code.co_flags & _FUTURE
        code = marshal.dumps(codes)
        flags = (self.fold, plan.timed, self.guard, self.grace, bool(plan.profile))
        return (RUN, self.number, plan.targets, *flags, name, code, text)

    def _shows(self, source: bytes, first: bool) -> tuple:
        """Return which statements show their values, and what changes the tree before."""
        if self.front is not None:
            return self.front.interactivity, self.front.change
        return "none" if first and _compile.is_docstring(source) else "last_expr", None

    def _name_of_hidden(self, text: bytes) -> str:
        """Return a name of its own for a cell of the start; tracebacks leave out what is ours."""
        self._started += 1
        return f"{_run.HOST if self._is_own(text) else '<'}startup {self._started}>"

    def _is_own(self, text: bytes) -> bool:
        """Tell whether a cell is mpirepl's own, which nothing of the user's may change."""
        return self._hidden and text.startswith(_call("", "").partition(b"('',")[0])

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
                elsewhere = self._knows_cell_magic(word[2:]) or (
                    plan.is_px and self._needs_view(line)
                )
                if word[2:] not in _help.CELL_MAGICS and elsewhere:
                    break
                lines[i] = b""
                self._take_cell_magic(plan, word[2:], argument.strip())
            elif self.leaves(word[1:]):
                break
            elif word[1:] in _help.SESSION_MAGICS:
                lines[i] = b""
                getattr(self, f"_do_{word[1:]}")(argument.strip())
                if word in ("%targets", "%autopx"):
                    plan.targets = self._plain_targets()
            elif word in ("%pxresult", "%pxconfig") or _px_named(word[1:]) in _PX_SETTINGS:
                lines[i] = _call(word[1:], argument.strip())
                plan.targets = "0"
                break
            elif (word in ("%px", "%time", "%debug") or _px_named(word[1:]) == "px") and not any(
                rest.strip() for rest in lines[i + 1 :]
            ):
                lines[i] = self._one_line(plan, word[1:], argument).encode()
                plan.column = max(line.find(lines[i]), 0)
                break
            else:
                break
        plan.source = b"\n".join(lines)
        if plan.is_px and plan.px is None and self._needs_view(plan.source):
            plan.px = ""
        if plan.px is not None:
            code = plan.source.decode("utf-8", "surrogateescape")
            options = plan.px if plan.suffix else f"{plan.px} --targets {plan.targets}"
            plan.source = _compile.call_of_px(options, code, plan.suffix).encode()
            plan.targets = "0"

    @property
    def _hidden(self) -> bool:
        """Whether the current input is none of the user's, and does not count."""
        return self.front is not None and self.front.hidden

    def _plain_targets(self) -> str:
        """Return the ranks that run a plain cell."""
        return self.targets if self.autopx else "0"

    def leaves(self, name: str) -> bool:
        """Tell whether a magic is left to the front end, which has a better one."""
        return (
            self.front is not None
            and name in ("hist", "history", "lsmagic")
            and name in self.front.magics
        )

    def _knows_magic(self, name: str) -> bool:
        """Tell whether the front end has a magic, or explains one: %name? does that."""
        return self.front is not None and (name in self.front.magics or self._asks(name))

    def _knows_cell_magic(self, name: str) -> bool:
        return self.front is not None and (name in self.front.cell_magics or self._asks(name))

    def _unknown(self, name: str, targets: str) -> MagicError:
        text = _help.unknown(name)
        if self.front is not None and self.front.magics and 0 not in _mpirepl.ranks(targets):
            text += "; load extensions on rank 0, too"  # only these ranks may have loaded it
        return MagicError(text)

    def _asks(self, name: str) -> bool:
        return name.endswith("?") and bool(self.front.magics)

    def _take_cell_magic(self, plan: Plan, name: str, argument: str) -> None:
        if name == "targets":
            plan.targets = parse_targets(argument)
        elif name == "px":
            self._begin_px(plan)
            rest = self._px_targets(plan, _expanded(argument), anywhere=True)
            if rest.startswith("-"):
                plan.px = rest
            elif rest:
                raise MagicError(f"%%px does not know {rest!r}: its code begins on the next line")
        elif _px_named(name):
            plan.px, plan.suffix = _expanded(argument), name.removeprefix("px")
        elif name == "time":
            if argument:
                raise MagicError("%%time takes nothing on its own line: its code begins below")
            plan.timed = True
        elif name == "mpiprof":
            if argument not in ("", "--matrix"):
                raise MagicError(f"%%mpiprof takes --matrix, not {argument!r}")
            plan.profile = self.profile = "matrix" if argument else "table"
        else:
            raise self._unknown("%%" + name, plan.targets)

    def _one_line(self, plan: Plan, name: str, argument: str) -> str:
        if name == "debug":
            plan.targets = self._rank_to_debug(argument.strip())
            return _call("debug", "").decode()
        if name == "time":
            plan.timed = True
            code = argument.strip()
        elif name == "px":
            self._begin_px(plan)
            code = self._px_targets(plan, argument)
        else:
            plan.px, plan.suffix = "", name.removeprefix("px")
            code = argument.strip()
        if not code:
            raise MagicError(f"%{name} needs code behind it, on the same line")
        return code

    def _rank_to_debug(self, argument: str) -> str:
        if argument:
            chosen = parse_targets(argument)
            if len(_mpirepl.ranks(chosen)) != 1:
                raise MagicError("%debug takes one rank, whose last error is looked into")
            return chosen
        if not self.failed_ranks:
            raise MagicError("there is nothing to debug: no cell has failed")
        return str(_mpirepl.ranks(self.failed_ranks)[0])

    def _begin_px(self, plan: Plan) -> None:
        """Begin with what %targets, or %pxconfig and activate(), have said."""
        px = sys.modules.get("mpirepl._px")
        targets, block = px.configured() if px else (None, True)
        plan.targets = parse_targets(targets) if targets else self.targets
        plan.px = None if block else ""
        plan.is_px = True

    def _needs_view(self, source: bytes) -> bool:
        """Tell whether code under %px has magics of IPython that only the engines of views know."""
        if self.front is not None and self.front.magics:
            return False
        from mpirepl import _magic_text

        return _magic_text.needs_ipython(source)

    @staticmethod
    def _px_targets(plan: Plan, argument: str, anywhere: bool = False) -> str:
        """Take --targets from the arguments of %px and return the rest."""
        from mpirepl import _magic_text

        spec, rest = _magic_text.targets_and_rest(argument, anywhere)
        if spec is not None:
            plan.targets = parse_targets(spec)
        return rest

    def _with_calls(self, plan: Plan) -> bytes:
        """Replace the magics and shell commands among the code with calls, line for line."""
        source = plan.source
        if source.lstrip().startswith(b"%%"):
            return source  # of the front end
        from mpirepl import _magic_text

        if not _magic_text.is_in(source):
            return source
        pieces, end = [], 0
        for statement in _mpirepl.statements(source):
            begin = source.index(statement.rstrip(b"\n"), end)
            pieces.append(source[end:begin])
            end = begin + len(statement.rstrip(b"\n"))
            pieces.append(self._as_call(statement.rstrip(b"\n"), plan.targets))
        return b"".join([*pieces, source[end:]])

    def _as_call(self, statement: bytes, targets: str) -> bytes:
        from mpirepl import _magic_text

        text = statement.decode("utf-8", "surrogateescape")
        if match := _magic_text.ASSIGNED.fullmatch(statement):
            if match[2] == b"!":
                return match[1] + _call("!!", match[3].decode("utf-8", "surrogateescape"))
            if targets != "0" or _mpirepl.size == 1:
                raise MagicError("%px has a result in cells of rank 0 alone: %targets 0 or %autopx")
            return match[1] + self._as_call(match[2] + match[3], targets)
        if text.startswith("!"):
            magic = "!!" if text.startswith("!!") else "!"
            return _call(magic, text[len(magic) :].strip()) + b"\n" * text.count("\n")
        if not text.startswith("%"):
            return statement
        word, _, argument = text[1:].partition(" ")
        if word not in _help.RANK_MAGICS and self._knows_magic(word):
            return statement
        if word in _help.SESSION_MAGICS:
            raise MagicError(f"%{word} acts on the session: put it before any code of the cell")
        if _px_named(word) == "px":
            return _compile.call_of_px("", argument.strip(), word.removeprefix("px")).encode()
        if word not in _help.RANK_MAGICS:
            raise self._unknown("%" + word, targets)
        if word == "reset" and self.interactive and "-f" not in argument.split():
            from mpirepl import _terminal

            if not _terminal.confirm("Really remove all names that cells have defined? (y/[n]) "):
                raise MagicError("nothing was removed")
        if word == "px" and targets == "0" and _mpirepl.size > 1:  # by way of views
            return _call("px", f"{self.targets} {argument.strip()}")
        if word == "px":
            return argument.strip().encode("utf-8", "surrogateescape")
        return _call(word, argument.strip())


def _px_named(name: str) -> str | None:
    """Return the magic of which this is the one with the suffix of an activated view."""
    px = sys.modules.get("mpirepl._px")
    return px.base_of(name) if px else None


def _expanded(argument: str) -> str:
    """Fill in what the options of a magic take from rank 0's names."""
    if "{" not in argument and "$" not in argument:
        return argument
    from mpirepl import _magics

    return _magics.expanded(argument)


def begin(targets: str, fold: str, interactive: bool) -> Session:
    """Begin the session of this process, on rank 0."""
    return Session(_mpirepl.parse_targets(targets), fold, interactive)


def _call(name: str, argument: str) -> bytes:
    return _compile.call_of_magic(name, argument).encode()
