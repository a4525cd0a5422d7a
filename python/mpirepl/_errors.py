"""Tracebacks as the user should see them: without the frames of mpirepl itself."""

import contextlib
import opcode
import sys
import traceback
from types import TracebackType

from mpirepl import _run

_RAISE = bytes([opcode.opmap["RAISE_VARARGS"]])
_BROKEN = "broken off by mpirepl's guard"  # MPI's text for it, see guard.cpp
_RUNNERS = ("<frozen runpy>",)
_MAGICS = ("IPython.core.error", "mpirepl._px")  # whose UsageError says all in its line


class BrokenOffError(RuntimeError):
    """The MPI calls of a cell have failed, which has made the cell fail.

    Attributes
    ----------
    call : str
        The MPI function in which this rank was, such as ``MPI_Recv``.
    comm : str
        The name of its communicator.
    missing : tuple of int
        The ranks it was waiting for.
    waiting : tuple of int
        All ranks that were waiting.
    """

    def __init__(
        self,
        text: str = "a wait of this cell was broken off",
        call: str = "",
        comm: str = "",
        missing: tuple = (),
        waiting: tuple = (),
    ):
        super().__init__(text)
        self.call = call
        self.comm = comm
        self.missing = missing
        self.waiting = waiting


class DeadlockError(BrokenOffError):
    """Ranks waited for what could not come any more."""


class MismatchError(BrokenOffError):
    """Ranks called different collectives on one communicator."""


class AbortError(BrokenOffError):
    """A call that would have ended this process, MPI_Abort or MPI_Finalize, has ended its cell."""


_BROKEN_OFF = (DeadlockError, MismatchError, AbortError)  # BrokenCell::Why in base/broken_cell.h
for _class in (BrokenOffError, *_BROKEN_OFF):
    _class.__module__ = "mpirepl"


def broken_off(
    why: int, text: str, call: str, comm: str, missing: tuple, waiting: tuple, error: object
) -> BaseException:
    """Return the exception of a cell whose MPI calls have failed, see _run.broken_off."""
    if why == len(_BROKEN_OFF):
        broken = KeyboardInterrupt()
    else:
        broken = _BROKEN_OFF[why](text, call, comm, missing, waiting)
    if isinstance(error, KeyboardInterrupt):
        return error
    if error is not None:
        broken.__cause__ = error
        broken.__traceback__ = error.__traceback__
    return broken


def show(error: BaseException, name: str) -> None:
    """Show the traceback of `error`, raised by the cell or file called `name`."""
    tb = _without_host(_from_cell(error.__traceback__, name))
    error.__traceback__ = tb
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, tb
    sys.last_exc = error
    with contextlib.suppress(Exception):
        _run.flush()
    if sys.excepthook is not sys.__excepthook__:
        _clear_chain(error)
        try:
            sys.excepthook(type(error), error, tb)
        except SystemExit:
            raise
        except BaseException as failure:
            failure.__context__ = None
            failed = f"Error in sys.excepthook:\n{text(failure)}"
            failed += f"\n\nOriginal exception was:\n{text(error)}"
            if _BROKEN in str(failure):
                _run.hook_failure = failed  # unless there is more to say, see end_report()
            else:
                _run.emit_error(failed)
        _run.shown.append(True)
        with contextlib.suppress(Exception):
            _run.flush()
    else:
        _run.emit_error(_as_wanted(error) or text(error))


def show_broken(before: BaseException, *how: object) -> None:
    """Show what was broken off when `before` was shown.

    That is the user's sys.excepthook, or what went with the error of which it has taken the place.
    """
    error = _run.broken_off(*how, None)
    if sys.excepthook is not sys.__excepthook__:  # it may have shown nothing
        error.__context__ = before
    if before.__cause__ is not None and _says_all(before):
        before.__cause__ = None
    _run.emit(_run.ERROR, text(error))


def _as_wanted(error: BaseException) -> str | None:
    """Return an error in the user's way, if there is one and it can do that."""
    if _run.as_text is None or isinstance(error, BrokenOffError) or _is_misuse(error):
        return None
    with contextlib.suppress(Exception):
        return _run.as_text(error)


def text(error: BaseException) -> str:
    """Return the whole traceback with its chained exceptions; one line for a misused magic."""
    if _is_misuse(error):
        return f"UsageError: {error}"
    limit = getattr(sys, "tracebacklimit", None)  # of the last frames, which Python itself shows
    limit = -max(limit, 0) if isinstance(limit, int) else None
    shown = traceback.TracebackException.from_exception(error, limit=limit, compact=True)
    if shown.__cause__ is not None and _says_all(error):
        _tell_what_was_before(shown)
    _mend(shown)
    return "".join(shown.format()).rstrip("\n")


def _is_misuse(error: BaseException) -> bool:
    """Tell whether a magic was misused."""
    return type(error).__name__ == "UsageError" and type(error).__module__ in _MAGICS


def _says_all(error: BaseException) -> bool:
    """Tell whether an exception only says in other words what its cause does: that a call failed.

    What Python code has raised itself, with a statement, says more.
    """
    if not isinstance(error, (BrokenOffError, KeyboardInterrupt)):
        return False
    tb = error.__cause__ and error.__cause__.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    return tb is None or tb.tb_frame.f_code.co_code[tb.tb_lasti : tb.tb_lasti + 1] != _RAISE


def _tell_what_was_before(shown: traceback.TracebackException) -> None:
    """Show what the user's code had raised before a call failed, in place of that failure."""
    before = shown.__cause__
    shown.__cause__ = None
    while before is not None and _BROKEN in "".join(before.format_exception_only()):
        before = before.__cause__ or (None if before.__suppress_context__ else before.__context__)
    shown.__context__, shown.__suppress_context__ = before, before is None


def _from_cell(tb: TracebackType | None, name: str) -> TracebackType | None:
    """Drop the frames of what has called the cell: mpirepl, runpy, an event loop."""
    first = tb
    while first is not None:
        if first.tb_frame.f_code.co_filename == name:
            return first
        first = first.tb_next
    while tb is not None and (
        _run.is_host(tb.tb_frame.f_code.co_filename) or tb.tb_frame.f_code.co_filename in _RUNNERS
    ):
        tb = tb.tb_next
    return tb


def _without_host(tb: TracebackType | None) -> TracebackType | None:
    """Drop the frames of mpirepl between the user's: debuggers shall not show them either."""
    kept = []
    while tb is not None:
        if not _run.is_host(tb.tb_frame.f_code.co_filename):
            kept.append(tb)
        tb = tb.tb_next
    for step in reversed(kept):
        tb = TracebackType(tb, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return tb


def _clear_chain(error: BaseException) -> None:
    """Drop the frames of mpirepl from what has led to an error, for a hook that shows that."""
    seen = {id(error)}
    while (error := error.__cause__ or error.__context__) is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = _without_host(error.__traceback__)


def _mend(shown: traceback.TracebackException | None) -> None:
    """Drop the frames of mpirepl, and let the marks under a SyntaxError end with their line."""
    if shown is None:
        return
    shown.stack[:] = [frame for frame in shown.stack if not _run.is_host(frame.filename)]
    end = getattr(shown, "end_lineno", None)
    if end is not None and end != shown.lineno and shown.text:  # 3.11 takes it for the same line
        shown.end_offset = len(shown.text.rstrip("\n")) + 1
    _mend(shown.__cause__)
    _mend(shown.__context__)
    for inner in getattr(shown, "exceptions", None) or ():
        _mend(inner)
