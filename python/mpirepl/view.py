"""Views: ways to use some of the engines."""

import builtins
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType

import _mpirepl_tasks as _tasks

from mpirepl import _engine, _partition, serialize
from mpirepl._lazy_map import LazyMapIterator
from mpirepl.asyncresult import AsyncGatherResult, AsyncMapResult, AsyncResult
from mpirepl.serialize import Reference


def _packed(function: object, args: tuple, kwargs: dict) -> tuple[bytes, bytes, list]:
    """Return function, argument and buffers of a task, as _engine.run() takes them."""
    name = getattr(function, "__name__", "the function")
    code, buffers = serialize.dumps(function, name)
    if buffers:
        argument, buffers = serialize.dumps((function, args, kwargs), f"the call of {name}")
        return _engine.WHOLE, argument, buffers
    try:
        argument, buffers = serialize.dumps((args, kwargs), "")
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


def add_run(runs: list[list[int]], first: int, count: int) -> None:
    """Add tasks that follow each other to a history."""
    if runs and sum(runs[-1]) == first:
        runs[-1][1] += count
    else:
        runs.append([first, count])


def _name_of(function: object) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def call_on(view: "DirectView", function: Callable, args: tuple, fname: str) -> AsyncResult:
    """Have all engines of a view call a function, without waiting."""
    return view._call(function, args, {}, False, view._ranks(), fname)


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
            if name in ("block", "track") and not isinstance(value, (bool, type(None))):
                raise TypeError(f"{name} is True or False, not {value!r}")
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
        """Return the result, or what it has come to."""
        if result._ids:
            add_run(self._ranges, result._ids[0], len(result._ids))
        if self.block if block is None else block:
            return result.get()
        return result

    def _submission(self, method: str, code: str | None = None) -> object:
        from mpirepl.client import _Submission

        return _Submission(method, self.label, code)

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
        options["block"] = False
        return self.map(f, *sequences, **options)

    def map_sync(self, f: Callable, *sequences: Iterable, **options: object) -> list:
        """Map a function over sequences, and return the list of results."""
        options["block"] = True
        return self.map(f, *sequences, **options)

    def imap(self, f: Callable, *sequences: Iterable, **options: object) -> Iterator:
        """Map a function over sequences, and iterate over the results as they come."""
        return iter(self.map_async(f, *sequences, **options))

    def remote(self, block: bool | None = None, **flags: object) -> Callable:
        """Return a decorator: calls of the function run on the engines."""
        from mpirepl.remotefunction import remote

        return remote(self, self.block if block is None else block, **flags)

    def parallel(self, dist: str = "b", block: bool | None = None, **flags: object) -> Callable:
        """Return a decorator: calls of the function are spread over sequences."""
        from mpirepl.remotefunction import parallel

        return parallel(self, dist, self.block if block is None else block, **flags)

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
        result = call_on(self.client.direct_view(), _engine.use, (mode,), "use")
        result.get()
        serialize.use(mode)
        return result


