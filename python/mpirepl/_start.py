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
    os._exit = _exit
    os.register_at_fork(after_in_child=_run.forget_session)
    _imports.watch()
    _sources.wait_for_linecache()


def _exit(status: int) -> None:  # what the rank has printed would be lost with it
    _mpirepl.save_output()
    _leave(status)


_leave = os._exit
_exit.__module__, _exit.__doc__ = _leave.__module__, _leave.__doc__
