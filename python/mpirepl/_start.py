"""What every rank does once, before it runs anything."""

import os
import sys

import _mpirepl

from mpirepl import _imports, _run, _sources

path: list[str] = []  # sys.path as all ranks know it


def start(path0: str | None) -> None:
    """Prepare this rank's interpreter.

    Parameters
    ----------
    path0 : str or None
        What comes first in sys.path, as under python; None: nothing.
    """
    if path0 is not None and not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, path0)
    path[:] = sys.path
    # Line by line, so that what Python prints keeps its place among what C and children print.
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)
    os.execv, os.execve = _replacing(os.execv), _replacing(os.execve)
    os.register_at_fork(after_in_child=_run.forget_session)
    _imports.watch()
    _sources.wait_for_linecache()


def _replacing(call: object) -> object:
    """Let the program that takes the rank's place print to where the rank would have."""
    process = os.getpid()

    def replacing(*arguments: object, **keywords: object) -> None:
        if os.getpid() != process:
            return call(*arguments, **keywords)
        _mpirepl.save_output()
        captured = [os.dup(number) for number in (1, 2)]
        for number, real in enumerate(_mpirepl.real_output(), 1):
            os.dup2(real, number)
        try:
            return call(*arguments, **keywords)
        finally:  # in vain
            for number, pipe in enumerate(captured, 1):
                os.dup2(pipe, number)
                os.close(pipe)

    replacing.__name__, replacing.__doc__ = call.__name__, call.__doc__
    return replacing
