"""What running a cell or a program takes on a rank; src/embed/runner.cpp calls it."""

import builtins
import marshal
import os
import sys
from types import CodeType

import _mpirepl

import __main__
from mpirepl import _sources

_, COMMAND, SCRIPT, MODULE, PATH = range(5)  # Cell::Kind in base/cell.h
VALUE, REPORT, ERROR, EXIT_STATUS, EXIT_MESSAGE = range(2, 7)  # Stream in base/block.h

# Where the frames of this package come from: it is frozen, or a developer's source tree. A frozen
# module may have a __file__ all the same.
HOST = (lambda: None).__code__.co_filename.removesuffix("._run>").removesuffix("_run.py")
_LIBRARY = os.__file__.rpartition("/")[0]
_COROUTINE = 0x80  # inspect.CO_COROUTINE

initial_names = frozenset(vars(__main__))
targets = "all"  # of the current cell
in_program = False  # a program runs, no cell
is_forked = False  # this process is a child of a rank
timings: list[tuple[int, float]] = []  # of the current cell: rank and seconds
after_cell: list = []  # empty, or what is told of each cell's end: its error or None
cell = ("", b"")  # the name and source of the current one
on_cell = None  # told of each cell that begins here: its name and source
before_cell = None  # told the same when on_cell has been
on_value = None  # told of each value that a cell shows here, of the one before it, and its text
as_text = None  # returns how an error is to be shown, or None for Python's own way
shown: list[bool] = []  # filled when the error of the current cell has been shown
hook_failure = ""  # how the user's sys.excepthook has failed, unless there is more to say of it
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


def begin_cell(name: str, source: bytes) -> None:
    """Note that a cell begins."""
    global cell
    cell = name, source
    _sources.remember(name, source)
    if on_cell is not None:
        on_cell(name, source)
    if before_cell is not None:
        before_cell(name, source)


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
        if not shown:
            show_error(error, name)
            if after_error is not None and isinstance(error, Exception):
                after_error()
    except SystemExit as exit:  # of the user's sys.excepthook
        return _exit_status(exit), True
    except KeyboardInterrupt:  # for nobody: runner.cpp calls again
        raise
    except BaseException as another:
        show_error(another, name)
        return 1, False
    return 130 if isinstance(error, KeyboardInterrupt) else 1, False


def end_report(error: BaseException, *broken: object) -> None:
    """Say what has become of the user's sys.excepthook that failed to show `error`.

    Parameters
    ----------
    error : BaseException
    *broken
        How it was broken off, as for broken_off(); nothing if it was not.
    """
    global hook_failure
    if broken:
        errors_module().show_broken(error, *broken)
    elif hook_failure:
        emit(ERROR, hook_failure)
    hook_failure = ""


def broken_off(
    why: int, text: str, call: str, comm: str, missing: list, waiting: list, error: object
) -> BaseException:
    """Return what a cell has raised whose MPI calls have failed; `error` is its own exception."""
    return errors_module().broken_off(why, text, call, comm, tuple(missing), tuple(waiting), error)


def leave_debugger() -> None:
    """Take back the handler of Ctrl-C that pdb leaves where it was told to go on."""
    import signal

    if getattr(signal.getsignal(signal.SIGINT), "__module__", "") == "pdb":
        debugger = sys.modules["pdb"].Pdb
        before = debugger._previous_sigint_handler
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
        debugger._previous_sigint_handler = None


def note_time(seconds: float) -> None:
    """Have a time of this rank reported with the current cell."""
    timings.append((_mpirepl.rank, seconds))


def execute(codes: list[CodeType], namespace: dict) -> None:
    """Run the parts of a cell; if one awaits, all as one coroutine in the session's event loop."""
    if not any(code.co_flags & _COROUTINE for code in codes):
        for code in codes:
            exec(code, namespace)
        return

    import asyncio  # not by every start
    import contextlib

    async def run() -> None:
        for code in codes:
            value = eval(code, namespace)
            if code.co_flags & _COROUTINE:
                await value

    loop = _event_loop()
    task = loop.create_task(run())
    try:
        loop.run_until_complete(task)
    except KeyboardInterrupt:  # or the rest would run in the next cell that awaits
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        raise


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
        on_value(value, before, text)
    builtins._ = value


def emit(stream: int, text: str) -> None:
    """Write lines to one of the streams that are not descriptors; in a forked child to these."""
    if is_forked:
        os.write(1 if stream == VALUE else 2, f"{text}\n".encode("utf-8", "backslashreplace"))
        return
    _mpirepl.emit(stream, text.encode("utf-8", "backslashreplace"))


def emit_error(text: str) -> None:
    """Write how an error shows, and note in `shown` that it is."""
    if is_forked:
        emit(ERROR, text)
        shown.append(True)
    else:
        _mpirepl.emit_error(text.encode("utf-8", "backslashreplace"), shown)


def leave() -> None:
    """Do at the end of a program with a client what Python does first: threads, atexit handlers."""
    import atexit
    import threading

    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException as error:
        show_error(error, "")


def let_go_of_main() -> None:
    """Leave ``__main__`` to Python, which is about to end."""
    if shell := sys.modules.get("mpirepl._rank_shell"):
        shell.end_objects()
    for name, module in list(sys.modules.items()):
        if name.startswith("mpirepl."):
            vars(module).pop("__main__", None)


def forget_session() -> None:
    """Note that this is a forked child: nobody takes more from it than what it prints."""
    global is_forked
    is_forked = True


def flush() -> None:
    """Write out what Python still holds for standard output and standard error."""
    for file in (sys.stdout, sys.stderr):
        if (method := getattr(file, "flush", None)) and not getattr(file, "closed", False):
            method()


def nothing() -> None:
    """Do nothing: an exception that another thread has sent is raised here."""


def show_error(error: BaseException, name: str) -> None:
    """Show the traceback of what a cell called `name` has raised."""
    try:
        show = errors_module().show
    except Exception:  # no descriptor is left, or a module of the user's has the name of Python's
        emit_error(_plain_traceback(error))
    else:
        show(error, name)


def errors_module() -> object:
    """Import what shows tracebacks, and Python's modules for that rather than the user's."""
    if module := sys.modules.get("mpirepl._errors"):
        return module
    held, sys.path = sys.path, [entry for entry in sys.path if entry.startswith(_LIBRARY)]
    try:
        from mpirepl import _errors
    finally:
        sys.path = held
    return _errors


def _plain_traceback(error: BaseException) -> str:
    """Return the traceback as Python itself shows it, which needs no modules."""
    import _io

    tb = error.__traceback__
    while tb is not None and is_host(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    error.__traceback__ = tb
    held, sys.stderr = sys.stderr, _io.StringIO()
    try:
        sys.__excepthook__(type(error), error, tb)
        return sys.stderr.getvalue().rstrip("\n")
    finally:
        sys.stderr = held


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
        is_long = -(1 << 63) <= exit.code < 1 << 63
        return exit.code & 0xFF if is_long else 0xFF
    emit(EXIT_MESSAGE, str(exit.code))
    return 1
