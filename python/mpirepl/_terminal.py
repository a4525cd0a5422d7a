"""Rank 0 at a terminal: what both line editors have in common.

src/console owns the terminal; an editor works on a pseudo terminal of its own.
"""

import builtins
import contextlib
import gc
import io
import os
import sys
import threading  # here, not in a helper's thread, which it would take for the main one  # noqa: F401
from collections.abc import Iterator

import _mpirepl

from mpirepl import _compile

PROMPT, READLINE, PROGRAM = range(3)  # who edits: EditorKind in interactive_front_end.h
LINE, END, INTERRUPTED = range(3)  # Answer::Kind in src/broadcast/messages.h

_front = None


def begin_program() -> None:
    """Let the program that runs before the first cell ask, with readline."""
    global _front
    with contextlib.suppress(Exception):  # of a module of the user's with the name of Python's
        from mpirepl import _plain

        _front = _plain.Questions()


def begin(session: object, plain: bool, quiet: bool) -> object:
    """Return the front end that reads cells: IPython's if it can be had, else CPython's.

    Parameters
    ----------
    session : _session.Session
    plain : bool
        Not IPython's.
    quiet : bool
        Without banner.
    """
    global _front
    front = None if plain or _is_dumb() or _mpirepl.terminal is None else _ipython(session)
    if front is None:
        from mpirepl import _plain

        front = _plain.FrontEnd(session)
    _front = front
    if not quiet:
        tell(_banner(front.name))
    if _mpirepl.terminal is None:
        tell(
            "mpirepl: rank 0 has no terminal, so lines are read as they are: start mpiexec on this "
            "host, or give rank 0 a terminal (srun --pty), for editing and history\n"
        )
    return front


def _is_dumb() -> bool:
    return os.environ.get("TERM", "") in ("", "dumb", "unknown")


def _ipython(session: object) -> object | None:
    from importlib.util import find_spec

    if find_spec("IPython") is None:
        return None
    collecting = gc.isenabled()
    gc.disable()  # of what is imported nothing is garbage: the first prompt comes a tenth earlier
    try:
        from mpirepl import _ipython

        return _ipython.FrontEnd(session)
    except Exception as error:  # of the user's configuration, or of a version unknown here
        tell(f"mpirepl: IPython cannot be the editor, Python's readline is: {error!r}\n")
        return None
    finally:
        if collecting:
            gc.enable()


def _banner(editor: str) -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    ranks = "1 rank" if _mpirepl.size == 1 else f"{_mpirepl.size} ranks"
    return (
        f"mpirepl {_mpirepl.version}, {ranks}, Python {python}{editor}; "
        "%help explains the magics, Ctrl-D leaves\n"
    )


def call_of_file(file: str) -> str:
    """Return a cell that runs a file in the session's namespace before the first prompt."""
    return _compile.call_of_magic("startup", os.path.abspath(os.path.expanduser(file)))


def tell(text: str) -> None:
    """Write whole lines of the session where prompts go, which output may not."""
    if _mpirepl.terminal is None:
        for line in text.splitlines():
            _mpirepl.say(line, True)
    else:
        with editing(PROGRAM):
            write(text)


def write(text: str) -> None:
    """Write to the terminal, for who has it."""
    if _mpirepl.terminal is not None:
        terminal = os.open(_mpirepl.terminal[0], os.O_WRONLY | os.O_NOCTTY)
        with open(terminal, "w") as file:
            file.write(text)


@contextlib.contextmanager
def editing(editor: int) -> Iterator[None]:
    """Have the terminal for an editor, or a program that behaves like one."""
    _mpirepl.begin_editing(editor)
    try:
        yield
    finally:
        _mpirepl.end_editing()


@contextlib.contextmanager
def away_from(editor: int) -> Iterator[None]:
    """Take the terminal from who has it, and give it back."""
    _mpirepl.end_editing()
    try:
        yield
    finally:
        _mpirepl.begin_editing(editor)


