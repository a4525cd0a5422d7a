#!/usr/bin/env python3
"""Run the transcripts: directories with a command line, its input and what must come of it.

A transcript is a directory beside this file (see README.md for its files and options). Its
``cmd`` runs under /bin/sh in a fresh temporary directory that is also its HOME, in a session of
its own, with ``mpirepl``, ``mpiexec`` and ``python3`` found first in PATH. TMPDIR is its own too:
what a killed mpiexec leaves there would stop a later one that happens to get its number.
"""

import argparse
import concurrent.futures
import difflib
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from processes import MARK, all_gone, kill_all
from stack import Setup, is_there, make_setup, prepare_to_report, report

HERE = Path(__file__).resolve().parent
OWN_FILES = {"cmd", "in", "out", "err", "rc", "options"}
STREAMS = ("out", "err")
RUN = uuid.uuid4().hex
ANSWER_SECONDS = 30
LEFT_OVER_SECONDS = 5
SHOWN = 5000

# What Open MPI's launchers say themselves when a rank ends with another status than 0.
LAUNCHER_BLOCK = re.compile(
    r"^-{60,}\n"
    r"(?:Primary job  terminated normally"
    r"|\S+ (?:detected that one or more processes exited with non-zero status"
    r"|noticed that process rank \d+"
    r"|has exited due to process rank \d+))[^\n]*\n"
    r"(?:(?!-{60,}\n)[^\n]*\n)*?"
    r"-{60,}\n",
    re.MULTILINE,
)
LAUNCHER_LINE = re.compile(
    r"^\[warn\] Epoll [A-Z]+\(\d+\) on fd \d+ failed\.[^\n]*\n"  # 5.0's, in closing a pipe
    r"|^\[[^\]\n]+:\d+\] (?:PMIX ERROR: PMIX_ERR_UNREACH in file"
    r"|\d+ more process(?:es)? ha(?:s|ve) sent help message"
    r'|Set MCA parameter "\w*help_aggregate")[^\n]*\n',
    re.MULTILINE,
)


# A command whose cells can be followed by the same cells once more, and the number of a cell.
REPEATABLE = re.compile(
    r"(\w+=(\$\([^)]*\)|\S)* )*mpiexec -n \d+ mpirepl( --keep-going| --fold=on)*"
)
CELL = re.compile(r"(?<=<cell )\d+(?=>)|(?<=:)\d+(?=\]: )")


@dataclass
class Options:
    """The lines of a transcript's ``options``; a set holds the streams that a word applies to."""

    regex: set[str] = field(default_factory=set)
    unordered: set[str] = field(default_factory=set)
    contains: set[str] = field(default_factory=set)
    requires: list[str] = field(default_factory=list)
    stacks: list[str] = field(default_factory=list)
    feeds: bool = False
    once: bool = False
    timeout: float = 120.0
    in_a_row: int = 1


@dataclass
class Came:
    """What one run of a command gave: exit status, both streams, and what went wrong around it."""

    rc: str
    out: str
    err: str
    complaints: list[str]


def read_options(directory: Path) -> Options:
    """Read a transcript's ``options``; an unknown word is an error."""
    options = Options()
    path = directory / "options"
    for line in path.read_text().splitlines() if path.exists() else []:
        word, *values = line.split()
        if word in ("regex", "unordered", "contains"):
            getattr(options, word).update(values or STREAMS)
        elif word in ("requires", "stacks"):
            getattr(options, word).extend(values)
        elif word in ("feeds", "once"):
            setattr(options, word, True)
        elif word == "timeout":
            options.timeout = float(values[0])
        else:
            raise SystemExit(f"{path}: no such option: {line}")
    return options


def expected(directory: Path, name: str) -> str:
    """Text of one of a transcript's files, empty when it is absent."""
    path = directory / name
    return path.read_bytes().decode(errors="surrogateescape") if path.exists() else ""


def reason_to_skip(options: Options, setup: Setup) -> str | None:
    """Say why a transcript cannot run here, or None."""
    if setup.stack not in (options.stacks or [setup.stack]):
        return f"is for {', '.join(options.stacks)}, this is {setup.stack}"
    path = setup.environment["PATH"]
    missing = [name for name in options.requires if not is_there(setup.python, path, name)]
    return f"needs {', '.join(missing)}" if missing else None


def has_cells_to_repeat(directory: Path, options: Options) -> bool:
    """Whether its session can go on with the same cells once more."""
    return not options.once and bool(REPEATABLE.fullmatch(expected(directory, "cmd").strip()))


