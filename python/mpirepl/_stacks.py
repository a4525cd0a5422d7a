"""Where threads are in Python, in a few words."""

import ast
import contextlib
import linecache
from itertools import islice
from types import FrameType

from mpirepl import _run


def place(frame: FrameType | None) -> tuple[str, str]:
    """Tell where a thread is.

    Returns
    -------
    where : str
        Its innermost line outside of mpirepl, ``psum.py:6 in psum``; empty if there is none.
    callee : str
        The name of what that line is calling; empty if that cannot be told.
    """
    while frame is not None and _run.is_host(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return "", ""
    code = frame.f_code
    file = code.co_filename.rpartition("/")[2]
    where = f"{file}:{frame.f_lineno} in {code.co_name}"
    with contextlib.suppress(Exception):
        return where, _callee(frame)
    return where, ""


def _callee(frame: FrameType) -> str:
    """Return the name that the current instruction calls, from the source."""
    first, last, begin, end = next(
        islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None,) * 4
    )
    if None in (first, last, begin, end):
        return ""
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)[first - 1 : last]
    lines = [line.encode() for line in lines]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    call = ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    function = call.func if isinstance(call, ast.Call) else call
    return getattr(function, "attr", "") or getattr(function, "id", "")
