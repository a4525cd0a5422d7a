#!/usr/bin/env python3
"""Measure what the terminal costs its user and print each number beside its limit.

bench/terminal.py [--program build/release/mpirepl] [--mpiexec mpiexec] [NAME...]

Needs pexpect. Commands that are compared take turns, see bench/session.py.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import statistics
import sys
import time
import tty
from collections.abc import Iterator

import pexpect

from session import MPI4PY, Bench, NotMeasured, in_turn, main

RANKS = 6
PROMPT = b"In [1]:"
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
TIMES = 9
KEYS = b"bcefgijkpqrvwxyz"  # not in what is printed, nor in escape sequences
LINES_OF_KEYS = 20
POSITION_ASKED, POSITION = b"\x1b[6n", b"\x1b[1;1R"

# 10 MB/s of one rank, from a thread of its own. Digits only: no key that is typed is among them.
STREAM = """\
import threading, time

def pour():
    block = ("0123456789" * 8)[:79] + "\\n"
    block *= 1250
    begin, written = time.perf_counter(), 0
    while True:
        print(end=block)
        written += len(block)
        time.sleep(max(0, begin + written / 10e6 - time.perf_counter()))

def begin():
    threading.Thread(target=pour, daemon=True).start()
"""


# What the launcher alone does to a key: rank 0 writes back what it reads.
MIRROR = """\
import os
print("In [1]: ", flush=True)
while os.environ.get("OMPI_COMM_WORLD_RANK", "0") == "0" and (keys := os.read(0, 100)):
    os.write(1, keys)
"""


class Terminal:
    """A pseudo terminal with a command in it."""

    def __init__(self, child: pexpect.spawn, patience: float):
        self._child = child
        self._patience = patience
        self.received = 0

    def send(self, keys: bytes) -> None:
        """Press keys."""
        self._child.send(keys)

    def read(self, seconds: float) -> bytes:
        """Return what comes within some time; answer when the cursor's position is asked for."""
        if not select.select([self._child.child_fd], [], [], seconds)[0]:
            return b""
        data = os.read(self._child.child_fd, 1 << 20)
        self.received += len(data)
        if POSITION_ASKED in data:
            self.send(POSITION)
        return data

    def wait_for(self, text: bytes) -> float:
        """Wait until a text comes; return the time at which it did."""
        deadline = time.perf_counter() + self._patience
        seen = b""
        while text not in ESCAPES.sub(b"", seen):
            try:
                seen = seen[-1000:] + self.read(0.1)
            except OSError:
                raise NotMeasured(f"it ended before {text!r} came: {seen!r}") from None
            if time.perf_counter() > deadline:
                raise NotMeasured(f"{text!r} did not come, but: {seen!r}")
        return time.perf_counter()

    def make_raw(self) -> None:
        """Let each key through as it is, unseen."""
        tty.setraw(self._child.child_fd)

    def listen(self, seconds: float) -> None:
        """Read for some time."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)


@contextlib.contextmanager
def opened(bench: Bench, command: list[str]) -> Iterator[Terminal]:
    """Run a command in a terminal, with a home directory that outlasts it; close the window."""
    home = bench.scratch / "home"
    home.mkdir(exist_ok=True)
    environment = os.environ | {"HOME": str(home), "TERM": "xterm-256color"}
    environment.pop("IPYTHONDIR", None)
    child = pexpect.spawn(
        command[0], command[1:], env=environment, cwd=str(bench.scratch), dimensions=(30, 100)
    )
    child.delaybeforesend = None
    try:
        yield Terminal(child, min(60, bench.time_left()))
    finally:
        child.close(force=True)


def ipython(bench: Bench) -> list[str]:
    """Return the command line of IPython alone."""
    return [bench.python, "-m", "IPython"]


def seconds_to_prompt(bench: Bench, command: list[str]) -> float:
    """Return the seconds until a command shows its first prompt."""
    begin = time.perf_counter()
    with opened(bench, command) as terminal:
        took = terminal.wait_for(PROMPT) - begin
        terminal.send(b"exit\r")
        with contextlib.suppress(OSError):
            terminal.listen(3)
    return took


def first_prompt(bench: Bench) -> None:
    """Compare the first prompt with a start of python with mpi4py, and with IPython's."""
    python = bench.on_ranks(RANKS, bench.python, "-c", MPI4PY)
    seconds_to_prompt(bench, ipython(bench))  # the first time it makes its directory
    plain, full, mpi4py, alone = in_turn(
        TIMES,
        lambda: seconds_to_prompt(bench, bench.session(RANKS, "--plain")),
        lambda: seconds_to_prompt(bench, bench.session(RANKS)),
        lambda: bench.run(python)[1],
        lambda: seconds_to_prompt(bench, ipython(bench)),
    )
    bench.check("first prompt, --plain", plain, mpi4py, "s", ", python with mpi4py")
    note = f", that and {alone:.3g} s of ipython"
    bench.check("first prompt, IPython", full, mpi4py + alone, "s", note)


def echo_times(terminal: Terminal) -> list[float]:
    """Type lines of keys, no key twice in one; return the milliseconds until each was seen."""
    times = []
    for line in range(LINES_OF_KEYS):
        first = line % len(KEYS)  # another one each time: what stands there is not drawn again
        for key in KEYS[first:] + KEYS[:first]:
            begin = time.perf_counter()
            terminal.send(bytes([key]))
            times.append((terminal.wait_for(bytes([key])) - begin) * 1e3)
            terminal.listen(0.01)
        terminal.send(b"\x15")
        terminal.listen(0.2)
    return times


def echo(bench: Bench) -> None:
    """Measure how soon a key is seen, while all is quiet and while a rank prints 10 MB/s."""
    (bench.scratch / "stream.py").write_text(STREAM)
    with opened(bench, bench.on_ranks(RANKS, bench.python, "-c", MIRROR)) as terminal:
        terminal.wait_for(PROMPT)
        terminal.make_raw()
        mirrored = statistics.median(echo_times(terminal))
    for name, options in {"--plain": ["--plain"], "IPython": []}.items():
        with opened(bench, bench.session(RANKS, *options)) as terminal:
            terminal.wait_for(PROMPT)
            terminal.listen(1)
            quiet = echo_times(terminal)
            terminal.send(b"%px --targets 3 import stream; stream.begin()\r")
            terminal.wait_for(b"0123456789")
            terminal.listen(1)
            before, begin = terminal.received, time.perf_counter()
            busy = echo_times(terminal)
            rate = (terminal.received - before) / (time.perf_counter() - begin) / 1e6
        report(bench, f"echo of a key, {name}", quiet, f", {mirrored:.3g} ms by mpiexec alone")
        report(
            bench, f"echo of a key, {name}, while a rank prints", busy, f", {rate:.3g} MB/s came"
        )


def report(bench: Bench, name: str, times: list[float], note: str) -> None:
    """Print the median beside its limit, with the 95th percentile."""
    late = sorted(times)[len(times) * 95 // 100]
    note = f", 95th percentile {late:.3g} ms{note}"
    bench.check(name, statistics.median(times), 20, "ms", note)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], __doc__, {"first-prompt": first_prompt, "echo": echo}))
