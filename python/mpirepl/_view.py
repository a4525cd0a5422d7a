"""What all views have in common."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from mpirepl import _engine, serialize
from mpirepl._async_result import AsyncResult
from mpirepl._map_result import AsyncMapResult
from mpirepl._task_book import Submission, add_run


def packed(function: object, args: tuple, kwargs: dict) -> tuple[bytes, bytes, list]:
    """Return function, argument and buffers of a task, as _engine.run() takes them."""
    name = getattr(function, "__name__", "the function")
    code, buffers = serialize.dumps(function, name)
    if buffers:
        argument, buffers = serialize.dumps((function, args, kwargs), f"the call of {name}")
        return _engine.WHOLE, argument, buffers
    try:
        argument, buffers = serialize.dumps_arguments(args, kwargs)
    except TypeError:
        _explain_arguments(args, kwargs)
        raise
    return _engine.CALL + code, argument, buffers


def _explain_arguments(args: tuple, kwargs: dict) -> None:
    """Raise what says which of the arguments cannot be sent."""
    for i, value in enumerate(args):
        serialize.dumps([value][0], f"argument {i}")
    for name, value in kwargs.items():
        serialize.dumps(value, f"argument {name}")


@contextmanager
def naming_items(items: Iterable, what: str) -> Iterator[None]:
    """Have an error of pickling name the item that is to blame, of all that is cut into parts."""
    try:
        yield
        return
    except TypeError as error:
        problem = error
    for i, item in enumerate(items):
        serialize.dumps(item, f"{what}[{i}]")
    raise problem


def name_of(function: object) -> str:
    """Return what a function is called in results."""
    return getattr(function, "__name__", None) or type(function).__name__


def call_on(view: "View", function: Callable, args: tuple, fname: str) -> AsyncResult:
    """Have all engines of a direct view call a function, without waiting."""
    return view._call(function, args, {}, False, view._ranks(), fname)


def call_each(f: Callable, items: list[tuple]) -> list:
    """Call a function with each of some arguments, on an engine."""
    return [f(*item) for item in items]


_KINDS = {"block": (bool,), "track": (bool,), "retries": (int,), "timeout": (float, int)}


class View:
    """What all views have.

    Attributes
    ----------
    block : bool
        Whether requests wait for their result and return it.
    track : bool
        Taken for compatibility; memory is kept until it has been sent in any case.
    targets : int, list of int, "all" or None
    label : str
        What requests are called in their metadata.
    """

    _flag_names = ("targets", "block", "track", "label")

    def __init__(self, client: object, targets: object = None, **flags: object):
        self.client = client
        self.targets = targets
        self.block = client.block
        self.track = False
        self.label = None
        self._ranges: list[list[int]] = []  # of its tasks: the first, and how many
        self.set_flags(**flags)

    def __setattr__(self, name: str, value: object) -> None:
        kinds = _KINDS.get(name)
        if kinds is not None and value is not None and not isinstance(value, kinds):
            raise TypeError(f"{name} of a view is {kinds[0].__name__}, not {value!r}")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        return len(self._ranks())

    def __repr__(self) -> str:
        shown = str(self.targets)
        if len(shown) > 16:
            shown = shown[:12] + "...]"
        return f"<{type(self).__name__} {shown}>"

    def _ranks(self, targets: object = None) -> list[int]:
        if targets is not None:
            return self.client._chosen(targets)[0]
        return self.client._targets(self.targets)

    def set_flags(self, **flags: object) -> "View":
        """Set attributes, and return the view."""
        for name, value in flags.items():
            if name not in self._flag_names:
                raise KeyError(f"Invalid name: {name!r}")
            setattr(self, name, value)
        return self

    @contextmanager
    def temp_flags(self, **flags: object) -> Iterator["View"]:
        """Set attributes for the requests inside a ``with``."""
        before = {name: getattr(self, name) for name in self._flag_names}
        self.set_flags(**flags)
        try:
            yield self
        finally:
            for name, value in before.items():
                setattr(self, name, value)

    def _finish(self, result: AsyncResult, block: bool | None) -> object:
        """Take note of a result that is the user's; return it, or what it has come to."""
        self.client._own(result)
        self._note(result._ids)
        return result.get() if self._blocks(block) else result

    def _blocks(self, block: bool | None) -> bool:
        return self.block if block is None else block

    def _note(self, ids: Sequence[int]) -> None:
        if ids:
            add_run(self._ranges, ids[0], len(ids))

    def _submission(
        self, method: str, code: str | None = None, label: str | None = None
    ) -> Submission:
        return Submission(method, self.label if label is None else label, code)

    @property
    def history(self) -> list[str]:
        """The names of this view's tasks."""
        return [self.client._name(first + i) for first, n in self._ranges for i in range(n)]

    @property
    def outstanding(self) -> set[str]:
        """The names of this view's tasks that have not ended."""
        return self.client.outstanding.intersection(self.history)

    @property
    def results(self) -> dict:
        """The results of the client."""
        return self.client.results

    @property
    def metadata(self) -> dict:
        """The metadata of the client."""
        return self.client.metadata

    # Requests that differ only in whether they wait

    def apply(self, f: Callable, /, *args: object, **kwargs: object) -> object:
        """Call a function on the engines."""
        return self._really_apply(f, args, kwargs)

    def apply_async(self, f: Callable, /, *args: object, **kwargs: object) -> AsyncResult:
        """Call a function on the engines, and return at once."""
        return self._really_apply(f, args, kwargs, block=False)

    def apply_sync(self, f: Callable, /, *args: object, **kwargs: object) -> object:
        """Call a function on the engines, and return what it returns there."""
        return self._really_apply(f, args, kwargs, block=True)

    def map_async(self, f: Callable, *sequences: Iterable, **options: object) -> AsyncMapResult:
        """Map a function over sequences, and return at once."""
        return self.map(f, *sequences, block=False, **options)

    def map_sync(self, f: Callable, *sequences: Iterable, **options: object) -> list:
        """Map a function over sequences, and return the list of results."""
        return self.map(f, *sequences, block=True, **options)

    def imap(self, f: Callable, *sequences: Iterable, **options: object) -> Iterator:
        """Map a function over sequences, and iterate over the results as they come."""
        return iter(self.map_async(f, *sequences, **options))

    def remote(self, block: bool | None = None, **flags: object) -> Callable:
        """Return a decorator: calls of the function run on the engines."""
        from mpirepl.remotefunction import remote

        return remote(self, self._blocks(block), **flags)

    def parallel(self, dist: str = "b", block: bool | None = None, **flags: object) -> Callable:
        """Return a decorator: calls of the function are spread over sequences."""
        from mpirepl.remotefunction import parallel

        return parallel(self, dist, self._blocks(block), **flags)

    @cached_property
    def executor(self) -> object:
        """The view as a concurrent.futures.Executor."""
        from mpirepl.executor import ViewExecutor

        return ViewExecutor(self)

    # The client's, for convenience

    def wait(self, jobs: object = None, timeout: float = -1) -> bool:
        """Wait for tasks, by default those of this view."""
        return self.client.wait(self.outstanding if jobs is None else jobs, timeout)

    def wait_interactive(self, jobs: object = None, **options: object) -> bool:
        """Wait with a progress bar."""
        return self.client.wait_interactive(
            list(self.outstanding) if jobs is None else jobs, **options
        )

    def abort(self, jobs: object = None, targets: object = None, block: bool | None = None) -> None:
        """Drop tasks that have not begun."""
        return self.client.abort(list(self.outstanding) if jobs is None else jobs)

    def get_result(self, indices_or_msg_ids: object = None, **options: object) -> AsyncResult:
        """Return the result of a task, by name or by its number in this view's history."""
        jobs = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        if isinstance(jobs, (int, slice)):
            jobs = self.history[jobs]
        elif isinstance(jobs, (list, tuple)):
            jobs = [self.history[job] if isinstance(job, int) else job for job in jobs]
        return self.client.get_result(jobs, **options)

    def queue_status(self, targets: object = None, verbose: bool = False) -> dict:
        """Return how many tasks wait and have ended, by engine."""
        loads = self.client.queue_status(verbose=verbose)
        chosen = self._ranks(targets)
        if isinstance(self.targets if targets is None else targets, int):
            return loads[chosen[0]]
        return {key: value for key, value in loads.items() if key in chosen or key == "unassigned"}

    def purge_results(self, jobs: object = None, targets: object = None) -> None:
        """Forget results that have come."""
        self.client.purge_results(jobs, targets)

    def shutdown(self, targets: object = None, **options: object) -> None:
        """Close the client."""
        self.client.shutdown("all" if targets is None else targets, **options)

    def spin(self) -> None:
        """Do nothing: results come by themselves."""

    # How functions travel

    def use_cloudpickle(self) -> object:
        """Send functions with the values that they use; needs cloudpickle."""
        return self._use("cloudpickle")

    def use_dill(self) -> object:
        """Send functions and more with dill."""
        return self._use("dill")

    def use_pickle(self) -> object:
        """Send functions as code again."""
        return self._use("code")

    def _use(self, mode: str) -> object:
        serialize.use("code")
        result = call_on(self.client.direct_view("all"), _engine.use, (mode,), "use")
        result.get()
        serialize.use(mode)
        return result
