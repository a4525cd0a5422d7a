"""Find and end the processes of a transcript.

All of them carry a mark in their environment. Sessions and process groups would not do: Open
MPI's launcher gives each rank a group of its own.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "MPIREPL_TRANSCRIPT"


def marked_processes(mark: str) -> list[int]:
    """Find the processes with a mark that begins so in their environment, wherever they moved."""
    found = []
    wanted = f"\0{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in b"\0" + (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def all_gone(mark: str, seconds: float) -> bool:
    """Wait for the end of all processes of a transcript, but no longer than so many seconds."""
    deadline = time.monotonic() + seconds
    while (left := marked_processes(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not left


def kill_all(mark: str) -> None:
    """End all processes of a transcript: mpiexec gets a second to tidy up after itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in marked_processes(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if all_gone(mark, 1):
            return
