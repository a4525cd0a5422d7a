"""The exceptions of views, under the names that ipyparallel gives them."""

import builtins
import sys


def as_failure(problem: Exception) -> Exception:
    """Note that an exception is what a task has failed with, and not what it has returned."""
    vars(problem)["_failure"] = id(problem)  # which a copy that has travelled has not
    return problem


def is_failure(outcome: object) -> bool:
    """Tell whether a task has failed with this."""
    return isinstance(outcome, Exception) and vars(outcome).get("_failure") == id(outcome)


def failures(outcomes: list) -> list[Exception]:
    """Return what tasks have failed with, of what they have come to."""
    return [outcome for outcome in outcomes if is_failure(outcome)]


class IPythonError(Exception):
    """What all of these are."""


class KernelError(IPythonError):
    """An engine could not do what it was asked."""


class EngineError(KernelError):
    """An engine has gone."""


class NoEnginesRegistered(KernelError):
    """There are no engines."""


class TaskAborted(KernelError):
    """A task was aborted before it began."""


class TaskTimeout(KernelError):
    """A task has not begun in time."""


TimeoutError = builtins.TimeoutError


class UnmetDependency(KernelError):
    """A task cannot run on this engine."""


class ImpossibleDependency(UnmetDependency):
    """A task cannot run on any engine."""


class DependencyTimeout(ImpossibleDependency):
    """What a task depends on has not ended in time."""


class InvalidDependency(ImpossibleDependency):
    """A task depends on one that does not exist."""


