"""Tracebacks as the user should see them: without the frames of mpirepl itself."""

import contextlib
import sys
import traceback
from types import TracebackType

from mpirepl import _run

# Where the frames of this package come from: it is frozen, or a developer's source tree.
_HOST = __file__.rpartition("/")[0] + "/" if "__file__" in globals() else "<frozen mpirepl"
_RUNNERS = ("<frozen runpy>",)


def show(error: BaseException, name: str) -> None:
    """Show the traceback of `error`, raised by the cell or file called `name`."""
    tb = _from_cell(error.__traceback__, name)
    error.__traceback__ = tb
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, tb
    sys.last_exc = error
    with contextlib.suppress(Exception):
        _run.flush()
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(error), error, tb)
        with contextlib.suppress(Exception):
            _run.flush()
    else:
        _run.emit(_run.ERROR, text(error))


def text(error: BaseException) -> str:
    """Return the whole traceback with its chained exceptions."""
    shown = traceback.TracebackException.from_exception(error, compact=True)
    _drop_host_frames(shown)
    return "".join(shown.format()).rstrip("\n")


def _is_host(file: str) -> bool:
    return file.startswith(_HOST)


def _from_cell(tb: TracebackType | None, name: str) -> TracebackType | None:
    """Drop the frames of what has called the cell: mpirepl, runpy, an event loop."""
    first = tb
    while first is not None:
        if first.tb_frame.f_code.co_filename == name:
            return first
        first = first.tb_next
    while tb is not None and (
        _is_host(tb.tb_frame.f_code.co_filename) or tb.tb_frame.f_code.co_filename in _RUNNERS
    ):
        tb = tb.tb_next
    return tb


def _drop_host_frames(shown: traceback.TracebackException | None) -> None:
    if shown is None:
        return
    shown.stack[:] = [frame for frame in shown.stack if not _is_host(frame.filename)]
    _drop_host_frames(shown.__cause__)
    _drop_host_frames(shown.__context__)
    for inner in getattr(shown, "exceptions", None) or ():
        _drop_host_frames(inner)
