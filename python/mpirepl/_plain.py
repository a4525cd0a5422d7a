"""The front end on CPython's readline: history, completion, the same prompt as IPython's."""

import codeop
import contextlib
import functools
import os
import re
import signal

import _mpirepl

import __main__
from mpirepl import _compile, _history, _terminal

_loaded_cells = 1000
_KEYS = r"""
"\e[99~": redraw-current-line
"\e[98~": mpirepl-make-room
"""  # that the session presses, see src/session/interactive_front_end.cpp


class Questions:
    """Asks for lines of input of cells and programs."""

    editor = _terminal.READLINE

    def __init__(self):
        self._readline = None
        if _mpirepl.terminal is not None:
            with contextlib.suppress(Exception):  # it need not be there, or GNU's
                self._readline = _readline()

    def ask(self, prompt: str, hidden: bool) -> str:
        """Ask for a line of input of a cell; raise EOFError or KeyboardInterrupt."""
        if hidden:
            return _read_hidden(prompt)
        *before, prompt = prompt.split("\n")
        _terminal.write("".join(f"{line}\n" for line in before))
        try:
            text = _read_line(prompt)
        except EOFError:
            _terminal.write("\n")
            raise
        if self._readline and text:  # it is no cell
            last = self._readline.get_current_history_length()
            if last and self._readline.get_history_item(last) == text:
                self._readline.remove_history_item(last - 1)
        return text


class FrontEnd(Questions):
    """Reads cells for a session, statement by statement as python does."""

    name = ""
    magics = cell_magics = frozenset()  # of its own
    interactivity, change = "last_expr", None  # see _compile.cell
    hidden = False  # the cell that has been read is none of the user's

    def __init__(self, session: object):
        super().__init__()
        self._session = session
        self._history = _history.History()
        startup = os.environ.get("PYTHONSTARTUP")
        self._startup = [_terminal.call_of_file(startup)] if startup else []
        self._compiler = codeop.CommandCompiler()
        self._compiler.compiler.flags |= _mpirepl.TOP_LEVEL_AWAIT
        if self._readline:
            self._begin_editing(self._readline)

    def read(self) -> str | None:
        """Return the next cell; None when the user leaves."""
        self.hidden = bool(self._startup)
        if self.hidden:
            return self._startup.pop()
        before, number, after = _terminal.prompt_of(self._session)
        prompt = before + number + after
        continuation = "...: ".rjust(len(prompt))
        while True:
            try:
                with _terminal.editing(_terminal.READLINE):
                    text = self._read_statement(prompt, continuation)
            except KeyboardInterrupt:
                _terminal.tell("\nKeyboardInterrupt\n")
                continue
            except EOFError:
                _terminal.tell("\n")
                return None
            if text.strip():
                self._history.add(text)
                return text

    def _read_statement(self, prompt: str, continuation: str) -> str:
        text = _read_line(prompt)
        cell_magic = text.startswith("%%")
        while True:
            if cell_magic or re.match(r"\s*[%!]", text):
                done = not cell_magic or text.endswith("\n")
            else:
                done = self._is_complete(text)
            if done:
                return text + "\n"
            text += "\n" + _read_line(continuation)

    def _is_complete(self, text: str) -> bool:
        try:
            return self._compiler(text, "<input>", "single") is not None
        except _compile.ERRORS:
            return True  # the session will say what is wrong

    def took(self, number: int, text: str) -> None:
        """Take no note of a cell's number: nothing here goes by it."""

    def _begin_editing(self, readline: object) -> None:
        import rlcompleter  # it makes itself readline's completer  # noqa: F401

        readline.set_completer(_Completer(readline))
        # Without quotes: readline would put a second one behind what is complete.
        readline.set_completer_delims(" \t\n`!@#$%^&*()=+[{]}\\|;:,<>?")
        for cell in self._history.last(_loaded_cells):
            for line in cell.splitlines():
                if line.strip():
                    readline.add_history(line)


@functools.cache
def _readline() -> object:
    """Return the module, with the keys that it needs here."""
    import readline

    signal.raise_signal(signal.SIGWINCH)  # the size it knows is none of its own terminal's
    if "libedit" in (readline.__doc__ or ""):
        readline.parse_and_bind("bind ^I rl_complete")
    else:
        readline.parse_and_bind("tab: complete")
        _teach_making_room(readline)
        readline.parse_and_bind("set bell-style none")  # it would ring as output of a cell
        for key in _KEYS.strip().splitlines():
            readline.parse_and_bind(key)
    return readline


@functools.cache  # readline calls what it returns for as long as it is used
def _teach_making_room(readline: object) -> object:
    """Give readline a command that takes its line away, lets output come, and draws it again."""
    import ctypes

    library = ctypes.CDLL(getattr(readline, "__file__", None))
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int)

    @kind
    def make_room(count: int, key: int) -> int:
        library.rl_clear_visible_line()
        library.fflush(ctypes.c_void_p.in_dll(library, "rl_outstream"))
        _mpirepl.make_room()
        library.rl_forced_update_display()
        return 0

    library.rl_add_defun(b"mpirepl-make-room", make_room, -1)
    return make_room


class _Completer:
    """Tells readline what a word could become, one after the other."""

    def __init__(self, readline: object):
        self._readline = readline
        self._found: list[str] = []

    def __call__(self, text: str, state: int) -> str | None:
        if state == 0:
            end = self._readline.get_endidx()
            self._found = self._find(self._readline.get_line_buffer()[:end], end - len(text))
        return self._found[state] if state < len(self._found) else None

    def _find(self, line: str, begin: int) -> list[str]:
        if not line.strip():
            return ["    "]
        from mpirepl import _completion

        start, words = _completion.find(line, vars(__main__))
        before = line[start:begin]  # of the word, which readline does not take for a part of it
        return [line[begin:start] + word.removeprefix(before) for word in words]


def _read_line(prompt: str) -> str:
    line = _mpirepl.read_line(prompt)
    if not line:
        raise EOFError
    return line.decode("utf-8", "surrogateescape").removesuffix("\n")


def _read_hidden(prompt: str) -> str:
    if _mpirepl.terminal is None:
        return _read_line(prompt)
    import termios

    with open(_mpirepl.terminal[0], "r+b", buffering=0) as terminal:
        terminal.write(prompt.encode())
        modes = termios.tcgetattr(terminal)
        silent = [*modes]
        silent[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
        try:
            return _typed(terminal)
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, modes)
            terminal.write(b"\r\n")


def _typed(terminal: object) -> str:
    """Read keys to the end of the line, with backspace and Ctrl-U."""
    text = b""
    while True:
        key = terminal.read(1)
        if key in (b"\r", b"\n"):
            return text.decode("utf-8", "surrogateescape")
        if not key or (key == b"\x04" and not text):
            raise EOFError
        if key in (b"\x7f", b"\b"):
            text = text[:-1]
        elif key == b"\x15":
            text = b""
        elif key not in (b"\x05",):
            text += key