class RemoteError(KernelError):
    """A task has raised an exception.

    Attributes
    ----------
    ename, evalue : str
        The name of the exception and its text.
    traceback : str
        As it was on the engine.
    engine_info : dict
        engine_id, engine_uuid and method.
    """

    def __init__(self, ename: str, evalue: str, traceback: str, engine_info: dict | None = None):
        super().__init__(ename, evalue, traceback)
        self.ename = ename
        self.evalue = evalue
        self.traceback = traceback
        self.engine_info = engine_info or {}
        self.args = (ename, evalue)

    def __repr__(self) -> str:
        engine = self.engine_info.get("engine_id", " ")
        return f"<{type(self).__name__}[{engine}]:{self.ename}({self.evalue})>"

    def __str__(self) -> str:
        label = self._place()
        return f"{f'[{label}] ' if label else ''}{self.ename}: {self.evalue}"

    def _place(self) -> str:
        if not self.engine_info:
            return ""
        return f"{self.engine_info.get('engine_id', '?')}:{self.engine_info.get('method', '')}"

    def render_traceback(self) -> list[str]:
        """Return the lines of the traceback, with the engine's number in front."""
        return [f"[{self._place()}]", *self._lines()]

    def _lines(self) -> list[str]:
        text = self.traceback
        lines = text.splitlines() if isinstance(text, str) else list(text or ())
        return lines or [f"{self.ename}: {self.evalue}"]

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of the traceback of this process."""
        return self.render_traceback()

    def print_traceback(self, excid: int | None = None) -> None:
        """Print the traceback."""
        print("\n".join(self.render_traceback()))

    def raise_exception(self, excid: int | None = None) -> None:
        """Raise this."""
        raise self


class TaskRejectError(KernelError):
    """A task was sent to an engine that does not take it."""


class CompositeError(RemoteError):
    """Several tasks have raised exceptions.

    Attributes
    ----------
    elist : list of tuple
        (ename, evalue, traceback, engine_info) of each; these attributes of its own are None.
    args : tuple of str
        The names of the exceptions.
    tb_limit : int
        The number of tracebacks that are shown.
    """

    tb_limit = 4

    def __init__(self, msg: str, elist: list[tuple] | None = None):
        elist = [] if elist is None else elist
        Exception.__init__(self, *(failure[0] for failure in elist))
        self.msg = msg
        self.elist = elist
        self.ename = self.evalue = self.traceback = self.engine_info = None

    def __reduce__(self) -> tuple:
        return type(self), (self.msg, self.elist)

    def _get_engine_str(self, engine_info: dict | None) -> str:
        if not engine_info:
            return "[Engine Exception]"
        return f"[{engine_info.get('engine_id', '?')}:{engine_info.get('method', '')}]"

    def __str__(self) -> str:
        lines = [self.msg]
        for ename, evalue, _, info in self.elist[: self.tb_limit]:
            lines.append(f"{self._get_engine_str(info)}{ename}: {evalue}")
        return "\n".join(lines + self._rest("...."))

    def __repr__(self) -> str:
        return f"CompositeError({len(self.elist)})"

    def _rest(self, dots: str = "...") -> list[str]:
        more = len(self.elist) - self.tb_limit
        if more <= 0:
            return []
        return [f"{dots} {more} more exceptions ..."]

    def render_traceback(self, excid: int | None = None) -> list[str]:
        """Return the lines of one traceback, or of the first ones and how many are left out."""
        if excid is not None:
            return self._one(excid)
        lines = []
        for i in range(min(len(self.elist), self.tb_limit)):
            lines += [*self._one(i), ""]
        return lines + self._rest()

    def _one(self, excid: int) -> list[str]:
        try:
            ename, evalue, text, info = self.elist[excid]
        except IndexError:
            raise IndexError(f"an exception with index {excid} does not exist") from None
        lines = text.splitlines() if isinstance(text, str) else list(text or ())
        return [f"{self._get_engine_str(info)}:", *(lines or [f"{ename}: {evalue}"])]

    def print_traceback(self, excid: int | None = None) -> None:
        """Print one traceback, or the first ones."""
        print("\n".join(self.render_traceback(excid)))

    def raise_exception(self, excid: int = 0) -> None:
        """Raise one of the exceptions."""
        try:
            fields = self.elist[excid]
        except IndexError:
            raise IndexError(f"an exception with index {excid} does not exist") from None
        raise RemoteError(*fields)


class AlreadyDisplayedError(RemoteError):
    """Stands for errors that were shown as they came.

    Attributes
    ----------
    original_error : RemoteError
    """

    def __init__(self, original_error: RemoteError):
        self.original_error = original_error
        Exception.__init__(self, original_error)
        self.args = (original_error,)
        self.ename = original_error.ename
        self.evalue = original_error.evalue
        self.traceback = ""
        self.engine_info = original_error.engine_info

    def __repr__(self) -> str:
        return f"<AlreadyDisplayedError: {self.original_error!r}>"

    def __str__(self) -> str:
        errors = getattr(self.original_error, "elist", [None])
        return f"{len(errors)} error{'s' if len(errors) > 1 else ''}"

    def render_traceback(self) -> list[str]:
        """Return one line, since the tracebacks have been shown."""
        return [str(self)]


def as_one(errors: list[Exception], method: str, single: bool) -> Exception:
    """Return what is raised for tasks that have failed: of a single one, its own exception."""
    return errors[0] if single else collect_exceptions(errors, method)


def collect_exceptions(errors: list[Exception], method: str = "unspecified") -> CompositeError:
    """Return one exception for several.

    Parameters
    ----------
    errors : list
        What tasks have raised, and perhaps values of those that have not.
    method : str
        What they were asked to do.
    """
    elist = []
    for error in errors:
        if isinstance(error, CompositeError):
            elist += error.elist
        elif isinstance(error, RemoteError):
            elist.append((error.ename, error.evalue, error.traceback, error.engine_info))
        elif isinstance(error, Exception):
            elist.append((type(error).__name__, str(error), "", {}))
    return CompositeError(f"one or more exceptions raised in: {method}", elist)


def wrap_exception(engine_info: dict | None = None) -> dict:
    """Return the exception that is being handled as the content of a message."""
    import traceback

    kind, value, _ = sys.exc_info()
    return {
        "status": "error",
        "traceback": traceback.format_exc().splitlines(),
        "ename": kind.__name__,
        "evalue": str(value),
        "engine_info": engine_info or {},
    }


def unwrap_exception(content: dict) -> RemoteError:
    """Return the exception that a message stands for."""
    return RemoteError(
        content["ename"],
        content["evalue"],
        "\n".join(content.get("traceback", ())),
        content.get("engine_info") or {},
    )


def _named(kind: type, text: str) -> type:
    """Return a class of errors that come from no task's own code, but are named as if they did."""

    def __init__(self, engine_info: dict | None = None):
        RemoteError.__init__(self, kind.__name__, text, "", engine_info)

    return type(kind.__name__, (RemoteError, kind), {"__init__": __init__, "__module__": __name__})


# By TaskEnd::Status in base/task.h:
BY_STATUS = {
    2: _named(TaskAborted, "the task was aborted before it began"),
    4: _named(TaskTimeout, "the task has not begun in time"),
    5: _named(InvalidDependency, "the task depends on one that does not exist"),
    6: _named(ImpossibleDependency, "no engine can run the task"),
}
