#!/usr/bin/env python3
"""Measure what the views cost, beside MPI itself, mpi4py's executor and ipyparallel.

bench/views.py [--program build/release/mpirepl] [--mpiexec mpiexec] [--python PYTHON] [NAME...]

Data is compared with MPI's own calls in the same processes by turns, and the median of the ratios
counts. The same driver runs under mpirepl and, where PYTHON has it, with ipyparallel.
"""

from __future__ import annotations

import subprocess
import sys

import session
from session import Bench, NotMeasured, in_turn, numbers

# A client of four engines, ranks under mpirepl and processes of ipyparallel under python.
CLIENT = """\
import statistics, sys, time
from time import perf_counter as now
try:
    import mpirepl as ipp
    rc = ipp.Client()
except ImportError:
    import ipyparallel as ipp
    cluster = ipp.Cluster(n=4, log_level=40)
    cluster.start_cluster_sync()
    rc = cluster.connect_client_sync()
    rc.wait_for_engines(4, timeout=60)
    import atexit
    atexit.register(cluster.stop_cluster_sync)
view = rc[:]
balanced = rc.load_balanced_view()
def timed(function, *arguments):
    begin = now()
    function(*arguments)
    return now() - begin
"""

# Each round does the same by a view and by MPI, and notes how much longer the view took. MPI's time
# is that of the slowest rank, from a barrier on.
TRANSFER = (
    CLIENT
    + """\
import numpy as np
what, megabytes, rounds = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
data = np.random.default_rng(1).random(int(megabytes * 1e6) // 8)
view.execute('''
import numpy as np
from mpi4py import MPI
from time import perf_counter as now
comm = MPI.COMM_WORLD
def prepare(count):
    global whole, part, counts
    whole = np.ones(count)
    counts = [len(some) for some in np.array_split(whole, comm.size)]
    part = np.ones(counts[comm.rank])
def by_mpi(what):
    comm.Barrier()
    begin = now()
    if what == "push":
        comm.Bcast(whole)
    elif what == "scatter":
        comm.Scatterv([whole, counts] if comm.rank == 0 else None, part)
    else:
        comm.Gatherv(part, [whole, counts] if comm.rank == 0 else None)
    return comm.allreduce(now() - begin, MPI.MAX)
''', block=True)
view.apply_sync(ipp.interactive(lambda n: prepare(n)), data.size)
view.scatter("data", data, block=True)
do = {
    "push": lambda: view.push({"pushed": data}, block=True),
    "scatter": lambda: view.scatter("data", data, block=True),
    "gather": lambda: view.gather("data", block=True),
}[what]
reference = ipp.interactive(lambda what: by_mpi(what))
times, references = [], []
for i in range(rounds + 3):
    ours, theirs = timed(do), view.apply_sync(reference, what)[0]
    if i >= 3:
        times.append(ours)
        references.append(theirs)
print("ms", statistics.median(times) * 1e3, statistics.median(references) * 1e3)
print("ratio", statistics.median(b / a for a, b in zip(times, references)))
"""
)

APPLY = (
    CLIENT
    + """\
def empty():
    pass
rounds = int(sys.argv[1])
times = [timed(view.apply_sync, empty) for _ in range(rounds)][rounds // 5:]
print("us", statistics.median(times) * 1e6)
"""
)

MAP = (
    CLIENT
    + """\
def empty(x):
    pass
count, chunk, rounds = map(int, sys.argv[1:])
def run(count):
    balanced.map_async(empty, range(count), chunksize=chunk).get()
run(count // 10)
print("rate", statistics.median(count / timed(run, count) for _ in range(rounds)))
"""
)

FUTURES = """\
import statistics, sys, time
from mpi4py.futures import MPIPoolExecutor
def empty(x):
    pass
if __name__ == "__main__":
    count, chunk, rounds = map(int, sys.argv[1:])
    with MPIPoolExecutor() as executor:
        def run(count):
            begin = time.perf_counter()
            for _ in executor.map(empty, range(count), chunksize=chunk):
                pass
            return time.perf_counter() - begin
        run(count // 10)
        print("rate", statistics.median(count / run(count) for _ in range(rounds)))
"""

# Five tasks of 1 s, 22 of 0.2 s: with five engines no schedule ends before 2 s.
BALANCE = (
    CLIENT
    + """\
def work(seconds):
    import time
    time.sleep(seconds)
naps = [1.0] * 5 + [0.2] * 22
balanced.map_async(work, [0.01] * 10).get()
print("seconds", timed(lambda: balanced.map_async(work, naps).get()))
"""
)

MEMORY = (
    CLIENT
    + """\
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4
def drop(count):
    for _ in range(count // 100):
        for _ in range(100):
            balanced.apply_async(bytes, 10_000)
        rc.wait()
drop(2000)
before = resident()
drop(10_000)
print("grown", resident() - before)
"""
)


def driver(bench: Bench, name: str, text: str) -> str:
    """Write a driver to a file."""
    path = bench.scratch / f"{name}.py"
    path.write_text(text)
    return str(path)


