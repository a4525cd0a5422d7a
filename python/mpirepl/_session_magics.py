"""The magics that act on the session alone, on rank 0."""

import os

import _mpirepl

from mpirepl import _help

FOLD_MODES = ("auto", "on", "off")


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


class SessionMagics:
    """The part of a session that its magics change; _session.py has the rest.

    Attributes
    ----------
    targets : str
        The ranks of the cells to come, in canonical form.
    fold : str
        One of FOLD_MODES.
    guard : bool
        Deadlocks are broken off, after `grace` seconds.
    history : list of Entry
    flags : int
        The __future__ features that cells have imported.
    quitting : bool
    autopx : bool
        Plain cells run on the targets, not on rank 0 alone.
    """

    targets: str
    fold: str
    guard: bool
    grace: float
    flags: int
    history: list[Entry]
    quitting: bool
    autopx: bool

    def _do_targets(self, argument: str) -> None:
        if argument:
            self.targets = parse_targets(argument)
        else:
            say(self.targets)

    def _do_autopx(self, argument: str) -> None:
        self.autopx = not self.autopx
        say(f"%autopx {'enabled' if self.autopx else 'disabled'}")

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

    _do_hist = _do_history

    def _do_save(self, argument: str) -> None:
        from mpirepl import _save

        words = argument.split()
        force = "-f" in words
        words = [word for word in words if word != "-f"]
        if unknown := [word for word in words if word.startswith("-")]:
            raise MagicError(f"%save has no option {unknown[0]}, only -f, which overwrites")
        if not words:
            raise MagicError("%save needs the name of a file")
        name = os.path.basename(words[0])
        file = words[0] if "." in name or not name else words[0] + ".py"
        entries = select(self.history, " ".join(words[1:]))
        try:
            _save.save(file, entries, self.flags, force)
        except FileExistsError:
            raise MagicError(f"{file} is there already: %save -f {file} overwrites it") from None
        except OSError as error:
            raise MagicError(f"cannot write {file}: {error.strerror}") from None
        say(f"{len(entries)} {'cells are' if len(entries) != 1 else 'cell is'} in {file}")

    def _do_quit(self, argument: str) -> None:
        self.quitting = True

    def _do_lsmagic(self, argument: str) -> None:
        say(_help.list_magics())

    def _do_help(self, argument: str) -> None:
        say(_help.describe(argument))


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
    import re  # half a megabyte on a rank

    chosen = []
    for item in ranges.split():
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", item)
        if not match:
            raise MagicError(f"{item!r} is not a cell number or a range such as 2-5")
        first, last = int(match[1]), int(match[2] or match[1])
        chosen += [entry for entry in history if first <= entry.number <= last]
    return chosen
