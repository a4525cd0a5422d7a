"""IPython on a rank, for cells that use one of its magics; loaded when the first one does."""

import contextlib
import json
import re
import sys
import types
from collections.abc import Iterator

import _mpirepl

from mpirepl import _past, _run
from mpirepl._run import __main__  # the session's, also when a task is the first to import this

configuration = "{}"  # what the user has configured on rank 0, as JSON
_shell = None
_result = None  # of the current cell, an ExecutionResult
_mode = ""  # of its tracebacks, unless %xmode has said otherwise


def configure(as_json: str) -> None:
    """Follow what the user has configured on rank 0, at once if that names extensions."""
    global configuration
    configuration = as_json
    if _mpirepl.rank != 0:
        _past.begin(json.loads(as_json)["RankShell"]["cache_size"])
    if _extensions():
        get()


def get() -> object:
    """Return this rank's shell, as get_ipython(); it works in the session's own namespace."""
    return _shell if _shell is not None else _make()


class CellTracebacks:
    """A part of a shell: it knows that nothing of its own stands above a cell."""

    def showtraceback(
        self, *args: object, running_compiled_code: bool = False, **options: object
    ) -> None:
        """Show an error, with all its frames unless the shell itself has run the code."""
        options.setdefault("tb_offset", 1 if running_compiled_code else 0)
        super().showtraceback(*args, running_compiled_code=running_compiled_code, **options)


def use(shell: object) -> None:
    """Make this the rank's shell: it hears of each cell."""
    global _shell, _mode
    _shell = shell
    _past.on_number = count
    _past.on_value = note_value
    count(_past.current or 1)
    _begin_result(*_run.cell)
    _shell.last_execution_result = _result  # magics ask for it
    _run.before_cell = before_cell
    _run.after_cell[:] = [after_cell]
    _run.after_error = debug_if_wanted
    _mode = _shell.InteractiveTB.mode
    _run.as_text = as_text


def end_objects() -> None:
    """Let go of the session's objects, when Python is about to end.

    IPython holds ``__main__``, whose names Python would therefore set to None, one after the other:
    what an object's destructor uses has to go after it.
    """
    if _shell is None:
        return
    _past.forget_values()
    _begin_result("", b"")
    _shell.last_execution_result = _result
    used = types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type
    for name, value in list(vars(__main__).items()):
        if not name.startswith("__") and not isinstance(value, used):
            del vars(__main__)[name], value


@contextlib.contextmanager
def keeping_names() -> Iterator[None]:
    """Let a new shell bring its names, but none in place of Python's or another shell's."""
    names = vars(__main__)
    before = dict(names)
    try:
        yield
    finally:
        for name in ("_", "__", "___", "exit", "get_ipython", "quit"):
            names.pop(name, None)
        names.update(before)
        _run.initial_names |= names.keys() - before.keys()


def count(number: int) -> None:
    """Give the shell the number of the current cell."""
    _shell.execution_count = number


def before_cell(name: str, source: bytes) -> None:
    """Tell what is registered for it that a cell begins (autoreload, for example)."""
    _shell.InteractiveTB.pdb = None  # the debugger that Ctrl-C has ended would stop nowhere
    _begin_result(name, source)
    _shell.events.trigger("pre_execute")
    if not _result.info.silent:
        _shell.events.trigger("pre_run_cell", _result.info)


def _begin_result(name: str, source: bytes) -> None:
    global _result
    from IPython.core.interactiveshell import ExecutionResult

    text = source.decode("utf-8", "replace").rstrip("\n")
    _result = ExecutionResult(info(text, silent=_run.is_host(name)))
    _result.execution_count = _shell.execution_count


def note_value(value: object) -> None:
    """Note a value that the current cell has shown."""
    _result.result = value


def after_cell(error: BaseException | None) -> None:
    """Tell that it has ended, and what it has raised."""
    _result.error_in_exec = error
    _shell.last_execution_result = _result
    _shell.last_execution_succeeded = _result.success
    _shell.events.trigger("post_execute")
    if not _result.info.silent:
        _shell.events.trigger("post_run_cell", _result)


def debug_if_wanted() -> None:
    """Look into the error of a cell after %pdb."""
    if _shell.call_pdb:
        from mpirepl import _magics

        _magics.debug_at_once()


def as_text(error: BaseException) -> str | None:
    """Return an error as %xmode wants to see it; None if that has not been given."""
    tracebacks = _shell.InteractiveTB
    if tracebacks.mode == _mode:
        return None
    lines = tracebacks.structured_traceback(type(error), error, error.__traceback__, tb_offset=0)
    return re.sub(r"\x1b\[[\d;]*m", "", tracebacks.stb2text(lines)).strip("\n")


def info(raw_cell: str = "", silent: bool = False) -> object:
    """Return what IPython says of a cell that it runs."""
    import inspect

    from IPython.core.interactiveshell import ExecutionInfo

    names = inspect.signature(ExecutionInfo).parameters  # there are more in later versions
    given = {"raw_cell": raw_cell, "store_history": not silent, "silent": silent}
    given["shell_futures"] = True
    return ExecutionInfo(**{name: given.get(name) for name in names})


def _make() -> object:
    try:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config
    except ImportError as error:
        raise ImportError(
            f"this magic is IPython's, which this rank's Python does not have: {error}"
        ) from None
    except KeyboardInterrupt:
        for name in [name for name in sys.modules if name.partition(".")[0] == "IPython"]:
            del sys.modules[name]  # half of it cannot be imported a second time
        raise

    class RankShell(CellTracebacks, InteractiveShell):
        system = InteractiveShell.system_raw  # into the pipe, as on rank 0, not a terminal

        def enable_gui(self, gui: str | None = None) -> None:
            """Do without its events: this rank waits for cells, not for a window."""

        def _atexit_once(self) -> None:
            """Leave the names to Python, which ends with them what they hold."""

    config = Config(json.loads(configuration))
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    hook = sys.excepthook
    with keeping_names():
        use(RankShell.instance(user_module=__main__, config=config))
    names = vars(__main__)
    _shell.user_ns_hidden.update({name: names.get(name) for name in _run.initial_names})
    _shell.run_line_magic("load_ext", "storemagic")  # the terminal's shell has it, too
    for extension in _extensions():
        _load(extension)
    sys.excepthook = hook
    return _shell


def _extensions() -> list[str]:
    return json.loads(configuration).get("RankShell", {}).get("extensions", [])


def _load(extension: str) -> None:
    """Load an extension; the others, and the session, can do without it if that fails."""
    try:
        _shell.extension_manager.load_extension(extension)
    except Exception as error:
        print(f"mpirepl: IPython's extension {extension} fails: {error!r}", file=sys.stderr)