def ours(bench: Bench, ranks: int, pattern: str, path: str, *arguments: object) -> list[float]:
    """Run a driver from rank 0 and return the numbers that it prints."""
    command = bench.session(ranks, "--targets", "0", path, *map(str, arguments))
    return numbers(pattern, bench.run(command)[0])


def has(bench: Bench, module: str) -> bool:
    """Whether the reference Python has a module."""
    command = [bench.python, "-c", f"import {module}"]
    return subprocess.run(command, capture_output=True, cwd="/").returncode == 0


def beside(bench: Bench, pattern: str, path: str, *arguments: object) -> str:
    """Run a driver with ipyparallel; return a note with its number, or why there is none."""
    if not has(bench, "ipyparallel"):
        return "; ipyparallel is not installed"
    try:
        out, _ = bench.run([bench.python, path, *map(str, arguments)])
        return f"; ipyparallel {numbers(pattern, out)[0]:.4g}"
    except NotMeasured as reason:
        return f"; ipyparallel: {reason}"


def transfer(bench: Bench, what: str, reference: str, megabytes: float, rounds: int) -> None:
    """Compare one way of moving data with MPI's."""
    path = driver(bench, "transfer", TRANSFER)
    pattern = r"ms (\S+) (\S+)\n.*ratio (\S+)"
    runs = [ours(bench, 4, pattern, path, what, megabytes, rounds) for _ in range(3)]
    took, mpi, ratio = (sorted(column)[1] for column in zip(*runs, strict=True))
    note = f"; {took:.2f} ms, {reference} {mpi:.2f} ms"
    if what == "push" and has(bench, "ipyparallel"):
        note += beside(bench, r"ms (\S+)", path, what, megabytes, max(3, rounds // 10)) + " ms"
    name = f"{what} {megabytes:g} MB, 4 ranks, of {reference}'s bandwidth"
    bench.check(name, ratio, 0.8, "", note, least=True)


def apply(bench: Bench) -> None:
    """Measure calls of an empty function on all engines."""
    path = driver(bench, "apply", APPLY)
    (us,) = in_turn(3, lambda: ours(bench, 4, r"us (\S+)", path, 3000)[0])
    note = beside(bench, r"us (\S+)", path, 200)
    bench.check("apply_sync of an empty function, 4 ranks", us, 150, "µs", note)


def futures(bench: Bench, count: int, chunk: int) -> float:
    """Measure mpi4py's executor with four workers."""
    path = driver(bench, "futures", FUTURES)
    command = [bench.python, "-m", "mpi4py.futures", path, *map(str, (count, chunk, 3))]
    return numbers(r"rate (\S+)", bench.run(bench.on_ranks(5, *command))[0])[0]


def tasks(bench: Bench) -> None:
    """Measure empty tasks one by one."""
    path = driver(bench, "map", MAP)
    rate, reference = in_turn(
        3,
        lambda: ours(bench, 4, r"rate (\S+)", path, 50_000, 1, 3)[0],
        lambda: futures(bench, 20_000, 1),
    )
    note = f"; mpi4py.futures {reference:.4g}" + beside(bench, r"rate (\S+)", path, 1000, 1, 1)
    bench.check("empty tasks, chunks of 1, 4 ranks", rate, 60_000, "/s", note, least=True)


def chunks(bench: Bench) -> None:
    """Measure empty tasks in chunks."""
    path = driver(bench, "map", MAP)
    rate, reference = in_turn(
        3,
        lambda: ours(bench, 4, r"rate (\S+)", path, 500_000, 500, 5)[0],
        lambda: futures(bench, 500_000, 500),
    )
    note = ", mpi4py.futures" + beside(bench, r"rate (\S+)", path, 50_000, 500, 1)
    bench.check("empty tasks, chunks of 500, 4 ranks", rate, reference, "/s", note, least=True)


def balance(bench: Bench) -> None:
    """Measure five heavy and 22 light tasks on five ranks."""
    path = driver(bench, "balance", BALANCE)
    (took,) = in_turn(3, lambda: ours(bench, 5, r"seconds (\S+)", path)[0])
    bench.check("5 heavy and 22 light tasks, 5 ranks", took, 2.0 * 1.03, "s", ", best is 2 s")


def memory(bench: Bench) -> None:
    """Measure what results leave behind that were dropped."""
    path = driver(bench, "memory", MEMORY)
    grown = ours(bench, 4, r"grown (\S+)", path)[0]
    note = beside(bench, r"grown (\S+)", path)
    bench.check("10,000 dropped results of 10 KB leave on rank 0", grown, 2000, "KiB", note)


CHECKS: session.Checks = {
    "push": lambda bench: transfer(bench, "push", "Bcast", 8, 60),
    "scatter": lambda bench: transfer(bench, "scatter", "Scatterv", 32, 40),
    "gather": lambda bench: transfer(bench, "gather", "Gatherv", 32, 40),
    "apply": apply,
    "tasks": tasks,
    "chunks": chunks,
    "balance": balance,
    "memory": memory,
}

if __name__ == "__main__":
    sys.exit(session.main(sys.argv[1:], __doc__, CHECKS))