def standard_input(directory: Path, options: Options, base: str) -> Path:
    """Find what the command reads, or write it into the directory `base`."""
    source = directory / "in"
    if not source.exists():
        return Path(os.devnull)
    if options.in_a_row == 1:
        return source
    repeated = Path(base, "in")
    grace = b"%guard grace 0.2\n" if "keep-going" in expected(directory, "cmd") else b""
    repeated.write_bytes(grace + b"\n# %%\n".join([source.read_bytes()] * options.in_a_row))
    return repeated


def answer_came(pattern: str, streams: list[Path], seen: list[int]) -> bool:
    """Whether a line after the `seen` ones of a stream matches; the lines up to it are seen."""
    for index, path in enumerate(streams):
        lines = path.read_bytes().decode(errors="surrogateescape").split("\n")[:-1]
        for number in range(seen[index], len(lines)):
            if re.fullmatch(pattern, lines[number]):
                seen[index] = number + 1
                return True
    return False


def feed(process: subprocess.Popen[bytes], dialogue: str, streams: list[Path]) -> list[str]:
    """Play a dialogue of ``> text`` and ``< regex`` lines; return complaints."""
    seen = [0] * len(streams)
    for line in dialogue.splitlines():
        kind, text = line[:1], line[2:]
        if kind == ">":
            try:
                process.stdin.write(f"{text}\n".encode(errors="surrogateescape"))
                process.stdin.flush()
            except BrokenPipeError:
                return ["it ended before it had read its input"]
            continue
        deadline = time.monotonic() + ANSWER_SECONDS
        ended = False
        while not answer_came(text, streams, seen):
            if ended or time.monotonic() > deadline:
                return [f"waited in vain for the line: {text}"]
            ended = process.poll() is not None
            time.sleep(0.005)
    process.stdin.close()
    return []


def run_command(directory: Path, options: Options, setup: Setup) -> Came:
    """Run a transcript's command once, see that it ends and that it leaves no process behind."""
    mark = f"{RUN}-{uuid.uuid4().hex}"
    complaints: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mpirepl-", ignore_cleanup_errors=True) as base:
        home = Path(base, "home")
        shutil.copytree(directory, home)
        for name in OWN_FILES:
            Path(home, name).unlink(missing_ok=True)
        temporary = Path(base, "tmp")
        temporary.mkdir()
        variables = {"HOME": str(home), "PWD": str(home), "TMPDIR": str(temporary), MARK: mark}
        streams = [Path(base, name) for name in STREAMS]
        with (
            standard_input(directory, options, base).open("rb") as stdin,
            streams[0].open("wb") as out,
            streams[1].open("wb") as err,
        ):
            process = subprocess.Popen(
                ["/bin/sh", "-c", expected(directory, "cmd")],
                stdin=subprocess.PIPE if options.feeds else stdin,
                stdout=out,
                stderr=err,
                cwd=home,
                env=setup.environment | variables,
                start_new_session=True,
            )
        try:
            if options.feeds:
                complaints += feed(process, expected(directory, "in"), streams)
            process.wait(0 if complaints else options.timeout)
        except subprocess.TimeoutExpired:
            complaints = complaints or [f"it had not ended after {options.timeout:g} s"]
        else:
            if not all_gone(mark, LEFT_OVER_SECONDS):
                complaints.append(f"processes are left {LEFT_OVER_SECONDS} s after its end")
        finally:
            kill_all(mark)
            process.wait()
        texts = [path.read_bytes().decode(errors="surrogateescape") for path in streams]
    errors = LAUNCHER_LINE.sub("", LAUNCHER_BLOCK.sub("", texts[1]))
    return Came(str(process.returncode), texts[0], errors, complaints)


def as_lines(text: str) -> list[str]:
    r"""Split at \n alone; a last line without its newline differs from one that has it."""
    lines = text.split("\n")
    last = lines.pop()
    return [*lines, last + "  <no newline>"] if last else lines


def contains(patterns: list[str], lines: list[str], times: int) -> bool:
    """Whether a line for every pattern comes, in this order, anything between them.

    When the cells are repeated with a short grace their errors come in any order.
    """
    if times > 1:
        found = matched_lines(patterns, lines, unordered=True)
        return not Counter(found) - Counter(lines)
    rest = iter(lines)
    return all(any(re.fullmatch(pattern, line) for line in rest) for pattern in patterns)


def matched_lines(want: list[str], came: list[str], unordered: bool) -> list[str]:
    """Replace each expected regular expression by the line that matches it, if one does."""
    left = list(came)
    result = []
    for index, pattern in enumerate(want):
        candidates = left if unordered else came[index : index + 1]
        line = next((line for line in candidates if re.fullmatch(pattern, line)), None)
        if line is not None and unordered:
            left.remove(line)
        result.append(pattern if line is None else line)
    return result


