"""An interactive Python session on every MPI rank, seen from inside.

Attributes
----------
rank, size : int
    This process's number in MPI.COMM_WORLD, and how many there are.
targets : tuple of int
    The ranks that run the current cell, ascending.
version : str
    The version of mpirepl.
DeadlockError, MismatchError, AbortError : class
    What a cell ends with whose MPI calls were broken off.
"""

import _mpirepl
from _mpirepl import rank, size, version

__all__ = [
    "AbortError",
    "DeadlockError",
    "MismatchError",
    "rank",
    "size",
    "targets",
    "version",
]


def __getattr__(name: str) -> object:
    if name == "targets":
        from mpirepl import _run

        return _mpirepl.ranks(_run.targets)
    if name in ("DeadlockError", "MismatchError", "AbortError"):
        from mpirepl import _errors

        return getattr(_errors, name)
    raise AttributeError(f"module 'mpirepl' has no attribute {name!r}")


def _magic(name: str, argument: str) -> object:
    """Run a magic of a longer cell on this rank; cells are rewritten to call it."""
    from mpirepl import _magics

    return _magics.run(name, argument)
