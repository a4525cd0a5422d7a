"""What every rank does once, before it runs anything."""

import sys

from mpirepl import _imports, _sources

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
    _imports.watch()
    _sources.wait_for_linecache()