def difference(name: str, want_text: str, came_text: str, options: Options) -> list[str]:
    """Compare one stream; a unified diff, empty when it is as expected."""
    want, came = as_lines(want_text) * options.in_a_row, as_lines(came_text)
    if options.in_a_row > 1:
        want, came = ([CELL.sub("N", line) for line in lines] for lines in (want, came))
    unordered = name in options.unordered
    if name in options.contains and contains(want, came, options.in_a_row):
        return []
    if name in options.regex:
        want = matched_lines(want, came, unordered)
    if unordered:
        want, came = sorted(want), sorted(came)
    if want == came:
        return []
    files = f"{name} expected", f"{name} came"
    diff = difflib.unified_diff(want[:SHOWN], came[:SHOWN], *files, lineterm="")
    return list(diff) or [f"{name} differs after its first {SHOWN} lines"]


def compare(directory: Path, options: Options, came: Came) -> list[str]:
    """All that is not as the transcript says, as lines to print."""
    problems = list(came.complaints)
    wanted_rc = expected(directory, "rc").strip() or "0"
    if not re.fullmatch(wanted_rc, came.rc):
        problems.append(f"exit status {came.rc}, expected {wanted_rc}")
    for name in STREAMS:
        if (directory / name).exists() or not options.feeds or problems:
            problems += difference(name, expected(directory, name), getattr(came, name), options)
    return problems


def update(directory: Path, options: Options, came: Came) -> list[str]:
    """Write what came as what is expected; patterns are left for a person to write."""
    if came.complaints:
        return came.complaints
    for name in ("rc", *STREAMS):
        if name in options.regex | options.contains:
            continue
        path = directory / name
        text = getattr(came, name) if name != "rc" else f"{came.rc}\n".removeprefix("0\n")
        if text and not (options.feeds and name != "rc"):
            path.write_bytes(text.encode(errors="surrogateescape"))
        else:
            path.unlink(missing_ok=True)
    return []


def run_one(
    directory: Path, setup: Setup, rewrite: bool, in_a_row: int
) -> tuple[str, list[str], float]:
    """Run one transcript; return 'passed', 'failed' or 'skipped', lines to print, and seconds."""
    options = read_options(directory)
    reason = reason_to_skip(options, setup)
    if reason:
        return "skipped", [reason], 0.0
    sessions = in_a_row
    if in_a_row > 1 and has_cells_to_repeat(directory, options):
        options.in_a_row, sessions = in_a_row, 1
        options.timeout *= in_a_row
    begin = time.monotonic()
    problems: list[str] = []
    while sessions and not problems:
        came = run_command(directory, options, setup)
        problems = (update if rewrite else compare)(directory, options, came)
        sessions -= 1
    return "failed" if problems else "passed", problems, time.monotonic() - begin


def choose(patterns: list[str]) -> list[Path]:
    """Find the transcripts whose names match; a pattern without any is an error."""
    there = sorted(path.parent for path in HERE.glob("*/cmd"))
    for pattern in patterns:
        if not fnmatch.filter([path.name for path in there], pattern):
            raise SystemExit(f"run.py: no transcript is named {pattern}")
    wanted = patterns or ["*"]
    return [path for path in there if any(fnmatch.fnmatch(path.name, name) for name in wanted)]


def main() -> int:
    """Run what the command line names; 1 when any of it failed."""
    parser = argparse.ArgumentParser(description="Run the transcripts.")
    parser.add_argument("--program", default="build/release/mpirepl")
    parser.add_argument("--mpiexec", default="mpiexec")
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="transcripts at a time")
    parser.add_argument("--repeat", type=int, default=1, help="run each so many times")
    parser.add_argument(
        "--in-a-row", type=int, default=1, help="so many times, in one session where that can be"
    )
    parser.add_argument("--except", dest="without", default="", help="leave these (a glob) out")
    parser.add_argument("--every", type=int, default=1, help="only each so many-th of them")
    parser.add_argument("--update", action="store_true", help="rewrite out, err and rc")
    parser.add_argument("-v", "--verbose", action="store_true", help="print also what passed")
    parser.add_argument("names", nargs="*", help="names or globs; all when none is given")
    args = parser.parse_args()
    if args.update and not args.names:
        parser.error("--update needs the names of those to rewrite")
    prepare_to_report()
    chosen = [path for path in choose(args.names) if not fnmatch.fnmatch(path.name, args.without)]
    directories = chosen[:: args.every] * args.repeat
    with (
        tempfile.TemporaryDirectory(prefix="mpirepl-bin-") as wrappers,
        concurrent.futures.ThreadPoolExecutor(args.jobs) as pool,
    ):
        setup = make_setup(args.program, args.mpiexec, args.python, Path(wrappers))
        runs = {
            pool.submit(run_one, path, setup, args.update, args.in_a_row): path.name
            for path in directories
        }
        return report(pool, runs, RUN, args.verbose)


if __name__ == "__main__":
    sys.exit(main())
