"""%px and its kind in an IPython shell of rank 0."""

import re

from IPython import get_ipython
from IPython.core import error
from IPython.core.magic import Magics, no_var_expand

from mpirepl._px import Px, UsageError


class ParallelMagics(Magics):
    """The magics of a view.

    Parameters
    ----------
    shell : InteractiveShell
    view : DirectView
        On which %px runs code.
    suffix : str
        What the names of the magics end in.
    """

    registered = True

    def __init__(self, shell: object, view: object, suffix: str = ""):
        self.runner = Px(view, shell.user_ns.__setitem__)
        self.suffix = suffix
        self._run_cell = None
        lines = {
            f"px{suffix}": self.px,
            f"pxresult{suffix}": self.result,
            f"pxconfig{suffix}": self.pxconfig,
            f"autopx{suffix}": self.autopx,
        }
        if not suffix:
            lines["result"] = self.result
        self.magics = {"line": lines, "cell": {f"px{suffix}": self.cell_px}}
        super().__init__(shell=shell)

    @property
    def view(self) -> object:
        """The view on which %px runs code."""
        return self.runner.view

    @property
    def last_result(self) -> object:
        """What the last %px has come to."""
        return self.runner.last_result

    def pxconfig(self, line: str) -> None:
        """Set what %px uses by default."""
        with _as_usage_error():
            self.runner.configure(line)

    @no_var_expand
    def px(self, line: str = "") -> object:
        """Run a line of code on the engines."""
        return self.runner.run(line)

    def cell_px(self, line: str = "", cell: str = "") -> object:
        """Run a cell on the engines."""
        with _as_usage_error():
            return self.runner.run_cell(line, cell, self.shell.run_cell)

    def result(self, line: str = "") -> None:
        """Show what the last %px has come to."""
        with _as_usage_error():
            self.runner.show_result(line)

    def autopx(self, line: str = "") -> None:
        """Turn on, or off, that all cells run on the engines."""
        if self._run_cell is None:
            self._run_cell = self.shell.run_cell
            self.shell.run_cell = self._run_on_engines
            print("%autopx enabled")
        else:
            del self.shell.run_cell  # the instance's; the method of the class is back
            self._run_cell = None
            print("%autopx disabled")

    def _run_on_engines(self, raw_cell: str, *args: object, **kwargs: object) -> object:
        """Take the place of the shell's run_cell() under %autopx."""
        if re.match(r"\s*%autopx\b", raw_cell):
            return self._run_cell(raw_cell, *args, **kwargs)
        try:
            result = self.view.execute(raw_cell, silent=False, block=False)
            self.runner.last_result = result
            if self.view.block:
                result.wait()
                result.display_outputs()
                result.get()
        except Exception:
            self.shell.showtraceback()
            return False
        if kwargs.get("store_history"):
            self.shell.execution_count += 1
        return False


class _as_usage_error:
    """Context in which a misuse becomes IPython's own exception for that."""

    def __enter__(self):
        return self

    def __exit__(self, kind: object, problem: object, _: object) -> None:
        if isinstance(problem, UsageError):
            raise error.UsageError(str(problem)) from None


def activate(view: object, suffix: str) -> None:
    """Register the magics of a view with the shell.

    Raises
    ------
    RuntimeError
        There is no shell.
    """
    shell = get_ipython()
    if shell is None:
        return
    shell.register_magics(ParallelMagics(shell, view, suffix))