class DirectView(View):
    """A view of engines that are named: requests run on all of them.

    Indexing with names reads and writes names there: ``view['a'] = 5``.
    """

    @property
    def importer(self) -> object:
        """A context in which imports happen on the engines too."""
        return self.sync_imports(True)

    def _single(self, targets: object = None) -> bool:
        return isinstance(self.targets if targets is None else targets, int)

    def _call(
        self,
        function: Callable,
        args: tuple,
        kwargs: dict,
        block: bool | None,
        ranks: list[int],
        fname: str = "",
        single: bool = False,
        method: str = "apply",
        code: str | None = None,
        stops: bool = False,
    ) -> object:
        packed, argument, buffers = _packed(function, args, kwargs)
        ids = self.client._submit(
            ranks, packed, [argument], [buffers], self._submission(method, code), stops
        )
        result = AsyncResult(
            self.client, ids, fname or _name_of(function), single=single, owner=True
        )
        self.client._own(result)
        return self._finish(result, block)

    def _must_have_engines(self, ranks: list[int]) -> None:
        if not ranks:
            from mpirepl.error import NoEnginesRegistered

            raise NoEnginesRegistered("this view has no engines")

    def _really_apply(
        self,
        f: Callable,
        args: tuple = (),
        kwargs: dict | None = None,
        targets: object = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> object:
        ranks = self._ranks(targets)
        self._must_have_engines(ranks)
        return self._call(f, args, kwargs or {}, block, ranks, single=self._single(targets))

    # Code

    def execute(
        self, code: str, silent: bool = True, targets: object = None, block: bool | None = None
    ) -> AsyncResult:
        """Run code on the engines."""
        from mpirepl import _execute

        ranks = self._ranks(targets)
        self._must_have_engines(ranks)
        result = self._call(
            _execute.execute,
            (code, silent),
            {},
            False,
            ranks,
            "execute",
            single=self._single(targets),
            method="execute",
            code=code,
            stops=True,
        )
        if self.block if block is None else block:
            result.get()
        return result

    def run(self, filename: str, targets: object = None, block: bool | None = None) -> AsyncResult:
        """Run a file of rank 0 on the engines."""
        with open(filename) as file:
            code = file.read()
        return self.execute(code + "\n", targets=targets, block=block)

    # Names

    def push(
        self,
        ns: dict,
        targets: object = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> object:
        """Define names on the engines."""
        if not isinstance(ns, dict):
            raise TypeError(f"Must be a dict, not {type(ns)}")
        for name in ns:
            if not isinstance(name, str):
                raise TypeError(f"names are strings, not {type(name).__name__}")
        try:
            return self._names_call(_engine.push, (ns,), "_push", block, targets)
        except TypeError:
            for name, value in ns.items():
                serialize.dumps(value, name)
            raise

    def _names_call(
        self, function: Callable, args: tuple, fname: str, block: bool | None, targets: object
    ) -> object:
        ranks = self._ranks(targets)
        self._must_have_engines(ranks)
        return self._call(function, args, {}, block, ranks, fname, self._single(targets))

    def update(self, ns: dict) -> object:
        """Define names on the engines."""
        return self.push(ns, block=self.block, track=self.track)

    def pull(self, names: object, targets: object = None, block: bool | None = None) -> object:
        """Return what names stand for on the engines; for several names a list each."""
        several = isinstance(names, (list, tuple, set))
        for name in names if several else [names]:
            if not isinstance(name, str):
                raise TypeError(f"keys must be str, not {type(name)!r}")
        what = list(names) if several else names
        return self._names_call(_engine.pull, (what,), "_pull", block, targets)

    def get(self, key_s: object) -> object:
        """Return what names stand for on the engines."""
        return self.pull(key_s, block=True)

    def __getitem__(self, key: object) -> object:
        return self.get(key)

    def __setitem__(self, key: str, value: object) -> None:
        self.update({key: value})

    def clear(self, targets: object = None, block: bool | None = None) -> AsyncResult:
        """Remove the names that cells and tasks have defined."""
        result = self._names_call(_engine.clear, (), "clear", False, targets)
        if self.block if block is None else block:
            result.get()
        return result

    # Sequences

    def scatter(
        self,
        key: str,
        seq: object,
        dist: str = "b",
        flatten: bool = False,
        targets: object = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> object:
        """Define a name as a part of a sequence on each engine."""
        ranks = self._ranks(targets)
        self._must_have_engines(ranks)
        parts = _partition.by_name(dist).parts(seq, len(ranks))
        function = _engine.CALL + serialize.dumps(_engine.push_part)[0]
        packed = [serialize.dumps(((key, part, flatten), {}), key) for part in parts]
        ids = self.client._submit(
            ranks,
            function,
            [argument for argument, _ in packed],
            [buffers for _, buffers in packed],
            self._submission("apply"),
        )
        result = AsyncResult(self.client, ids, "scatter", owner=True)
        self.client._own(result)
        return self._finish(result, block)

    def gather(
        self,
        key: str,
        dist: str = "b",
        targets: object = None,
        block: bool | None = None,
    ) -> object:
        """Return the parts of a sequence that engines have under a name, joined."""
        ranks = self._ranks(targets)
        self._must_have_engines(ranks)
        function, argument, buffers = _packed(_engine.pull, (key,), {})
        ids = self.client._submit(
            ranks, function, [argument], [buffers], self._submission("apply"), gathered=True
        )
        join = _partition.by_name(dist).joined
        result = AsyncGatherResult(self.client, ids, join, fname="gather", owner=True)
        self.client._own(result)
        return self._finish(result, block)

    def map(
        self,
        f: Callable,
        *sequences: Iterable,
        block: bool | None = None,
        track: bool = False,
        return_exceptions: bool = False,
    ) -> object:
        """Map a function over sequences, a part on each engine."""
        ranks = self._ranks()
        self._must_have_engines(ranks)
        sequences = tuple(_partition.as_sequence(s) for s in sequences)
        length = _partition.common_length(sequences, "map")
        partition = _partition.by_name("b")
        bounds = [
            (begin, end) for begin, end in partition.bounds(length, len(ranks)) if end > begin
        ]
        chunks = [
            list(zip(*(s[begin:end] for s in sequences), strict=True)) for begin, end in bounds
        ]
        return self._map_chunks(
            f, chunks, ranks[: len(chunks)], block, return_exceptions=return_exceptions
        )

    def _map_chunks(
        self,
        f: Callable,
        chunks: list[list],
        ranks: list[int],
        block: bool | None,
        **options: object,
    ) -> object:
        """Run a function on the items of each chunk, on an engine for each."""
        name = _name_of(f)
        code, buffers = serialize.dumps(f, name)
        if buffers:
            packed = [serialize.dumps((_call_each, (f, chunk), {}), name) for chunk in chunks]
            function = _engine.WHOLE
        else:
            packed = [serialize.dumps(chunk, f"an item of the map of {name}") for chunk in chunks]
            function = _engine.CHUNK + code
        ids: Iterable[int] = range(0)
        if chunks:
            ids = self.client._submit(
                ranks,
                function,
                [argument for argument, _ in packed],
                [beside for _, beside in packed],
                self._submission("apply"),
            )
        lengths = [len(chunk) for chunk in chunks]
        result = AsyncMapResult(self.client, ids, lengths, name, owner=True, **options)
        self.client._own(result)
        return self._finish(result, block)

    # Modules

    @contextmanager
    def sync_imports(self, local: bool = True, quiet: bool = False) -> Iterator[None]:
        """Repeat the imports inside a ``with`` on the engines."""
        original = builtins.__import__
        wanted: list[tuple[str, tuple]] = []

        def importing(
            name: str,
            names: object = None,
            locals_: object = None,
            fromlist: tuple | None = (),
            level: int = 0,
        ) -> ModuleType:
            here = sys._getframe(1).f_globals.get("__name__", "")
            if level == 0 and not here.startswith(("importlib", "mpirepl")):
                key = (name, tuple(fromlist or ()))
                if key not in wanted and not _is_nested(sys._getframe(1)):
                    wanted.append(key)
                    if not quiet:
                        print(f"{_said(name, fromlist)} on engine(s)")
                if not local:
                    return ModuleType(name)
            return original(name, names, locals_, fromlist, level)

        depth = sys._getframe(2)

        def _is_nested(frame: object) -> bool:
            return frame.f_code is not depth.f_code

        builtins.__import__ = importing
        try:
            yield
        finally:
            builtins.__import__ = original
            for name, fromlist in wanted:
                listed = ", ".join(fromlist)
                code = f"from {name} import {listed}" if fromlist else f"import {name}"
                self._call(_engine.import_modules, (code,), {}, False, self._ranks()).get()

    def activate(self, suffix: str = "") -> None:
        """Make %px and its kind act on this view, with names that end in `suffix`."""
        try:
            from mpirepl import magics
        except ImportError:
            return  # without IPython there are no such magics
        magics.activate(self, suffix)


def _said(name: str, fromlist: tuple | None) -> str:
    return f"importing {','.join(fromlist)} from {name}" if fromlist else f"importing {name}"


def _call_each(f: Callable, items: list[tuple]) -> list:
    return [f(*item) for item in items]


class BroadcastView(DirectView):
    """A direct view under the name of the one that broadcasts, which all do here."""

    is_coalescing = False


class LoadBalancedView(View):
    """A view that gives each task to an engine that has nothing to do.

    Attributes
    ----------
    follow, after : list of results, Dependency
        Where tasks must run, and what they wait for.
    timeout : float
        Seconds in which a task must begin; 0: any.
    retries : int
        How often a task that fails is tried again, elsewhere.
    """

    _flag_names = (
        *View._flag_names,
        "follow",
        "after",
        "timeout",
        "retries",
    )

    def __init__(self, client: object, targets: object = None, **flags: object):
        self.follow = None
        self.after = None
        self.timeout = 0
        self.retries = 0
        super().__init__(client, targets, **flags)

    def set_flags(self, **flags: object) -> "LoadBalancedView":
        """Set attributes, and return the view."""
        from mpirepl.dependency import checked

        for name in ("follow", "after"):
            if name in flags:
                flags[name] = checked(flags[name])
        if not isinstance(flags.get("retries", 0), int):
            raise TypeError(f"retries is a number, not {flags['retries']!r}")
        timeout = flags.get("timeout")
        if "timeout" in flags:
            if timeout is not None and not isinstance(timeout, (int, float)):
                raise TypeError(f"Invalid type for timeout: {type(timeout)}")
            if timeout is not None and timeout < 0:
                raise ValueError(f"Invalid timeout: {timeout}")
            flags["timeout"] = timeout or 0
        return super().set_flags(**flags)

    def _submit(
        self,
        function: bytes,
        arguments: list[bytes],
        buffers: list[list],
        targets: object = None,
        **flags: object,
    ) -> range:
        from mpirepl.dependency import fields, names_in

        client = self.client
        client._must_be_open()
        client._share_path()
        submission = self._submission("apply")
        values = {name: flags.get(name, getattr(self, name)) for name in ("after", "follow")}
        submission.after = names_in(values["after"])
        submission.follow = names_in(values["follow"])
        first = _tasks.submit_balanced(
            self._ranks(targets),
            function,
            arguments,
            buffers if any(buffers) else [],
            fields(values["after"], client),
            fields(values["follow"], client),
            int(flags.get("retries", self.retries) or 0),
            float(flags.get("timeout", self.timeout) or 0),
        )
        return client._note(first, len(arguments), submission)

    def _really_apply(
        self,
        f: Callable,
        args: tuple = (),
        kwargs: dict | None = None,
        block: bool | None = None,
        track: bool | None = None,
        **flags: object,
    ) -> object:
        function, argument, buffers = _packed(f, args, kwargs or {})
        ids = self._submit(function, [argument], [buffers], **flags)
        result = AsyncResult(self.client, ids, _name_of(f), single=True, owner=True)
        self.client._own(result)
        return self._finish(result, block)

    def map(
        self,
        f: Callable,
        *sequences: Iterable,
        block: bool | None = None,
        track: bool | None = None,
        chunksize: int = 1,
        ordered: bool = True,
        return_exceptions: bool = False,
        **flags: object,
    ) -> object:
        """Map a function over sequences, `chunksize` items a task."""
        if not sequences:
            raise TypeError("map() needs at least one sequence")
        items = list(zip(*sequences, strict=False))
        name = _name_of(f)
        code, beside = serialize.dumps(f, name)
        chunks = [items[i : i + chunksize] for i in range(0, len(items), chunksize)]
        what = f"an item of the map of {name}"
        if beside:
            packed = [serialize.dumps((_call_each, (f, chunk), {}), what) for chunk in chunks]
            function = _engine.WHOLE
        elif chunksize == 1:
            packed = serialize.dumps_each(items, items, what)
            function = _engine.ITEM + code
        else:
            packed = serialize.dumps_each(chunks, items, what)
            function = _engine.CHUNK + code
        ids: Iterable[int] = range(0)
        if packed:
            ids = self._submit(
                function, [argument for argument, _ in packed], [b for _, b in packed], **flags
            )
        lengths = [] if function[:1] == _engine.ITEM else [len(chunk) for chunk in chunks]
        result = AsyncMapResult(
            self.client,
            ids,
            lengths,
            name,
            ordered=ordered,
            owner=True,
            return_exceptions=return_exceptions,
        )
        self.client._own(result)
        return self._finish(result, block)

    def imap(
        self,
        f: Callable,
        *sequences: Iterable,
        ordered: bool = True,
        max_outstanding: object = "auto",
        return_exceptions: bool = False,
    ) -> Iterator:
        """Map a function over sequences, which may be endless, as the results are asked for."""
        return LazyMapIterator(self, f, sequences, ordered, max_outstanding, return_exceptions)

    def register_joblib_backend(
        self, name: str = "ipyparallel", make_default: bool = False
    ) -> None:
        """Make this view a backend of joblib's Parallel."""
        from mpirepl import joblib

        joblib.register_view(self, name, make_default)

    @property
    def executor(self) -> object:
        """The view as a concurrent.futures.Executor."""
        from mpirepl.executor import ViewExecutor

        return ViewExecutor(self)


__all__ = ["BroadcastView", "DirectView", "LoadBalancedView", "Reference", "View"]
