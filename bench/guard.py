#!/usr/bin/env python3
"""Measure what the guard costs and how soon it breaks off, and print each number beside its limit.

bench/guard.py [--program build/release/mpirepl] [--mpiexec mpiexec] [NAME...]

The calls are made by a small C library, so that they cost what MPI costs, in turn under python3,
with --guard=off and with --guard=on. Processes differ by more than the guard costs, so each also
makes the same calls by their names PMPI_, which go past the guard, by turns of some µs: the ratio
of these two under --guard=on is what is compared with the limit.
"""

from __future__ import annotations

import re
import statistics
import sys
from dataclasses import dataclass

import session
from session import Bench, NotMeasured, numbers

KERNEL = r"""
#include <mpi.h>

enum { pingpong, sendrecv, requests, barrier, bcast, allreduce };

static void call(int what, void *buffer, void *other, int bytes, int turn, int rank, int size) {
    MPI_Comm world = MPI_COMM_WORLD;
    MPI_Request both[2];
    int peer = rank ^ 1;
    switch (what) {
    case pingpong:
        if (rank == 0) CALL(Send)(buffer, bytes, MPI_BYTE, 1, 0, world);
        CALL(Recv)(buffer, bytes, MPI_BYTE, peer, 0, world, MPI_STATUS_IGNORE);
        if (rank == 1) CALL(Send)(buffer, bytes, MPI_BYTE, 0, 0, world);
        break;
    case sendrecv:
        CALL(Sendrecv)(buffer, bytes, MPI_BYTE, peer, 0, other, bytes, MPI_BYTE, peer, 0, world,
                       MPI_STATUS_IGNORE);
        break;
    case requests:
        CALL(Irecv)(other, bytes, MPI_BYTE, peer, 0, world, &both[0]);
        CALL(Isend)(buffer, bytes, MPI_BYTE, peer, 0, world, &both[1]);
        CALL(Waitall)(2, both, MPI_STATUSES_IGNORE);
        break;
    case barrier:
        CALL(Barrier)(world);
        break;
    case bcast: /* from one rank after the other, so that each waits for the one before */
        CALL(Bcast)(buffer, bytes, MPI_BYTE, turn % size, world);
        break;
    case allreduce:
        CALL(Allreduce)(buffer, other, bytes / 8, MPI_DOUBLE, MPI_SUM, world);
        break;
    }
}

/* Times batches of calls. */
void measure(int what, void *buffer, void *other, int bytes, int calls, int batches, double *us) {
    static int turn; /* goes on from one batch to the next */
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (int batch = 0; batch < batches; ++batch) {
        double begin = MPI_Wtime();
        for (int i = 0; i < calls; ++i) call(what, buffer, other, bytes, turn++, rank, size);
        us[batch] = (MPI_Wtime() - begin) / calls * 1e6;
    }
}
"""

# Prints for each call the medians in µs: by its usual name, then past the guard.
DRIVER = """\
import ctypes, sys
import numpy as np
from mpi4py import MPI

CALLS = ["pingpong", "sendrecv", "requests", "barrier", "bcast", "allreduce"]

def address(array):
    return ctypes.c_void_p(array.ctypes.data)

libraries = [ctypes.CDLL(path) for path in sys.argv[1:3]]
for text in sys.argv[3:]:
    name, _, size = text.partition(":")
    size = int(size)
    calls, batches, turns = next(
        plan for least, plan in ((16 << 20, (4, 1, 10)), (1 << 20, (4, 4, 30)), (0, (8, 50, 40)))
        if size >= least
    )
    buffer, other = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    times = [np.zeros((turns, batches)) for _ in libraries]
    for turn in range(-1, turns):  # the first is a warm-up, which the last overwrites
        both = list(zip(libraries, times))
        for library, rows in both if turn % 2 else reversed(both):  # each as often behind the other
            library.measure(CALLS.index(name), address(buffer), address(other), size, calls,
                            batches, address(rows[turn]))
    if MPI.COMM_WORLD.rank == 0:
        print("us", text, *(np.median(rows) for rows in times), flush=True)
"""

# From the moment when the last rank has called, or raised, until rank 0 is at the next cell.
DEADLOCK = """\
from time import time
from mpi4py import MPI
comm = MPI.COMM_WORLD
def fail():
    global begin
    begin = time()
    if comm.rank == 2:
        raise ValueError
    comm.Barrier()

"""
ONCE = """\
fail()
end = time()
last = comm.allreduce(begin, MPI.MAX)
nothing = comm.rank or print("seconds", end - last)
"""
GRACE = 1


