"""Views that give tasks to whichever engine has nothing to do."""

from collections.abc import Callable, Iterable, Iterator

import _mpirepl_tasks as _tasks

from mpirepl import _engine, serialize
from mpirepl._async_result import AsyncResult
from mpirepl._lazy_map import LazyMapIterator
from mpirepl._map_result import AsyncMapResult
from mpirepl._view import View, call_each, name_of, naming_items, packed


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
        submission = self._submission("apply", label=flags.get("label"))
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
        if not callable(f) and not isinstance(f, serialize.Reference):
            raise TypeError(f"f must be callable, not {type(f)}")
        function, argument, buffers = packed(f, args, kwargs or {})
        ids = self._submit(function, [argument], [buffers], **flags)
        result = AsyncResult(self.client, ids, name_of(f), single=True, owner=True)
        return self._finish(result, block)

    def map(
        self,
        f: Callable,
        *sequences: Iterable,
        block: bool | None = None,
        track: bool | None = None,
        chunksize: int | None = 1,
        ordered: bool = True,
        return_exceptions: bool = False,
        **flags: object,
    ) -> object:
        """Map a function over sequences, `chunksize` items a task."""
        if not sequences:
            raise AssertionError("must have some sequences to map onto!")
        for name in flags:
            if name not in ("targets", "after", "follow", "retries", "timeout", "label"):
                raise TypeError(f"map() got an unexpected keyword argument {name!r}")
        chunksize = chunksize or 1
        items = list(zip(*sequences, strict=False))
        name = name_of(f)
        code, beside = serialize.dumps(f, name)
        chunks = [items[i : i + chunksize] for i in range(0, len(items), chunksize)]
        with naming_items(items, f"the items of the map of {name}"):
            if beside:
                packed = [serialize.dumps((call_each, (f, chunk), {})) for chunk in chunks]
                function = _engine.WHOLE
            elif chunksize == 1:
                packed = serialize.dumps_each(items, items)
                function = _engine.ITEM + code
            else:
                packed = serialize.dumps_each(chunks, items)
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
