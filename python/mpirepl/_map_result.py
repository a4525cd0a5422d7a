"""The results of maps and gathers."""

from collections.abc import Callable, Iterable, Iterator

import _mpirepl_tasks as _tasks

from mpirepl import error
from mpirepl._async_result import AsyncResult


class AsyncMapResult(AsyncResult):
    """The results of a map or a gather, as one sequence."""

    def __init__(
        self,
        client: object,
        ids: Iterable[int],
        lengths: list[int],
        fname: str = "",
        ordered: bool = True,
        join: Callable | None = None,
        **options: object,
    ):
        super().__init__(client, ids, fname, **options)
        self._lengths = lengths  # of each task's part; empty: one item each
        self._ordered = ordered
        self._join = join  # of a gather: makes one sequence of the parts

    def __len__(self) -> int:
        return sum(self._lengths) if self._lengths else len(self._ids)

    def _part(self, number: int) -> AsyncResult:
        part = super()._part(number)
        part._single = False
        part._is_item = self._join is None and not self._lengths
        return part

    @property
    def progress(self) -> int:
        """The number of items that are there."""
        if not self._lengths:
            return super().progress
        pairs = zip(self._ids, self._lengths, strict=True)
        return sum(length for number, length in pairs if self._has_ended(number))

    def _reconstructed(self, outcomes: list) -> object:
        if self._join is not None and not error.failures(outcomes):
            return self._join(outcomes)
        if not self._lengths:
            return list(outcomes)
        items = []
        for outcome, length in zip(outcomes, self._lengths, strict=True):
            items += [outcome] * length if error.is_failure(outcome) else outcome
        return items

    def __iter__(self) -> Iterator:
        for i in range(len(self._ids)) if self._ordered else self._by_arrival():
            part = self._one(i)
            if not self._lengths or error.is_failure(part):
                yield part
            else:
                yield from part

    def _by_arrival(self) -> Iterator[int]:
        left = list(range(len(self._ids)))
        while left:
            _tasks.wait([self._ids[i] for i in left], -1.0, True)
            ended = [i for i in left if self._has_ended(self._ids[i])]
            ended.sort(key=lambda i: self._client._peek(self._ids[i])[5])
            left = [i for i in left if i not in set(ended)]
            yield from ended

    def __getitem__(self, key: object) -> object:
        if isinstance(key, (int, slice)) and self._lengths:
            return self.get()[key]
        return super().__getitem__(key)
