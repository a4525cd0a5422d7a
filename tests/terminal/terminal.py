"""A terminal with a shell in it that runs one command, and what a person does at it.

`Terminal` types keys, reads what comes, answers as a terminal does, and knows what is on the
screen. Its methods wait for what they expect and raise `Failure` when it does not come.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pexpect
import pyte
from screen import Screen

sys.path.append(str(Path(__file__).resolve().parent.parent / "transcripts"))
from processes import MARK, kill_all, marked_processes  # noqa: E402

LEFT_OVER_SECONDS = 30.0
KILLED = 128 + signal.SIGKILL
LINES, COLUMNS = 30, 100

ENTER, TAB, ESCAPE, BACKSPACE = "\r", "\t", "\x1b", "\x7f"
UP, DOWN, LEFT = "\x1b[A", "\x1b[B", "\x1b[D"
F2, HOME, END = "\x1bOQ", "\x1b[H", "\x1b[F"
CTRL_A, CTRL_C, CTRL_D, CTRL_E, CTRL_K, CTRL_R = "\x01", "\x03", "\x04", "\x05", "\x0b", "\x12"
CTRL_T, CTRL_U, CTRL_X, CTRL_Y, CTRL_Z = "\x14", "\x15", "\x18", "\x19", "\x1a"
CTRL_BACKSLASH = "\x1c"

# The shell stays the leader of the terminal's session, as a user's shell does: when a leader ends,
# the kernel hangs the terminal up and resets its modes, and nothing would be left to look at. What
# the keys Ctrl-C and their like send before the terminal is raw does not end it.
SHELL = """\
trap '' INT QUIT TSTP
stty -g >'{notes}/before'
trap : INT QUIT TSTP
{command}
echo $? >'{notes}/status'
exec sleep infinity
"""

T = TypeVar("T")


class Failure(Exception):
    """Something that was to happen did not."""


class Terminal:
    """A terminal in which a shell runs one command; owned by the scene of a scenario.

    It waits `patience` seconds for each thing that is expected; only what hangs takes so long.

    Parameters
    ----------
    command
        A line for /bin/sh.
    notes
        A directory for what the shell notes: the terminal's modes before, the exit status.
    environment
        Of the command; it carries `mark`, by which its processes are found.
    answers
        Whether the terminal tells its cursor's position when it is asked.
    """

    patience = 60.0

    def __init__(
        self,
        command: str,
        notes: Path,
        environment: dict[str, str],
        mark: str,
        answers: bool = True,
    ):
        self.number = 1  # of the next prompt
        self.targets = ""
        self.raw = b""
        self._mark = mark
        self._notes = notes
        self._checked = False
        self._to_answer: list[str] = []
        answer = self._to_answer.append if answers else lambda text: None
        self._screen = Screen(COLUMNS, LINES, answer)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(
            "/bin/sh",
            ["-c", SHELL.format(command=command, notes=notes)],
            env=environment | {MARK: mark},
            cwd=environment["HOME"] if os.path.isdir(environment.get("HOME", "")) else str(notes),
            dimensions=(LINES, COLUMNS),
        )
        about = Path(f"/proc/self/fdinfo/{self._child.child_fd}").read_text()
        number = re.search(r"^tty-index:\s*(\d+)", about, re.MULTILINE)[1]
        self._device = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY)

    # What a person does.

    def type(self, text: str) -> None:
        """Press the keys of a text, as fast as the terminal takes them."""
        self._send(text)

    def torn(self, data: bytes) -> None:
        """Press keys whose bytes arrive one by one."""
        for i in range(len(data)):
            os.write(self._child.child_fd, data[i : i + 1])
            self._read(0.03)

    def paste(self, text: str) -> None:
        """Paste a text; the terminal brackets it when it has been asked to."""
        text = text.replace("\n", "\r")
        bracketed = self._screen.pastes_in_brackets()
        self._send(f"\x1b[200~{text}\x1b[201~" if bracketed else text)

    def resize(self, lines: int, columns: int) -> None:
        """Give the window another size."""
        self._screen.resize(lines, columns)
        self._child.setwinsize(lines, columns)

    def close(self) -> None:
        """Close the window."""
        os.close(self._device)
        self._child.close(force=False)

    def run(self, source: str, text: str | None = None) -> None:
        """Type a line at the prompt, wait until it stands there, and press Enter.

        Lines that follow the first are typed too. `text` is what the first looks like there.
        """
        first, *rest = source.split("\n")
        self.prompt()
        self.type(first)
        self.prompt(first if text is None else text)
        self.type(ENTER)
        for line in rest:
            self.type(line + ENTER)

    def cell(self, source: str, text: str | None = None) -> str:
        """Run a cell, wait for the next prompt, and return the lines that have come between."""
        self.run(source, text)
        self.number += 1
        self.prompt()
        return self.printed(self.number - 1)

    def magic(self, line: str) -> str:
        """Run a line that is no cell and does not count; return what came."""
        self.run(line)
        return self.until(lambda: self._answer_to(line), f"the end of {line}").strip()

    # What a person waits for.

    def until(
        self, happened: Callable[[], T], what: str, seconds: float = 0, after_end: bool = False
    ) -> T:
        """Wait until a function returns something true, and return that.

        The end of the command ends the waiting, unless that may come later.
        """
        seconds = seconds or self.patience
        deadline = time.monotonic() + seconds
        while True:
            ended = not after_end and self.status() is not None
            while self._read(0):
                pass
            if result := happened():
                return result
            if ended or time.monotonic() > deadline:
                state = f"ended with {self.status()}" if ended else f"{seconds:g} s have passed"
                raise Failure(f"waited in vain for {what} ({state})")
            self._read(0.05)

    def prompt(self, text: str = "") -> None:
        """Wait for the prompt, this text behind it, and the cursor behind that."""
        line = self._prompt() + text
        self.until(
            lambda: self._screen.before_cursor_since("In [") == line, f"{line!r} before the cursor"
        )

    def sees(self, pattern: str, seconds: float = 0) -> re.Match[str]:
        """Wait until a pattern is somewhere below the last prompt, perhaps scrolled off."""
        return self.until(
            lambda: re.search(pattern, self.printed(), re.MULTILINE), repr(pattern), seconds
        )

    def shows(self, pattern: str) -> re.Match[str]:
        """Wait until a pattern is on the screen."""
        return self.until(
            lambda: re.search(pattern, self.visible(), re.MULTILINE), f"{pattern!r} on the screen"
        )

    def finds_number(self) -> None:
        """Wait for an empty prompt of any number, and take that for the current one."""
        found = self.until(lambda: re.fullmatch(r"In \[(\d+)\].*:", self.last_line()), "a prompt")
        self.number = int(found[1])
        self.prompt()

    def asks(self, question: str, text: str = "") -> None:
        """Wait until this question, and a text behind it, is what the cursor's line begins with."""
        line = question + text
        self.until(lambda: self._screen.before_cursor() == line, f"the question {line!r}")

    def reports(self, kind: str, pattern: str, ranks: str, seconds: float = 0) -> None:
        """Wait until lines ``[kind:…]`` with a pattern have come of exactly these ranks."""
        wanted = ranks_of(ranks)
        what = f"{pattern!r} of {kind} on ranks {ranks}"
        self.until(lambda: self.ranks_with(kind, pattern) >= wanted, what, seconds)
        expect(self.ranks_with(kind, pattern) == wanted, f"other ranks, too, have {what}")

    def ends(self, status: int = 0) -> None:
        """Wait for the end of the command; its terminal and its processes are as they should be."""
        self._checked = True
        self.until(lambda: self.status() is not None, "the end of the command")
        expect(self.status() == status, f"exit status {self.status()}, expected {status}")
        self.is_restored(after_end=status == KILLED)
        self.nothing_is_left()

    def is_restored(self, after_end: bool = False) -> None:
        """Wait until the terminal's modes are those from before.

        They are when the command ends, but for one that was killed: the shell knows of that at the
        same moment as the process that puts the terminal back.
        """
        before = (self._notes / "before").read_text()
        restored = "the terminal's modes from before"
        self.until(lambda: self.modes() == before, restored, after_end=after_end)
        usual = "cursor, wrapping and pasting as before"
        self.until(self._screen.is_usual, usual, after_end=after_end)

    def nothing_is_left(self) -> None:
        """Wait until no process of the command is left."""
        deadline = time.monotonic() + LEFT_OVER_SECONDS
        while left := self.processes():
            if time.monotonic() > deadline:
                raise Failure(f"processes are left: {', '.join(map(describe, left))}")
            if not self._child.closed:
                self._read(0)
            time.sleep(0.02)

    # What there is to see.

    def text(self) -> str:
        """Return all lines of the terminal."""
        return self._screen.text()

    def visible(self) -> str:
        """Return the lines on the screen."""
        return self._screen.visible()

    def last_line(self) -> str:
        """Return the lowest line on the screen that is not empty."""
        return self.visible().rstrip().rpartition("\n")[2]

    def printed(self, number: int | None = None) -> str:
        """Return the lines between the last prompt of a number and the next one or the end."""
        lines = self.text().split("\n")
        mine = re.compile(rf"In \[{self.number if number is None else number}\]")
        starts = [i for i, line in enumerate(lines) if mine.match(line)]
        if not starts:
            return "\n".join(lines).strip()
        rest = lines[starts[-1] + 1 :]
        end = next((i for i, line in enumerate(rest) if re.match(r"In \[\d+\]", line)), len(rest))
        return "\n".join(rest[:end]).strip("\n")

    def ranks_with(self, kind: str, pattern: str) -> set[int]:
        """Return the ranks that have a line ``[kind:…] pattern`` below the last prompt."""
        begin = r"Out\[([\d,-]+):\d+\]:" if kind == "Out" else rf"\[{kind}:([\d,-]+)\]"
        lines = re.finditer(rf"^{begin} {pattern}$", self.printed(), re.MULTILINE)
        return set().union(*(ranks_of(line[1]) for line in lines))

    def colour(self, text: str) -> str | None:
        """Return the colour of the lowest line on the screen that begins so."""
        return self._screen.colour(text)

    def modes(self) -> str:
        """Return the terminal's modes as `stty -g` writes them."""
        command = ["stty", "-g"]
        done = subprocess.run(command, stdin=self._device, capture_output=True, text=True)
        return done.stdout + done.stderr

    def status(self) -> int | None:
        """Return the exit status of the command once it has ended."""
        with contextlib.suppress(OSError, ValueError):
            return int((self._notes / "status").read_text())
        return None

    # Its processes.

    def processes(self) -> list[int]:
        """Return the processes of the command, without the shell around it."""
        return [pid for pid in marked_processes(self._mark) if pid != self._child.pid]

    def names(self) -> list[str]:
        """Return their command lines."""
        return [describe(pid) for pid in self.processes()]

    def launcher(self) -> int:
        """Return the process of mpiexec."""
        ranks = [pid for pid in self.processes() if variable(pid, "OMPI_COMM_WORLD_RANK")]
        others = set(self.processes()) - set(ranks)
        return next(pid for pid in map(parent, ranks) if pid in others)

    def rank(self, rank: int) -> int:
        """Return the process of a rank."""
        launcher = self.launcher()
        return next(
            pid
            for pid in self.processes()
            if variable(pid, "OMPI_COMM_WORLD_RANK") == str(rank) and parent(pid) == launcher
        )

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to a process of the command."""
        os.kill(pid, number)

    # What the scene needs.

    def leave(self) -> None:
        """Leave a session that is at its prompt, unless its end has been seen."""
        if not self._checked and not self._child.closed:
            self.prompt()
            self.type(f"exit{ENTER}")
            self.ends()

    def put_away(self) -> None:
        """End what may be left and close the terminal."""
        kill_all(self._mark)
        if not self._child.closed:
            os.close(self._device)
            self._child.close(force=True)

    def describe(self) -> str:
        """Describe what is on the screen and what came last, for the report of a failure."""
        with contextlib.suppress(OSError, ValueError):
            while self._read(0):
                pass
        lines = [f"  |{line}" for line in self.text().rstrip().split("\n")[-LINES:]]
        cursor = f"  cursor behind {self._screen.before_cursor()!r}"
        return "\n".join([*lines, cursor, f"  last bytes: {self.raw[-600:]!r}"])

    def _prompt(self) -> str:
        targets = f" ({self.targets})" if self.targets else ""
        return f"In [{self.number}]{targets}: "

    def _answer_to(self, line: str) -> str | None:
        """Return what stands between a line and the prompt that has come after it."""
        _, typed, rest = self.text().rstrip().rpartition(f": {line}\n")
        answer = re.fullmatch(r"((?:.*\n)*?)\n*In \[\d+\].*:", rest)
        return answer[1] + "\n" if typed and answer else None

    def _send(self, text: str) -> None:
        """Write all keys, and go on reading: a terminal that is not read takes none."""
        data = text.encode()
        fd = self._child.child_fd
        while data:
            _, writable, _ = select.select([], [fd], [], 0.05)
            if writable:
                data = data[os.write(fd, data[:512]) :]
            self._read(0)

    def _read(self, seconds: float) -> bool:
        """Take what has come, or comes within some time; tell whether anything did."""
        fd = self._child.child_fd
        readable, _, _ = select.select([fd], [], [], seconds)
        if not readable:
            return False
        data = os.read(fd, 65536)
        self.raw += data
        self._stream.feed(data)
        while self._to_answer:
            os.write(fd, self._to_answer.pop(0).encode())
        return True


def expect(condition: object, otherwise: str) -> None:
    """Raise `Failure` unless a condition holds."""
    if not condition:
        raise Failure(otherwise)


def ranks_of(spec: str) -> set[int]:
    """Return the ranks of a folded set such as ``0-2,5``."""
    ranks: set[int] = set()
    for item in spec.split(","):
        first, _, last = item.partition("-")
        ranks.update(range(int(first), int(last or first) + 1))
    return ranks


def variable(pid: int, name: str) -> str:
    """Return a variable of the environment a process was started with, or nothing."""
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            key, _, value = entry.decode(errors="replace").partition("=")
            if key == name:
                return value
    return ""


def parent(pid: int) -> int:
    """Return the parent of a process, 0 when it has gone."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return int(stat.rpartition(")")[2].split()[1])
    return 0


def describe(pid: int) -> str:
    """Return the number and the command line of a process."""
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        return f"{pid} ({command[:80]})"
    return str(pid)