@contextlib.contextmanager
def on_terminal() -> Iterator[None]:
    """Lead standard input, output and errors of this process to the terminal, as under python."""
    from mpirepl import _run

    if _mpirepl.terminal is None:
        yield
        return
    _run.flush()
    streams = sys.stdin, sys.stdout, sys.stderr
    saved = [os.dup(fd) for fd in range(3)]
    with editing(PROGRAM):
        terminal = os.open(_mpirepl.terminal[0], os.O_RDWR | os.O_NOCTTY)
        for fd in range(3):
            os.dup2(terminal, fd)
        os.close(terminal)
        sys.stdin = _Answers()
        sys.stdout = _Screen(io.FileIO(1, "w", closefd=False), line_buffering=True)
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), line_buffering=True)
        ask_cell, builtins.input = builtins.input, _input
        _cook(True)
        try:
            with _programs_on(_mpirepl.terminal[0]):
                yield
        finally:
            _run.flush()
            _cook(False)
            sys.stdin, sys.stdout, sys.stderr = streams
            builtins.input = ask_cell
            for fd, copy in enumerate(saved):
                os.dup2(copy, fd)
                os.close(copy)


class _Screen(io.TextIOWrapper):
    """Standard output on the terminal, which knows what stands in the last line."""

    last_line = ""

    def write(self, text: str, /) -> int:
        self.last_line = (self.last_line + text).rpartition("\n")[2]
        return super().write(text)


class _Answers(io.TextIOBase):
    """Standard input on the terminal: who reads a line has the user asked for it."""

    def readable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True

    def readline(self, size: int = -1, /) -> str:
        prompt, sys.stdout.last_line = sys.stdout.last_line, ""
        sys.stdout.write("\r")  # the editor shows it again
        sys.stdout.flush()
        try:
            return _input(prompt) + "\n"
        except EOFError:
            return ""


def _input(prompt: object = "", /) -> str:
    """Read a line from the user for code of this process that is no cell. As Python's input()."""
    with away_from(PROGRAM), editing(_front.editor):
        return _front.ask(str(prompt), False)


@contextlib.contextmanager
def _programs_on(terminal: str) -> Iterator[None]:
    """Give programs that are started, such as pagers and editors, this as controlling terminal.

    They open /dev/tty for keys, which would be mpiexec's: there they are in the background, and
    would be stopped.
    """
    import subprocess

    start = subprocess.Popen.__init__

    def start_in_front(self: subprocess.Popen, *args: object, **options: object) -> None:
        options["start_new_session"] = True
        # The first terminal that the leader of a session opens is its own from then on.
        options["preexec_fn"] = lambda: os.close(os.open(terminal, os.O_RDWR))
        size = ("COLUMNS", "LINES")  # for cells; these ask the terminal itself
        environment = os.environ if options.get("env") is None else options["env"]
        options["env"] = {k: v for k, v in environment.items() if k not in size}
        start(self, *args, **options)

    subprocess.Popen.__init__ = start_in_front
    try:
        yield
    finally:
        subprocess.Popen.__init__ = start


def _cook(translate: bool) -> None:
    """Let the pseudo terminal translate newlines, as programs expect."""
    import termios

    modes = termios.tcgetattr(0)
    modes[1] = modes[1] | termios.OPOST if translate else modes[1] & ~termios.OPOST
    termios.tcsetattr(0, termios.TCSADRAIN, modes)


def confirm(question: str) -> bool:
    """Ask at the terminal; anything but yes is no."""
    with editing(_front.editor):
        kind, text = ask(question, False)
    return kind == LINE and text.strip().lower().startswith("y")


def ask(prompt: str, hidden: bool) -> tuple[int, str]:
    """Ask the user for a line; for a thread of its own.

    Returns
    -------
    kind : int
        LINE, END or INTERRUPTED.
    text : str
        The line, without its newline.
    """
    try:
        return LINE, _front.ask(prompt, hidden)
    except EOFError:
        return END, ""
    except KeyboardInterrupt:
        return INTERRUPTED, ""


def prompt_of(session: object) -> tuple[str, str, str]:
    """Return what stands before, as and behind the number of the next cell."""
    everybody = session.targets == _mpirepl.parse_targets("all")
    return "In [", str(session.number + 1), "]: " if everybody else f"] ({session.targets}): "
