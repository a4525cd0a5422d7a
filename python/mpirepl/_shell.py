"""IPython on an engine, for code that needs it; loaded on first use."""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from types import TracebackType

from mpirepl import _engine, _rank_shell

# What plain Python does not do: magics, shell commands, questions, display of figures, prompts
# that have been pasted too, cells and values before.
_NEEDS = re.compile(
    r"^\s*[%!]|=\s*[%!]|\?\s*$|get_ipython|\bdisplay\b|matplotlib|pyplot"
    r"|^\s*(?:>>>|In \[\d+\]:)|\b(?:In|Out|_i+|_[io]h)\b",
    re.MULTILINE,
)
_shell = None


def is_needed(code: str) -> bool:
    """Tell whether code is for IPython; never if that is not installed."""
    if "IPython" not in sys.modules and not _NEEDS.search(code):
        return False
    return _get() is not None


def formatted(value: object) -> tuple[dict, dict]:
    """Return what a value looks like, and what belongs to that, by MIME type."""
    if "IPython" in sys.modules and (shell := _get()) is not None:
        data, metadata = shell.display_formatter.format(value)
        return _encoded(data), metadata
    looks = {"text/plain": repr(value)}
    for method, mime in _METHODS.items():
        if (look := getattr(type(value), method, None)) is not None:
            try:
                if (found := look(value)) is not None:
                    looks[mime] = found
            except Exception:
                continue
    return _encoded(looks), {}


_METHODS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_latex_": "text/latex",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
}


def _encoded(looks: dict) -> dict:
    """Return the same with pictures as text, as messages of Jupyter have them."""
    import base64

    return {
        mime: base64.b64encode(look).decode() if isinstance(look, bytes) else look
        for mime, look in looks.items()
    }


def _get() -> object:
    """Return the shell of this engine, or None."""
    global _shell
    if _shell is None:
        try:
            from IPython.core.displaypub import DisplayPublisher
            from IPython.core.interactiveshell import InteractiveShell
        except ImportError:
            return None
        _shell = _made(InteractiveShell, DisplayPublisher)
    return _shell


def _made(shell_class: type, publisher_class: type) -> object:
    class Publisher(publisher_class):
        def publish(self, data: dict, metadata: object = None, **_: object) -> None:
            _engine.publish("output", _display_data(data, metadata))

        def clear_output(self, wait: bool = False) -> None:
            pass

    class Shell(shell_class):
        def enable_gui(self, gui: object = None) -> None:
            pass

        def init_sys_modules(self) -> None:
            pass

        def showtraceback(self, *args: object, **kwargs: object) -> None:
            pass

        def showsyntaxerror(self, *args: object, **kwargs: object) -> None:
            pass

    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryAccessor.enabled = False
    module = _engine.main_module()
    with _rank_shell.keeping_names():
        shell = Shell(config=config, user_module=module, user_ns=vars(module))
    shell.display_pub = Publisher(parent=shell)
    return shell


@contextlib.contextmanager
def _in_charge(shell: object) -> Iterator[None]:
    """Make it the shell that IPython's functions find; a program on rank 0 may have its own."""
    classes = list(type(shell)._walk_mro())
    before = [kind._instance for kind in classes]
    for kind in classes:
        kind._instance = shell
    try:
        yield
    finally:
        for kind, instance in zip(classes, before, strict=True):
            kind._instance = instance


def displaying(call: Callable) -> Callable:
    """Return a function that calls another one in IPython: what it displays goes with its task."""
    shell = _get()
    if shell is None:
        return call

    def called(*args: object, **kwargs: object) -> object:
        with _in_charge(shell), shell.builtin_trap:
            return call(*args, **kwargs)

    return called


def _display_data(data: dict, metadata: object) -> dict:
    return {
        "data": _encoded(data),
        "metadata": metadata or {},
        "transient": {},
    }


def execute(code: str, silent: bool) -> dict:
    """Run code in the shell; see _execute.execute()."""
    shell = _get()
    shown: list = []
    hook = shell.displayhook

    class Hook(type(hook)):
        def __call__(self, result: object = None) -> None:
            if result is not None and not self.quiet():
                shown.append(result)

    hook.__class__ = Hook
    try:
        with _in_charge(shell):
            result = shell.run_cell(code, store_history=not silent, silent=silent)
    finally:
        hook.__class__ = Hook.__mro__[1]
    if error := result.error_before_exec or result.error_in_exec:
        raise error.with_traceback(_without_shell(error.__traceback__))
    if "matplotlib.pyplot" in sys.modules:
        _flush_figures()
    count = shell.execution_count - (0 if silent else 1)
    reply: dict = {"execution_count": count}
    if shown and not silent:
        names = vars(_engine.main_module())
        if names.get("_") is shown[-1]:
            del names["_"]  # IPython's would hide that of later cells
        _engine.keep(shown[-1])
        data, metadata = formatted(shown[-1])
        reply["execute_result"] = {"data": data, "metadata": metadata, "execution_count": count}
        _engine.publish("result", reply["execute_result"])
    return reply


def _without_shell(tb: TracebackType | None) -> TracebackType | None:
    """Drop the frames of IPython's shell, which has called the code."""
    shell = sys.modules["IPython.core.interactiveshell"].__file__
    while tb is not None and tb.tb_frame.f_code.co_filename == shell:
        tb = tb.tb_next
    return tb


def _flush_figures() -> None:
    """Display the figures that code has drawn, as inline backends do."""
    import io

    import matplotlib.pyplot as plt

    for number in plt.get_fignums():
        file = io.BytesIO()
        figure = plt.figure(number)
        figure.savefig(file, format="png", bbox_inches="tight")
        data = {"image/png": file.getvalue(), "text/plain": repr(figure)}
        _engine.publish("output", _display_data(data, None))
    plt.close("all")
