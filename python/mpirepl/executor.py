"""A view as an executor of concurrent.futures."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor

from mpirepl._lazy_map import LazyMapIterator
from mpirepl.error import CompositeError, RemoteError, TimeoutError


class ViewExecutor(Executor):
    """Runs calls on the engines of a view.

    Attributes
    ----------
    view : View
    """

    def __init__(self, view: object):
        self.view = view
        self._max_workers = len(view)
        self._results: list = []
        self._enough = 2  # of them to look which are still going on

    def submit(self, fn: Callable, /, *args: object, **kwargs: object) -> object:
        """Call a function, and return its AsyncResult; after shutdown(), too."""
        result = self.view.apply_async(fn, *args, **kwargs)
        self._note([result])
        return result

    def map(
        self,
        fn: Callable,
        *iterables: Iterable,
        timeout: float | None = None,
        chunksize: int = 1,
        **options: object,
    ) -> Iterator:
        """Map a function over iterables, and iterate over the results in order."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if chunksize != 1:
            options["chunksize"] = chunksize  # which direct views do not have
        result = self.view.map_async(fn, *iterables, **options)
        self._note([result])
        return LazyMapIterator.over(result, self._iterated(result, deadline))

    @classmethod
    def _iterated(cls, result: object, deadline: float | None) -> Iterator:
        try:
            yield from result if deadline is None else cls._in_time(result, deadline)
        except CompositeError as problem:
            if len(problem.elist) == 1 and not result._lengths:
                raise RemoteError(*problem.elist[0]) from None
            raise

    @staticmethod
    def _in_time(result: object, deadline: float) -> Iterator:
        import _mpirepl_tasks as tasks

        lengths = result._lengths
        for i, number in enumerate(result._ids):
            if not tasks.wait([number], max(0.0, deadline - time.monotonic()), False):
                raise TimeoutError("Result not ready.")
            part = result._one(i)
            if lengths:
                yield from part
            else:
                yield part

    def _note(self, results: list) -> None:
        self._results += results
        if len(self._results) >= self._enough:
            self._results = [result for result in self._results if not result.done()]
            self._enough = 2 * len(self._results) + 2

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the calls that were submitted; the engines stay."""
        if cancel_futures:
            self.view.client.abort(self._results)
        if wait:
            for result in self._results:
                result.wait()
        self._results = []