@dataclass(frozen=True)
class Call:
    """A call to be measured, as DRIVER knows it, and the most that it may cost."""

    name: str
    bytes: int
    limit: float

    @property
    def text(self) -> str:
        """Return the argument for DRIVER."""
        return f"{self.name}:{self.bytes}"


def sized(count: int) -> str:
    """Return a number of bytes in words."""
    for shift, unit in ((20, "MiB"), (10, "KiB")):
        if count >= 1 << shift:
            return f"{count >> shift} {unit}"
    return f"{count} B" if count else ""


def compare(bench: Bench, ranks: int, times: int, calls: list[Call], note: str = "") -> None:
    """Print a table of calls under python3, without and with the guard."""
    libraries = [
        bench.compiled(f"{prefix}.so", KERNEL, "-shared", "-fPIC", f"-DCALL(name)={prefix}_##name")
        for prefix in ("MPI", "PMPI")
    ]
    driver = bench.scratch / "driver.py"
    driver.write_text(DRIVER)
    arguments = [str(driver), *libraries, *(call.text for call in calls)]
    programs = {
        "python3": bench.on_ranks(ranks, bench.python, *arguments),
        "off": bench.session(ranks, "--guard=off", *arguments),
        "on": bench.session(ranks, "--guard=on", *arguments),
    }
    took: dict[tuple[str, str], list[float]] = {}
    ratios: dict[str, list[float]] = {}
    for _ in range(times):
        for program, command in programs.items():
            for text, usual, past in re.findall(r"us (\S+) (\S+) (\S+)", bench.run(command)[0]):
                took.setdefault((program, text), []).append(float(usual))
                if program == "on":
                    ratios.setdefault(text, []).append(float(usual) / float(past))
    print(f"{ranks} ranks, µs{note}{'':{24 - len(note)}} python3       off        on  ratio  limit")
    for call in calls:
        if call.text not in ratios:
            raise NotMeasured(f"there is no {call.text}")
        ratio = statistics.median(ratios[call.text])
        good = ratio <= call.limit
        bench.good &= good
        columns = (statistics.median(took[program, call.text]) for program in programs)
        print(
            f"{call.name:10} {sized(call.bytes):>8}{'':15}"
            + "".join(f"{us:10.4g}" for us in columns)
            + f"{ratio:7.3f}{call.limit:7.3f}  {'ok' if good else 'over'}",
            flush=True,
        )


def messages(bench: Bench) -> None:
    """Compare messages between two ranks."""
    sizes = (8, 4096, 4 << 20, 64 << 20)
    calls = [Call("pingpong", size, 1.05) for size in sizes]
    calls += [Call(name, size, 1.05) for name in ("sendrecv", "requests") for size in sizes[:3]]
    compare(bench, 2, 3, calls)


def collectives(bench: Bench, ranks: int, note: str = "") -> None:
    """Compare collectives on some ranks."""
    calls = [Call("barrier", 0, 1.1), Call("bcast", 8, 2.2), Call("allreduce", 8, 2.2)]
    large = (1 << 20, 16 << 20)
    calls += [Call(name, size, 1.05) for name in ("bcast", "allreduce") for size in large]
    compare(bench, ranks, 3, calls, note)


def deadlock(bench: Bench, ranks: int, times: int, limit: float) -> None:
    """Measure how soon the next cell runs when ranks wait for one that has raised."""
    command = bench.session(ranks, "--keep-going")
    cells = DEADLOCK + ONCE * times
    took = numbers(r"seconds (\S+)", bench.run(command, cells, status=1)[0])
    name = f"deadlock to the next cell, {ranks} ranks"
    note = f", grace {GRACE} s; from {min(took):.3g} to {max(took):.3g} s"
    bench.check(name, statistics.median(took), GRACE + limit, "s", note)


CHECKS: session.Checks = {
    "messages": messages,
    "collectives": lambda bench: collectives(bench, 2),
    "collectives-4": lambda bench: collectives(bench, 4, ", more than cores"),
    "deadlock": lambda bench: deadlock(bench, 6, 9, 0.2),
    "deadlock-64": lambda bench: deadlock(bench, 64, 5, 1),
}

if __name__ == "__main__":
    sys.exit(session.main(sys.argv[1:], __doc__, CHECKS))
