#!/usr/bin/env python3
"""Measure what a session costs and print each number beside its limit.

bench/session.py [--program build/release/mpirepl] [--mpiexec mpiexec] [NAME...]

Commands that are compared take turns, and medians are printed, so that other load on the machine
disturbs both sides alike. It does not disturb the plain limits alike: these want a quiet machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

BUDGET = 24 * 60  # seconds for all checks; what has not been measured by then is not
PATIENCE = 300  # seconds for one command; mpiexec can hang when all its ranks fail at once
MPI4PY = "from mpi4py import MPI"

PLAIN_MPI = r"""
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

/* The lengths of an encoded Cell and Report in the round trip that this is compared with. */
enum { cell_bytes = 234, answer_bytes = 35, warm_up = 100 };

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    int rank, size, rounds = argc > 1 ? atoi(argv[1]) : 1000;
    char cell[cell_bytes] = {0}, answer[answer_bytes] = {0};
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    char *answers = malloc((size_t)size * answer_bytes);
    double *took = malloc((size_t)rounds * sizeof *took);
    for (int i = -warm_up; i < rounds; ++i) {
        double begin = MPI_Wtime();
        MPI_Bcast(cell, cell_bytes, MPI_BYTE, 0, MPI_COMM_WORLD);
        MPI_Gather(answer, answer_bytes, MPI_BYTE, answers, answer_bytes, MPI_BYTE, 0,
                   MPI_COMM_WORLD);
        if (i >= 0) took[i] = (MPI_Wtime() - begin) * 1e6;
    }
    qsort(took, (size_t)rounds, sizeof *took, ascending);
    if (rank == 0) printf("us %f %f\n", took[rounds / 2], took[rounds * 95 / 100]);
    MPI_Finalize();
    return 0;
}
"""

# The time between the starts of two cells on rank 0, which reads, checks and sends them: the round
# trip of a cell that does next to nothing, with all that a session does for it.
ROUND_TRIP = """\
from time import perf_counter as now
times = []
note = times.append
{cells}
%targets 0
took = sorted((b - a) * 1e6 for a, b in zip(times[100:], times[101:]))
print("us", took[len(took) // 2], took[len(took) * 95 // 100])
%quit
"""

STATUS = "next(int(s.split()[1]) for s in open('/proc/self/status') if s.startswith('{}'))"

# 1 GB from rank 3, in lines of 80 bytes.
GIGABYTE = f"""\
import sys, time
start = {STATUS.format("VmRSS")}
%targets 3
block = ("x" * 79 + "\\n") * 12500
%targets 0
begin = time.perf_counter()
%targets 3
for _ in range(1000): n = sys.stdout.write(block)
%targets 0
print("seconds", time.perf_counter() - begin, file=sys.stderr)
%targets all
print("grown", {STATUS.format("VmHWM")} - start, file=sys.stderr)
%quit
"""
PREFIXED_BYTES = 12_500_000 * len("[stdout:3] " + "x" * 79 + "\n")

MEGABYTE = """\
import sys
text = ("x" * 79 + "\\n") * 12500
n = sys.stdout.write(text)
%quit
"""


class NotMeasured(Exception):
    """A command failed, took too long or did not print what was to be measured."""


@contextlib.contextmanager
def started(command: list[str], **options: object) -> Iterator[subprocess.Popen]:
    """Start a command with pipes; end it, if it has not ended, with its ranks."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, **pipes | options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # by kill() mpiexec might leave ranks behind
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Bench:
    """The commands under test, the time that is left, and what has been printed."""

    def __init__(self, options: argparse.Namespace, scratch: Path):
        self.program = str(Path(options.program).resolve())
        self.mpiexec = options.mpiexec
        self.python = options.python
        self.scratch = scratch
        self.good = True
        self._deadline = time.monotonic() + BUDGET
        self._plain_mpi: str | None = None

    def on_ranks(self, ranks: int, *command: str) -> list[str]:
        """Return the command line that runs a command on that many ranks."""
        return [self.mpiexec, "-n", str(ranks), *command]

    def session(self, ranks: int, *options: str) -> list[str]:
        """Return the command line of a session on that many ranks."""
        return self.on_ranks(ranks, self.program, *options)

    def time_left(self) -> float:
        """Return the seconds that are left for all that is still to be measured."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise NotMeasured(f"the {BUDGET // 60} minutes for all checks are over")
        return left

    def run(self, command: list[str], cells: str = "", status: int = 0) -> tuple[str, float]:
        """Run a command with `cells` as its standard input; return its output and its seconds."""
        begin = time.perf_counter()
        with started(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                out, err = process.communicate(cells, min(PATIENCE, self.time_left()))
            except subprocess.TimeoutExpired:
                raise NotMeasured(f"no end of: {' '.join(command)}") from None
        took = time.perf_counter() - begin
        if process.returncode != status:
            raise NotMeasured(f"status {process.returncode} of: {' '.join(command)}\n{err.strip()}")
        return out + err, took

    def compiled(self, name: str, code: str, *options: str) -> str:
        """Compile C by the mpicc beside mpiexec, and return the path of the result."""
        folder, mpiexec = os.path.split(self.mpiexec)
        mpicc = os.path.join(folder, mpiexec.replace("mpiexec", "mpicc"))
        source, result = self.scratch / f"{name}.c", self.scratch / name
        source.write_text(code)
        self.run([mpicc, "-O2", *options, str(source), "-o", str(result)])
        return str(result)

    def plain_mpi(self) -> str:
        """Return the reference for round trips."""
        if self._plain_mpi is None:
            self._plain_mpi = self.compiled("plain", PLAIN_MPI)
        return self._plain_mpi

    def check(
        self,
        name: str,
        measured: float,
        limit: float,
        unit: str,
        note: str = "",
        least: bool = False,
    ) -> None:
        """Print a number beside its limit, which it must not exceed; with `least`, must reach."""
        good = measured >= limit if least else measured <= limit
        self.good &= good
        bound = f"limit {'at least ' if least else ''}{limit:.4g} {unit}"
        verdict = "ok" if good else "over" if not least else "under"
        print(f"{name}: {measured:.4g} {unit} ({bound}{note}) {verdict}", flush=True)

    def give_up(self, name: str, reason: Exception) -> None:
        """Print why there is no number."""
        self.good = False
        print(f"{name}: not measured: {reason}", flush=True)


class Dialogue:
    """A session that is driven through pipes, cell by cell."""

    def __init__(self, bench: Bench, ranks: int, process: subprocess.Popen):
        self._bench = bench
        self._ranks = ranks
        self._process = process

    def ask(self, expression: str) -> tuple[list[str], float]:
        """Send an expression; return its value on each rank and the seconds until all were here."""
        begin = time.perf_counter()
        self._process.stdin.write(expression.encode() + b"\n")
        answer = b""
        while answer.count(b"\n") < self._ranks:
            if not select.select([self._process.stdout], [], [], self._bench.time_left())[0]:
                continue
            some = self._process.stdout.read(65536)
            if not some:
                raise NotMeasured("the session has ended")
            answer += some
        took = time.perf_counter() - begin
        return [line.partition(": ")[2] for line in answer.decode().splitlines()], took


def numbers(pattern: str, text: str) -> list[float]:
    """Return all numbers in `text` that a pattern's groups match, in order."""
    found = [float(group) for match in re.finditer(pattern, text) for group in match.groups()]
    if not found:
        raise NotMeasured(f"there is no {pattern!r} in: {text[:500]!r}")
    return found


def in_turn(times: int, *measures: Callable[[], float]) -> list[float]:
    """Call functions in turn, that many times each, and return the median of each."""
    rounds = [[measure() for measure in measures] for _ in range(times)]
    return [statistics.median(values) for values in zip(*rounds, strict=True)]


def start(bench: Bench) -> None:
    """Measure how long six ranks take to start, do nothing and end."""
    python = bench.on_ranks(6, bench.python, "-c", MPI4PY)
    ours, reference = in_turn(
        15,
        lambda: bench.run(bench.session(6, "-c", "pass"))[1],
        lambda: bench.run(python)[1],
    )
    bench.check("start and end, 6 ranks", ours, reference, "s", ", python with mpi4py")


def _round_trips(bench: Bench, ranks: int, cells: int, times: int) -> list[float]:
    """Return median and 95th percentile in µs of a session, then of plain MPI."""
    text = ROUND_TRIP.format(cells="\n".join(["note(now())"] * cells))
    commands = [
        (bench.session(ranks), text),
        (bench.on_ranks(ranks, bench.plain_mpi(), str(cells)), ""),
    ]
    rounds = []
    for _ in range(times):
        rounds.append([])
        for command, given in commands:
            rounds[-1] += numbers(r"us (\S+) (\S+)", bench.run(command, given)[0])
    return [statistics.median(values) for values in zip(*rounds, strict=True)]


def round_trip(bench: Bench) -> None:
    """Measure the round trip of an empty cell on 4 ranks."""
    median, late, plain, _ = _round_trips(bench, 4, 5000, 5)
    note = f", plain MPI {plain:.4g} µs"
    bench.check("round trip, 4 ranks, median", median, 80, "µs", note)
    bench.check("round trip, 4 ranks, 95th percentile", late, 200, "µs")


def round_trip_64(bench: Bench) -> None:
    """Compare the round trip of an empty cell on 64 ranks with plain MPI."""
    median, _, plain, _ = _round_trips(bench, 64, 800, 3)
    note = f", {median:.4g} µs against {plain:.4g} µs"
    bench.check("round trip, 64 ranks, by plain MPI", median / plain, 2.5, "x", note)


def _cpu_seconds(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(bench: Bench) -> None:
    """Measure what an idle rank costs, and how soon it is awake."""
    shares, wakes = [], []
    with started(bench.session(4), bufsize=0) as process:
        session = Dialogue(bench, 4, process)
        pids = session.ask("__import__('os').getpid()")[0]
        at_once = statistics.median(session.ask("1")[1] for _ in range(100))
        for _ in range(3):
            time.sleep(1)
            before = [_cpu_seconds(pid) for pid in pids]
            time.sleep(10)
            used = [_cpu_seconds(pid) - past for pid, past in zip(pids, before, strict=True)]
            shares.append(max(used) / 10 * 100)
            wakes.append(session.ask("1")[1] * 1000)
        process.stdin.write(b"%quit\n")
        process.wait(bench.time_left())
    bench.check("CPU of an idle rank, the busiest of 4", statistics.median(shares), 0.5, "%")
    note = f", back to back {at_once * 1000:.2g} ms"
    bench.check("the next cell after 10 s", statistics.median(wakes), 10, "ms", note)


def memory(bench: Bench) -> None:
    """Compare the memory of a rank at the first cell with that of python with mpi4py."""
    show = f"print('kB', {STATUS.format('VmRSS')})"
    python = bench.on_ranks(4, bench.python, "-c", f"{MPI4PY}; {show}")
    ours, reference = in_turn(
        5,
        lambda: max(numbers(r"kB (\d+)", bench.run(bench.session(4), f"{show}\n%quit\n")[0])),
        lambda: max(numbers(r"kB (\d+)", bench.run(python)[0])),
    )
    note = ", python with mpi4py"
    bench.check("memory, the largest of 4 ranks", ours / 1e3, reference / 1e3, "MB", note)


def _rate(bench: Bench, command: list[str], cells: str = "") -> tuple[float, str]:
    """Return the MB/s at which a command's standard output arrives here, and its stderr."""
    given, errors = bench.scratch / "in", bench.scratch / "err"
    given.write_text(cells)
    size, begin, end = 0, 0.0, 0.0
    with (
        given.open() as stdin,
        errors.open("w") as stderr,
        started(command, stdin=stdin, stderr=stderr, bufsize=0) as process,
    ):
        while some := process.stdout.read(1 << 20):
            bench.time_left()
            end = time.perf_counter()
            begin = begin or end
            size += len(some)
        process.wait(bench.time_left())
    if size != PREFIXED_BYTES:
        raise NotMeasured(f"{size} bytes came instead of {PREFIXED_BYTES}: {' '.join(command)}")
    return size / (end - begin) / 1e6, errors.read_text()


def output(bench: Bench) -> None:
    """Measure 1 GB of output of one rank, into a file and through mpiexec."""
    file = bench.scratch / "printed"
    to_file, through, cat = [], [], []
    grown: dict[str, list[float]] = {"-o": [], "mpiexec": []}
    for _ in range(3):
        file.unlink(missing_ok=True)
        text, _ = bench.run(bench.session(4, "-o", str(file)), GIGABYTE)
        if file.stat().st_size != PREFIXED_BYTES:
            raise NotMeasured(f"-o: {file.stat().st_size} bytes instead of {PREFIXED_BYTES}")
        to_file.append(1000 / numbers(r"seconds (\S+)", text)[0])
        grown["-o"] += numbers(r"grown (\d+)", text)
        rate, text = _rate(bench, bench.session(4), GIGABYTE)
        through.append(rate)
        grown["mpiexec"] += numbers(r"grown (\d+)", text)
        cat.append(_rate(bench, bench.on_ranks(1, "cat", str(file)))[0])
    reference = statistics.median(cat)
    note = f", 0.9 of cat's {reference:.4g} MB/s"
    through_mpiexec = statistics.median(through)
    bench.check("1 GB with mpiexec", through_mpiexec, 0.9 * reference, "MB/s", note, least=True)
    bench.check("1 GB with -o", statistics.median(to_file), 200, "MB/s", least=True)
    for way, sizes in grown.items():
        bench.check(f"growth with {way}, the largest of 4 ranks", max(sizes) / 1e3, 64, "MB")


def fold(bench: Bench) -> None:
    """Measure what rank 0 receives when 64 ranks print the same megabyte."""
    command = bench.on_ranks(64, "env", "MPIREPL_STATISTICS=1", bench.program, "--fold=on")
    received, lines = [], []
    for _ in range(3):
        text, _ = bench.run(command, MEGABYTE)
        received += numbers(r"rank 0 received (\d+) bytes of reports", text)
        lines.append(text.count("\n[stdout:") / 12500)
    note = f", printed {statistics.median(lines):.2g} times"
    bench.check(
        "the same 1 MB from 64 ranks, at rank 0", statistics.median(received) / 1e6, 4, "MB", note
    )


Checks = dict[str, Callable[[Bench], None]]
CHECKS: Checks = {
    "start": start,
    "round-trip": round_trip,
    "round-trip-64": round_trip_64,
    "idle": idle,
    "memory": memory,
    "output": output,
    "fold": fold,
}


def set_environment(mpiexec: str) -> None:
    """Let Open MPI run as root and with more ranks than cores; it refuses both by default."""
    version = subprocess.run([mpiexec, "--version"], capture_output=True, text=True).stdout
    if "OpenRTE" in version:
        os.environ.setdefault("OMPI_MCA_rmaps_base_oversubscribe", "1")
    else:
        os.environ.setdefault("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
    if os.geteuid() == 0:
        os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
        os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")


def parse(arguments: Iterable[str], description: str, checks: Checks) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--program", default="build/release/mpirepl")
    parser.add_argument("--mpiexec", default="mpiexec", help="the mpicc beside it is used, too")
    parser.add_argument("--python", default="/usr/bin/python3", help="one with mpi4py")
    parser.add_argument("--strict", action="store_true", help="exit with 1 unless all is ok")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(checks)}")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in checks:
            parser.error(f"there is no check {name!r}; there are {', '.join(checks)}")
    for program in (options.program, options.mpiexec, options.python):
        if not shutil.which(program):
            parser.error(f"{program} is not there or cannot be run")
    return options


def main(arguments: Iterable[str], description: str, checks: Checks) -> int:
    """Run the checks that were asked for, or all."""
    options = parse(arguments, description.splitlines()[0], checks)
    set_environment(options.mpiexec)
    with tempfile.TemporaryDirectory(prefix="mpirepl-bench-") as scratch:
        bench = Bench(options, Path(scratch))
        for name in options.names or checks:
            try:
                checks[name](bench)
            except (NotMeasured, OSError, subprocess.TimeoutExpired) as reason:
                bench.give_up(name, reason)
    return 1 if options.strict and not bench.good else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], __doc__, CHECKS))
