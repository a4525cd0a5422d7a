#!/usr/bin/env python3
"""Test that the guard leaves alone what is slow: two ranks with a slow link between them.

slow_link.py --program MPIREPL --mpiexec MPIEXEC [--seconds 20]

The link is the loopback of a network namespace with a token-bucket queue on it. All transfers
together take about so many seconds; the variable MPIREPL_SLOW_LINK_SECONDS says how many, too. Each
takes several times the grace, while both ranks wait, and none may be broken off. A deadlock on the
same link must be. Where no such namespace can be made the test is left out: status 77.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

LEFT_OUT = 77
RATE = 1_000_000  # bytes per second
BURST = 16_000  # of packets of up to MTU bytes
MTU = 1500
GRACE = 1.0
INSIDE = "--inside"

CELLS = """\
import time
import numpy as np
from mpi4py import MPI
comm = MPI.COMM_WORLD
rank, other = comm.rank, 1 - comm.rank
half = {half}
large = np.zeros(2 * half, np.uint8)
small = np.zeros(8, np.uint8)
def run(transfer):
    comm.Barrier()
    begin = time.time()
    large[:] = rank + 1
    transfer()
    name, seconds = transfer.__name__, time.time() - begin
    print("took", name, round(comm.allreduce(seconds, MPI.MAX), 2), flush=True)

def send():
    comm.Send(large, 1) if rank == 0 else comm.Recv(large, 0)
    assert large.min() == large.max() == 1

def requests():
    MPI.Request.Waitall([comm.Irecv(large[:half], other), comm.Isend(large[half:], other)])
    assert large[:half].min() == large[:half].max() == other + 1

def sendrecv():
    comm.Sendrecv(large[half:], other, recvbuf=large[:half], source=other)
    assert large[:half].min() == large[:half].max() == other + 1

def bcast():
    comm.Bcast(large, 1)
    assert large.min() == large.max() == 2

def small_behind_large():
    first = comm.Isend(large, 1, 1) if rank == 0 else comm.Irecv(large, 0, 1)
    comm.Send(small, 1, 2) if rank == 0 else comm.Recv(small, 0, 2)
    first.Wait()

def arrival_behind_large():
    first = comm.Isend(large, 1) if rank == 0 else comm.Irecv(large, 0)
    comm.Barrier()
    first.Wait()

run(send)
run(requests)
run(sendrecv)
run(bcast)
run(small_behind_large)
run(arrival_behind_large)
print("deadlock", flush=True)
begin = time.time()
comm.Recv(small, other, 3)
ended = comm.allreduce(time.time() - begin, MPI.MAX)
print("broken off", round(ended, 2), flush=True)
"""
TRANSFERS = ["send", "requests", "sendrecv", "bcast", "small_behind_large", "arrival_behind_large"]
ENVIRONMENT = {
    # Messages by TCP and over this link only; the launcher has no other, either.
    "OMPI_MCA_pml": "ob1",
    "OMPI_MCA_btl": "self,tcp",
    "OMPI_MCA_btl_tcp_if_include": "lo",
    "OMPI_MCA_oob_tcp_if_include": "lo",
    "PRTE_MCA_prte_if_include": "lo",
    "PMIX_MCA_ptl_tcp_if_include": "lo",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",  # in a namespace of users one is root
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--mpiexec", required=True)
    seconds = os.environ.get("MPIREPL_SLOW_LINK_SECONDS", "20")
    parser.add_argument("--seconds", type=float, default=float(seconds))
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def in_namespace() -> list[str]:
    """Return the beginning of a command that runs another in a network of its own."""
    for command in (["unshare", "--net"], ["unshare", "--net", "--map-root-user"]):
        tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return command
    raise OSError(tried.stderr.strip())


def make_link() -> None:
    """Bring up the loopback, slow."""
    queue = f"root tbf rate {RATE}bps burst {BURST} latency 200ms"
    for command in (f"ip link set lo mtu {MTU} up", f"tc qdisc add dev lo {queue}"):
        subprocess.run(command.split(), check=True)


def leave_out(reason: object) -> int:
    """Say why there is no slow link."""
    print(f"left out: a slow link cannot be made here: {reason}")
    return LEFT_OUT


def run_session(options: argparse.Namespace) -> tuple[str, int]:
    """Return what the session has printed, and its status."""
    half = int(options.seconds / len(TRANSFERS) * RATE / 2)
    command = [options.mpiexec, "-n", "2", options.program, "--keep-going", "--fold=on"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | ENVIRONMENT,
    ) as process:
        try:
            text, _ = process.communicate(CELLS.format(half=half), 120 + 5 * options.seconds)
        except subprocess.TimeoutExpired:
            process.terminate()  # not kill(): mpiexec is to end its ranks
            text = process.communicate()[0] + "\n(no end)"
    return text, process.returncode


def faults(text: str, status: int) -> list[str]:
    """Return what is wrong with a session."""
    before, _, after = text.partition("[stdout:0-1] deadlock\n")
    found = []
    for name in TRANSFERS:
        took = re.search(rf"took {name} (\S+)", before)
        if not took:
            found.append(f"{name} has not ended well")
        elif float(took[1]) < 2 * GRACE:
            found.append(f"{name} took {took[1]} s, so it says nothing about the grace")
    if "Error" in before:
        found.append("something was broken off that was only slow")
    if "DeadlockError: ranks 0-1 wait for each other" not in after:
        found.append("a deadlock was not found")
    ended = re.search(r"broken off (\S+)", after)
    if not ended:
        found.append("the session did not go on after it")
    elif float(ended[1]) > 10 * GRACE:
        found.append(f"it was found after {ended[1]} s only")
    if status != 1:
        found.append(f"the exit status was {status}, not that of a failed cell")
    return found


def main() -> int:
    """Run the test; return its status."""
    options = parse()
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where ip and tc may be
    if not options.inside:
        try:
            command = [*in_namespace(), sys.executable, __file__, *sys.argv[1:], INSIDE]
            return subprocess.run(command, check=False).returncode
        except OSError as error:
            return leave_out(error)
    try:
        make_link()
    except (OSError, subprocess.CalledProcessError) as error:
        return leave_out(error)
    text, status = run_session(options)
    print(text)
    found = faults(text, status)
    for fault in found:
        print("FAULT:", fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
