"""What running a cell or a program takes on a rank; src/embed/runner.cpp calls it."""

import builtins
import marshal
import sys
from types import CodeType

import _mpirepl

import __main__

_, COMMAND, SCRIPT, MODULE, PATH = range(5)  # Cell::Kind in base/cell.h
VALUE, REPORT, ERROR, EXIT_STATUS, EXIT_MESSAGE = range(2, 7)  # Stream in base/block.h

# Where the frames of this package come from: it is frozen, or a developer's source tree. A frozen
# module may have a __file__ all the same.
HOST = (lambda: None).__code__.co_filename.removesuffix("._run>").removesuffix("_run.py")
_COROUTINE = 0x80  # inspect.CO_COROUTINE

initial_names = frozenset(vars(__main__))
targets = "all"  # of the current cell
in_program = False  # a program runs, no cell
timings: list[tuple[int, float]] = []  # of the current cell: rank and seconds
cell_hooks: list = []  # to be called before and after each cell of the session
on_value = None  # told of each value that a cell shows here, and of the one before it
after_error = None  # to be called when an error has been shown, while its cell still runs
_loop = None


def is_host(file: str) -> bool:
    """Tell whether a frame of this file belongs to mpirepl and not to the user."""
    return file.startswith(HOST)


def run_program(kind: int, name: str, code: bytes) -> None:
    """Run a command, script, module or path in ``__main__``; see Cell in base/cell.h."""
    global in_program
    in_program = True
    try:
        if kind == COMMAND:
            exec(*marshal.loads(code), vars(__main__))
        elif kind == SCRIPT:
            _run_script(*marshal.loads(code), name)
        elif kind == MODULE:
            _run_as_main(name, alter_argv=True)
        else:
            _run_as_main("__main__", alter_argv=False)
    finally:
        in_program = False


def take_display() -> None:
    """Show values as those of cells; called whenever the display hook is python's own."""
    sys.displayhook = display


def end(error: BaseException, name: str) -> tuple[int, bool]:
    """Show what a cell or program called `name` has raised.

    Returns
    -------
    status : int
        The exit status that it stands for.
    exited : bool
        Whether it is SystemExit.
    """
    try:
        if isinstance(error, SystemExit):
            return _exit_status(error), True
        show_error(error, name)
        if after_error is not None and isinstance(error, Exception):
            after_error()
    except BaseException as another:
        show_error(another, name)
        return 1, False
    return 130 if isinstance(error, KeyboardInterrupt) else 1, False


def broken_off(
    why: int, text: str, call: str, comm: str, missing: list, waiting: list, error: object
) -> BaseException:
    """Return what a cell has raised whose MPI calls have failed; `error` is its own exception."""
    from mpirepl import _errors

    return _errors.broken_off(why, text, call, comm, tuple(missing), tuple(waiting), error)


def note_time(seconds: float) -> None:
    """Have a time of this rank reported with the current cell."""
    timings.append((_mpirepl.rank, seconds))


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
    before = getattr(builtins, "_", None)
    builtins._ = None
    text = repr(value)
    flush()
    emit(VALUE, text)
    if on_value is not None:
        on_value(value, before)
    builtins._ = value


def emit(stream: int, text: str) -> None:
    """Write lines to one of the streams that are not descriptors."""
    _mpirepl.emit(stream, text.encode("utf-8", "backslashreplace"))


def flush() -> None:
    """Write out what Python still holds for standard output and standard error."""
    for file in (sys.stdout, sys.stderr):
        if (method := getattr(file, "flush", None)) and not getattr(file, "closed", False):
            method()


def nothing() -> None:
    """Do nothing: an exception that another thread has sent is raised here."""


def show_error(error: BaseException, name: str) -> None:
    """Show the traceback of what a cell called `name` has raised."""
    from mpirepl import _errors

    _errors.show(error, name)


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
    import contextlib  # not by every start

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
