#!/usr/bin/env python3
"""Tell the scenarios: what a person does at a terminal with mpirepl, and what must be seen.

A scenario is a function in ``scenarios/`` (see README.md). It runs in a process of its own, with a
fresh temporary directory as its HOME, and with ``mpirepl``, ``mpiexec`` and ``python3`` found
first in PATH.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import fnmatch
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "transcripts"))

try:
    import pexpect  # noqa: F401
    import pyte  # noqa: F401
except ImportError as error:
    sys.exit(f"run.py: install pexpect and pyte for {sys.executable}: {error}")

from scene import IPYTHON, SCENARIOS, Scenario, play  # noqa: E402
from stack import Setup, is_there, make_setup, prepare_to_report, report  # noqa: E402
from terminal import Terminal  # noqa: E402

RUN = uuid.uuid4().hex
LONGEST = 300  # seconds that one scenario may take

for source in sorted((HERE / "scenarios").glob("[a-z]*.py")):
    importlib.import_module(f"scenarios.{source.stem}")


class TooLong(Exception):
    """A scenario took longer than any may."""


def too_long(number: int, frame: object) -> None:
    """End a scenario that takes too long."""
    raise TooLong(f"it took longer than {LONGEST} s")


def tell(index: int, setup: Setup) -> tuple[str, list[str], float]:
    """Tell one scenario; return 'passed', 'failed' or 'skipped', lines to print, and seconds."""
    story = SCENARIOS[index]
    if story.front == IPYTHON and not is_there(setup.python, os.devnull, "IPython"):
        return "skipped", ["needs IPython"], 0.0
    begin = time.monotonic()
    problems: list[str] = []
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST)
    with tempfile.TemporaryDirectory(prefix="mpirepl-", ignore_cleanup_errors=True) as base:
        try:
            play(story, setup, Path(base), f"{RUN}-{uuid.uuid4().hex}")
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            told = [frame for frame in frames if "scenarios" in frame.filename]
            problems += [
                f"{Path(frame.filename).name}:{frame.lineno}: {frame.line}" for frame in told
            ]
            problems += traceback.format_exception_only(error)[0].splitlines()
            problems += [
                line for note in getattr(error, "__notes__", []) for line in note.split("\n")
            ]
        finally:
            signal.alarm(0)
    return "failed" if problems else "passed", problems, time.monotonic() - begin


def choose(patterns: list[str]) -> list[int]:
    """Find the scenarios whose titles match; a pattern without any is an error."""
    for pattern in patterns:
        if not any(matches(story, pattern) for story in SCENARIOS):
            raise SystemExit(f"run.py: no scenario is named {pattern}")
    wanted = patterns or ["*"]
    return [
        index
        for index, story in enumerate(SCENARIOS)
        if any(matches(story, pattern) for pattern in wanted)
    ]


def matches(story: Scenario, pattern: str) -> bool:
    """Tell whether a pattern names a scenario, with its front end or without."""
    return fnmatch.fnmatch(story.title, pattern) or fnmatch.fnmatch(story.name, pattern)


def main() -> int:
    """Tell what the command line names; 1 when any of it failed."""
    parser = argparse.ArgumentParser(description="Tell the scenarios of the terminal.")
    parser.add_argument("--program", default="build/release/mpirepl")
    parser.add_argument("--mpiexec", default="mpiexec")
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="scenarios at a time")
    parser.add_argument("--repeat", type=int, default=1, help="tell each so many times")
    parser.add_argument("--every", type=int, default=1, help="only each so many-th of them")
    parser.add_argument("--patience", type=float, default=Terminal.patience, metavar="SECONDS")
    parser.add_argument("--list", action="store_true", help="print the titles")
    parser.add_argument("-v", "--verbose", action="store_true", help="print also what passed")
    parser.add_argument("names", nargs="*", help="titles or globs; all when none is given")
    args = parser.parse_args()
    Terminal.patience = args.patience
    chosen = choose(args.names)[:: args.every] * args.repeat
    if args.list:
        print("\n".join(SCENARIOS[index].title for index in chosen))
        return 0
    # Behind nohup or & they are ignored, and would be by all that a shell in a terminal starts.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prepare_to_report()
    with tempfile.TemporaryDirectory(prefix="mpirepl-bin-") as wrappers:
        setup = make_setup(args.program, args.mpiexec, args.python, Path(wrappers))
        if "MPIREPL_SOURCE" in os.environ:
            setup.environment["MPIREPL_SOURCE"] = os.environ["MPIREPL_SOURCE"]
        fork = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(args.jobs, mp_context=fork) as pool:
            runs = {pool.submit(tell, index, setup): SCENARIOS[index].title for index in chosen}
            return report(pool, runs, RUN, args.verbose)


if __name__ == "__main__":
    sys.exit(main())
