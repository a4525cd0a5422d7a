"""Functions whose calls run on engines."""

import functools
from collections.abc import Callable, Iterable
from contextlib import suppress

from mpirepl import _partition, error
from mpirepl.asyncresult import AsyncMapResult


def remote(view: object, block: bool | None = None, **flags: object) -> Callable:
    """Return a decorator: calls of the function run on the engines of a view."""

    def remote_function(f: Callable) -> RemoteFunction:
        return RemoteFunction(view, f, block=block, **flags)

    return remote_function


def parallel(
    view: object, dist: str = "b", block: bool | None = None, ordered: bool = True, **flags: object
) -> Callable:
    """Return a decorator: calls of the function get parts of sequences, on all engines."""

    def parallel_function(f: Callable) -> ParallelFunction:
        return ParallelFunction(view, f, dist=dist, block=block, ordered=ordered, **flags)

    return parallel_function


class RemoteFunction:
    """A function that runs on the engines of a view when it is called."""

    def __init__(self, view: object, f: Callable, block: bool | None = None, **flags: object):
        from inspect import signature  # here, as it takes long to import

        self.view = view
        self.func = f
        self.block = block
        self.flags = flags
        functools.update_wrapper(self, f)
        doc = getattr(f, "__doc__", None)
        self.__doc__ = f"{type(self).__name__} wrapping:\n{doc}" if doc else type(self).__doc__
        with suppress(TypeError, ValueError):  # builtin functions have none
            self.__signature__ = signature(f)

    def __call__(self, *args: object, **kwargs: object) -> object:
        block = self.view.block if self.block is None else self.block
        with self.view.temp_flags(block=block, **self.flags):
            return self.view.apply(self.func, *args, **kwargs)


class ParallelFunction(RemoteFunction):
    """A function that is called on the engines with parts of sequences, and whose results join."""

    def __init__(
        self,
        view: object,
        f: Callable,
        dist: str = "b",
        block: bool | None = None,
        chunksize: int | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
        **flags: object,
    ):
        super().__init__(view, f, block=block, **flags)
        self.dist = dist
        self.chunksize = chunksize
        self.ordered = ordered
        self.return_exceptions = return_exceptions
        self._partition = _partition.by_name(dist)

    def __call__(self, *sequences: Iterable, **kwargs: object) -> object:
        return self._spread(self.func, sequences, kwargs)

    def map(self, *sequences: Iterable) -> object:
        """Call the function with each item instead of with parts."""
        return self._spread(_Each(self.func), sequences, {})

    def _spread(self, call: Callable, sequences: tuple, kwargs: dict) -> object:
        from mpirepl.view import LoadBalancedView

        view = self.view
        block = view.block if self.block is None else self.block
        sequences = tuple(_partition.as_sequence(s) for s in sequences)
        length = _partition.common_length(sequences, self.__name__)
        balanced = isinstance(view, LoadBalancedView)
        if balanced:
            size = self.chunksize or 1
            count = -(-length // size)
        else:
            count = min(len(view), length)
        parts = [self._partition.parts(s, count) if count else [] for s in sequences]
        chunks = [tuple(part[i] for part in parts) for i in range(count)]
        with view.temp_flags(block=False, **self.flags):
            if balanced:
                results = [view.apply_async(call, *chunk, **kwargs) for chunk in chunks]
            else:
                ranks = view._ranks()
                results = [
                    view._call(call, chunk, kwargs, False, [rank], self.__name__)
                    for rank, chunk in zip(ranks, chunks, strict=False)
                ]
        joined = _Spread(view.client, results, self._partition.joined, self.__name__)
        joined._ordered = self.ordered
        joined._return_exceptions = self.return_exceptions
        view.client._own(joined, instead_of=results)
        return joined.get() if block else joined


class _Each:
    """Calls a function for each item of parts."""

    def __init__(self, func: Callable):
        self.func = func

    def __call__(self, *parts: Iterable) -> list:
        return [self.func(*items) for items in zip(*parts, strict=True)]


class _Spread(AsyncMapResult):
    """The parts that a parallel function has returned, joined."""

    def __init__(self, client: object, results: list, join: Callable, fname: str):
        ids = [number for result in results for number in result._ids]
        super().__init__(client, ids, [], fname, owner=True)
        self._join = join

    def _reconstructed(self, outcomes: list) -> object:
        if error.failures(outcomes):
            return list(outcomes)
        if all(hasattr(o, "__len__") or hasattr(o, "__iter__") for o in outcomes):
            return self._join(outcomes)
        return list(outcomes)

    def __iter__(self) -> object:
        for part in super().__iter__():
            if error.is_failure(part) or not hasattr(part, "__iter__"):
                yield part
            else:
                yield from part
