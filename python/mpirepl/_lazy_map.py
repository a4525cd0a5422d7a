"""A map whose tasks are submitted as their results are asked for."""

from collections.abc import Callable, Iterable, Iterator

import _mpirepl_tasks as _tasks

from mpirepl.error import RemoteError


class LazyMapIterator:
    """The results of a map over sequences that may be endless.

    Parameters
    ----------
    view : LoadBalancedView
    f : callable
    sequences : tuple of iterables
    ordered : bool
        Whether results come in the order of the items, or as they arrive.
    max_outstanding : int or "auto"
        So many tasks wait or run at a time; auto: 10 for each engine, 0 or None: any number.
    """

    def __init__(
        self,
        view: object,
        f: Callable,
        sequences: tuple[Iterable, ...],
        ordered: bool,
        max_outstanding: object,
        return_exceptions: bool,
    ):
        if max_outstanding == "auto":
            max_outstanding = 10 * len(view)
        self._view = view
        self._f = f
        self._items = zip(*sequences, strict=False)
        self._ordered = ordered
        self._most = max_outstanding or float("inf")
        self._return_exceptions = return_exceptions
        self._going: list = []
        self._ended = False
        self._cancelled = False
        self._failure: Exception | None = None
        self._flags = {
            name: getattr(view, name) for name in ("follow", "after", "timeout", "retries")
        }

        self._iterator: Iterator | None = None
        self._fill()

    @classmethod
    def over(cls, result: object, iterator: Iterator) -> "LazyMapIterator":
        """Return one for a map whose tasks have all been submitted."""
        made = cls.__new__(cls)
        made._result = result
        made._iterator = iterator
        return made

    def cancel(self) -> None:
        """Submit nothing more; what has been submitted still comes."""
        if self._iterator is None:
            self._cancelled = True
        elif not self._result.done():
            self._result.abort()

    def __iter__(self) -> Iterator:
        return self

    def _fill(self) -> None:
        while not (self._ended or self._cancelled) and len(self._going) < self._most:
            try:
                item = next(self._items)
            except StopIteration:
                self._ended = True
                return
            except Exception as error:  # of the user's: when what came before has been given
                self._ended, self._failure = True, error
                return
            self._going.append(
                self._view._really_apply(self._f, item, {}, block=False, **self._flags)
            )

    def __next__(self) -> object:
        if self._iterator is not None:
            return next(self._iterator)
        self._fill()
        if not self._going:
            failure, self._failure = self._failure, None
            raise failure or StopIteration
        result = self._going.pop(0) if self._ordered else self._first_to_end()
        try:
            return result.get(return_exceptions=self._return_exceptions)
        except RemoteError:  # a generator would have ended
            self._ended = True
            self._going.clear()
            raise

    def _first_to_end(self) -> object:
        _tasks.wait([result._ids[0] for result in self._going], -1.0, True)
        for i, result in enumerate(self._going):
            if result.done():
                return self._going.pop(i)
        raise RuntimeError("a wait has ended and no task has")
