"""Input from the user on any rank: in cells typed at a terminal, questions go to rank 0."""

import builtins
import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator

import _mpirepl

from mpirepl import _run

END, INTERRUPTED = 1, 2  # Answer::Kind in src/broadcast/messages.h

_one_at_a_time = threading.Lock()


def install() -> None:
    """Let input(), sys.stdin and getpass ask the user."""
    for name, prompt in ("ps1", "In : "), ("ps2", "...: "):  # IPython's; libraries look for them
        vars(sys).setdefault(name, prompt)
    sys.stdin = _Input()
    builtins.input = _input
    import getpass

    getpass.getpass = _getpass
    chosen = os.environ.get("PYTHONBREAKPOINT")  # it would stop in ours, which calls it
    if sys.breakpointhook is sys.__breakpointhook__ and not chosen:
        sys.breakpointhook = _breakpoint


def set_size(columns: int, lines: int) -> None:
    """Let what asks for the size of the terminal know (shutil, tqdm, pandas, rich)."""
    os.environ["COLUMNS"] = str(columns)
    os.environ["LINES"] = str(lines)


def _ask(prompt: str, hidden: bool = False) -> str:
    """Return the user's answer, without its newline.

    Raises
    ------
    EOFError, KeyboardInterrupt
    """
    _run.flush()
    with _without_debugger(), _one_at_a_time:
        answered = False
        try:
            _mpirepl.ask(prompt, hidden)
            while (answer := _mpirepl.wait_for_answer()) is None:
                pass
            answered = True
        finally:
            if not answered:
                _mpirepl.withdraw_question()
    kind, text = answer
    if kind == END:
        raise EOFError("EOF when reading a line")
    if kind == INTERRUPTED:
        raise KeyboardInterrupt
    return text


@contextlib.contextmanager
def _without_debugger() -> Iterator[None]:
    """Let Ctrl-C end the question: the handler that pdb leaves behind would ask one within it."""
    import signal

    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or getattr(handler, "__module__", "") != "pdb":
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _input(prompt: object = "", /) -> str:
    """Read a line from the user, who sees which rank asks. As Python's own input()."""
    return _ask(str(prompt))


def _getpass(prompt: str = "Password: ", stream: object = None) -> str:
    """Read a line that is not shown while it is typed. As getpass.getpass()."""
    return _ask(prompt, hidden=True)


def _breakpoint(*arguments: object, **options: object) -> object:
    """Stop in the debugger, which passes over mpirepl's frames. As Python's own hook."""
    if arguments or options.keys() - {"header"} or os.environ.get("PYTHONBREAKPOINT"):
        return sys.__breakpointhook__(*arguments, **options)
    import pdb

    debugger = pdb.Pdb(skip=["mpirepl", "mpirepl.*"], nosigint=True)  # Ctrl-C is for the cell
    if options.get("header") is not None:
        debugger.message(options["header"])
    debugger.set_trace(sys._getframe(1))
    return None


class _Standard:
    """What standard input says of itself, as text and as bytes."""

    def readable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def close(self) -> None:
        """Stay open: exit() would close it, and the session may go on."""


class _Input(_Standard, io.TextIOBase):
    """Standard input of a cell: each line is a question without words."""

    encoding = "utf-8"
    errors = "surrogateescape"
    name = "<stdin>"
    mode = "r"

    def __init__(self):
        super().__init__()
        self._rest = ""
        self.buffer = io.BufferedReader(_Bytes(self))

    def readline(self, size: int | None = -1, /) -> str:
        if not self._rest:
            try:
                self._rest = _ask("") + "\n"
            except EOFError:
                return ""
        if size is None or size < 0:
            size = len(self._rest)
        line, self._rest = self._rest[:size], self._rest[size:]
        return line

    def read(self, size: int | None = -1, /) -> str:
        if size is not None and size >= 0:
            return self.readline(size)
        text = ""
        while line := self.readline():
            text += line
        return text


class _Bytes(_Standard, io.RawIOBase):
    """The lines of an input as bytes."""

    def __init__(self, lines: _Input):
        super().__init__()
        self._lines = lines
        self._rest = b""

    def readinto(self, room: memoryview) -> int:
        if not self._rest:
            self._rest = self._lines.readline().encode("utf-8", "surrogateescape")
        part, self._rest = self._rest[: len(room)], self._rest[len(room) :]
        room[: len(part)] = part
        return len(part)
