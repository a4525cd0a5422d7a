"""Run one cell, script, command or module on this rank and say how it ended."""

import builtins
import contextlib
import marshal
import sys
import time
from types import CodeType

import _mpirepl

import __main__

CELL, COMMAND, SCRIPT, MODULE, PATH = range(5)  # Cell::Kind in base/cell.h
VALUE, REPORT, ERROR, EXIT_STATUS, EXIT_MESSAGE = range(2, 7)  # Stream in base/block.h

_COROUTINE = 0x80  # inspect.CO_COROUTINE

initial_names = frozenset(vars(__main__))
targets = "all"  # of the current cell
timings: list[tuple[int, float]] = []  # of the current cell: rank and seconds
_loop = None


def run(
    kind: int,
    targets_of_cell: str,
    name: str,
    code: bytes,
    source: bytes,
    timed: bool,
) -> tuple[int, bool, list[tuple[int, float]]]:
    """Run a cell in ``__main__``; the parameters are the fields of Cell in base/cell.h.

    Returns
    -------
    status : int
        The exit status that the cell stands for.
    exited : bool
        Whether it raised SystemExit.
    timings : list of (rank, seconds)
    """
    global targets
    targets = targets_of_cell
    timings.clear()
    status, exited = 0, False
    begin = time.perf_counter()
    try:
        if kind == CELL:
            remember_source(name, source)
            _run_cell(marshal.loads(code))
        elif kind == COMMAND:
            exec(*marshal.loads(code), vars(__main__))
        elif kind == SCRIPT:
            _run_script(*marshal.loads(code), name)
        elif kind == MODULE:
            _run_as_main(name, alter_argv=True)
        else:
            _run_as_main("__main__", alter_argv=False)
        flush()
    except SystemExit as exit:
        status, exited = _exit_status(exit), True
    except BaseException as error:
        status = 130 if isinstance(error, KeyboardInterrupt) else 1
        show_error(error, name)
    if timed:
        timings.append((_mpirepl.rank, time.perf_counter() - begin))
    return status, exited, timings


def remember_source(name: str, source: bytes) -> None:
    """Let tracebacks and inspect.getsource find the lines of a cell."""
    import linecache

    if name in linecache.cache:
        return
    text = source.decode("utf-8", "replace")
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)


def execute(code: CodeType, namespace: dict) -> None:
    """Run code; with top-level await, in the event loop of the session."""
    if code.co_flags & _COROUTINE:
        _event_loop().run_until_complete(eval(code, namespace))
    else:
        exec(code, namespace)


def display(value: object) -> None:
    """Show a value of a cell, as sys.displayhook."""
    if value is None:
        return
    builtins._ = None
    text = repr(value)
    flush()
    emit(VALUE, text)
    builtins._ = value


def emit(stream: int, text: str) -> None:
    """Write lines to one of the streams that are not descriptors."""
    _mpirepl.emit(stream, text.encode("utf-8", "backslashreplace"))


def flush() -> None:
    """Write out what Python still holds for standard output and standard error."""
    for file in (sys.stdout, sys.stderr):
        if (method := getattr(file, "flush", None)) and not getattr(file, "closed", False):
            method()


def show_error(error: BaseException, name: str) -> None:
    """Show the traceback of what a cell called `name` has raised."""
    from mpirepl import _errors

    _errors.show(error, name)


def _run_cell(codes: list[CodeType]) -> None:
    if sys.displayhook is sys.__displayhook__:
        sys.displayhook = display
    for code in codes:
        execute(code, vars(__main__))


def _run_script(code: CodeType, file: str) -> None:
    from importlib.machinery import SourceFileLoader

    __main__.__file__ = file
    __main__.__cached__ = None
    __main__.__loader__ = SourceFileLoader("__main__", file)
    exec(code, vars(__main__))


def _run_as_main(name: str, alter_argv: bool) -> None:
    import runpy

    runpy._run_module_as_main(name, alter_argv)


def _event_loop():
    global _loop
    if _loop is None or _loop.is_closed():
        import asyncio

        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop


def _exit_status(exit: SystemExit) -> int:
    with contextlib.suppress(OSError):
        flush()
    if exit.code is None:
        emit(EXIT_STATUS, "0")
        return 0
    if isinstance(exit.code, int):
        emit(EXIT_STATUS, str(exit.code))
        return exit.code & 0xFF
    emit(EXIT_MESSAGE, str(exit.code))
    return 1
