"""What a view returns at once: the results of tasks that may still run."""

import builtins
import concurrent.futures
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import _mpirepl_tasks as _tasks

from mpirepl import error
from mpirepl._metadata import KEYS

_POLLS = 0.05  # seconds of looking again and again

FIRST_COMPLETED = concurrent.futures.FIRST_COMPLETED
FIRST_EXCEPTION = concurrent.futures.FIRST_EXCEPTION
ALL_COMPLETED = concurrent.futures.ALL_COMPLETED


class _WorkingEvent:
    """The event of a foreign wait: rank 0's engine works meanwhile."""

    def __init__(self, event: threading.Event):
        self._event = event
        self._watches: list[Callable] = []  # they notice the end of what is waited for

    def set(self) -> None:
        self._event.set()

    def clear(self) -> None:
        self._event.clear()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            before = _tasks.events()
            for watch in self._watches:
                watch()
            if self._event.is_set():
                return True
            left = 0.05 if deadline is None else min(0.05, deadline - time.monotonic())
            if left <= 0:
                return False
            _tasks.wait_event(before, left)


class _Waiters(list):
    """Those who wait for a future by way of concurrent.futures."""

    def __init__(self, future: "AsyncResult"):
        super().__init__()
        self._future = weakref.ref(future)  # it has this; a circle would live until it is collected

    def append(self, waiter: object) -> None:
        future = self._future()
        future.done()
        if not isinstance(waiter.event, _WorkingEvent):
            waiter.event = _WorkingEvent(waiter.event)
        waiter.event._watches.append(future.done)
        super().append(waiter)


class AsyncResult(concurrent.futures.Future):
    """The results of one or several tasks, a future.

    Parameters
    ----------
    client : Client
    ids : sequence of int
        The tasks.
    fname : str
        What they run.
    single : bool
        Whether get() gives one result instead of a list.
    owner : bool
        Whether the results leave the client once they have been fetched.
    """

    def __init__(
        self,
        client: object,
        ids: Iterable[int],
        fname: str = "unknown",
        single: bool = False,
        owner: bool = False,
        return_exceptions: bool = False,
    ):
        super().__init__()
        self._client = client
        self._ids = ids
        self._fname = fname
        self._single = single
        self.owner = owner
        self._return_exceptions = return_exceptions
        self._outcomes: list | None = None  # of all, once they are there
        self._early: dict[int, object] = {}  # of those that were asked for before
        self._is_item = False  # of a map: stands for a chunk of one
        self._decoding = False
        self._taking = threading.RLock()
        self._waiters = _Waiters(self)
        self._polled: float | None = None
        self._parts: list[weakref.ref] = []  # what split() has returned

    # What it consists of

    @property
    def msg_ids(self) -> list[str]:
        """The names of the tasks."""
        return [self._client._name(i) for i in self._ids]

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        state = "pending"
        if self.done():
            failed = any(isinstance(o, Exception) for o in self._outcomes)
            state = "failed" if failed else "finished"
        return f"<{type(self).__name__}({self._fname}): {state}>"

    # Waiting

    def done(self) -> bool:
        """Tell whether all tasks have ended."""
        if self._outcomes is not None:
            return True
        if not _tasks.wait(self._ids, self._polling_time(), False):
            return False
        self._finish()
        return True

    def _polling_time(self) -> float:
        """Return how long a poll waits: a program that polls again and again is waiting.

        Its first look does not let rank 0's engine work; later ones do, or the end never came.
        """
        now = time.monotonic()
        if self._polled is None:
            self._polled = now
        return 1e-4 if now - self._polled > _POLLS else 0.0

    def ready(self) -> bool:
        """Tell whether all tasks have ended."""
        return self.done()

    def running(self) -> bool:
        """Tell whether some task has not ended."""
        return not self.done()

    def wait(
        self, timeout: float | None = None, return_when: str | None = None
    ) -> bool | tuple[set, set]:
        """Wait for the tasks.

        Parameters
        ----------
        timeout : float
            In seconds; -1 or None: as long as it takes.
        return_when : FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED
            When given, the result is a pair of sets, of what has ended and what has not.
        """
        timeout = -1.0 if timeout is None or timeout < 0 else float(timeout)
        if return_when is None:
            if self._outcomes is None and _tasks.wait(self._ids, timeout, False):
                self._finish()
            return self._outcomes is not None
        parts = self.split()
        return wait(parts, None if timeout < 0 else timeout, return_when)

    def wait_for_output(self, timeout: float = -1) -> bool:
        """Wait until all output has come, which is when the tasks have ended."""
        return self.wait(timeout)

    @property
    def sent(self) -> bool:
        """Whether the tasks have left."""
        return True

    def wait_for_send(self, timeout: float = -1) -> bool:
        """Wait until the tasks have left."""
        return True

    def _finish(self) -> None:
        """Fetch all that has come to an end, once."""
        with self._taking:
            if self._outcomes is not None:
                return
            self._decoding = True
            try:
                self._outcomes = self._fetched()
            finally:
                self._decoding = False
            self._client._fetched(self._ids, self.owner)
        failed = [o for o in self._outcomes if isinstance(o, Exception)]
        if failed and not self._return_exceptions:
            super().set_exception(self._as_one(failed))
        else:
            super().set_result(None)

    def _fetched(self) -> list:
        client = self._client
        if not self._early and client._has_all(self):
            return client._outcomes(self._ids)
        return [self._taken(number) for number in self._ids]

    def _taken(self, number: int) -> object:
        if number not in self._early:
            self._early[number] = self._client._shared(number, self)
        return self._early[number]

    def _outcome_of(self, index: int) -> object:
        """Return what one task that has ended has come to."""
        if self._outcomes is not None:
            return self._outcomes[index]
        with self._taking:
            return self._taken(self._ids[index])

    def _outcome_named(self, number: int) -> object:
        """Return what one task that has ended has come to, by its own number."""
        return self._outcome_of(self._ids.index(number))

    def _as_one(self, failed: list[Exception]) -> Exception:
        if self._single and len(self._ids) == 1:
            return failed[0]
        return error.collect_exceptions(failed, self._fname)

    # Results

    def get(
        self,
        timeout: float | None = None,
        return_exceptions: bool | None = None,
        return_when: str | None = None,
    ) -> object:
        """Return the result, or the list of results.

        Raises
        ------
        TimeoutError
            They are not there in time.
        RemoteError, CompositeError
            What the tasks have raised.
        """
        if return_when == FIRST_EXCEPTION:
            self.wait(timeout, FIRST_EXCEPTION)
            failed = [o for i, o in self._ended() if isinstance(o, Exception)]
            if failed and not return_exceptions:
                raise self._as_one(failed)
        if not self.wait(timeout):
            raise error.TimeoutError("Result not ready.")
        if return_exceptions is None:
            return_exceptions = self._return_exceptions
        if not return_exceptions:
            failed = [o for o in self._outcomes if isinstance(o, Exception)]
            if failed:
                raise self._as_one(failed)
        if self._single and len(self._ids) == 1:
            return self._outcomes[0]
        return self._reconstructed(self._outcomes)

    def _ended(self) -> list[tuple[int, object]]:
        return [(i, self._outcome_of(i)) for i, n in enumerate(self._ids) if self._has_ended(n)]

    def _has_ended(self, number: int) -> bool:
        return self._outcomes is not None or _tasks.ended(number)

    def _reconstructed(self, outcomes: list) -> object:
        return [[o] for o in outcomes] if self._is_item else list(outcomes)

    def result(self, timeout: float | None = None) -> object:
        """Return what get() does."""
        return self.get(timeout)

    def exception(self, timeout: float | None = None) -> Exception | None:
        """Return what the tasks have raised, or None."""
        if not self.wait(timeout):
            raise error.TimeoutError("Result not ready.")
        failed = [o for o in self._outcomes if isinstance(o, Exception)]
        return self._as_one(failed) if failed else None

    def successful(self) -> bool:
        """Tell whether no task has raised anything; they must have ended."""
        if not self.done():
            raise RuntimeError("Cannot check successful() if not done.")
        return not any(isinstance(o, Exception) for o in self._outcomes)

    @property
    def result_dict(self) -> dict[int, object]:
        """What get_dict() returns."""
        return self.get_dict()

    @property
    def r(self) -> object:
        """What get() returns."""
        return self.get()

    def get_dict(self, timeout: float = -1) -> dict[int, object]:
        """Return the results by engine.

        Raises
        ------
        ValueError
            An engine has run several of the tasks.
        """
        results = self.get(timeout)
        engines = self["engine_id"]
        if not isinstance(engines, list):
            engines, results = [engines], [results]
        if len(set(engines)) < len(engines):
            raise ValueError("Cannot build dict: an engine has run several of the tasks")
        return dict(zip(engines, results, strict=True))

    def __iter__(self) -> Iterator:
        if self._single and len(self._ids) == 1:
            raise TypeError("AsyncResults with a single result are not iterable.")
        for i in range(len(self._ids)):
            yield self._one(i)

    def _one(self, index: int) -> object:
        """Wait for one result and return it."""
        if self._outcomes is None:
            _tasks.wait([self._ids[index]], -1.0, False)
        outcome = self._outcome_of(index)
        if isinstance(outcome, Exception) and not self._return_exceptions:
            raise outcome
        return outcome

    def __getitem__(self, key: object) -> object:
        if isinstance(key, str):
            if key not in KEYS:
                raise KeyError(key)
            return self._metadata_item(key)
        if isinstance(key, slice):
            self._must_be_done()
            return [self._one(i) for i in range(*key.indices(len(self._ids)))]
        if isinstance(key, int):
            self._must_be_done()
            count = len(self._ids)
            if not -count <= key < count:
                raise IndexError(f"there are {count} results, not one with index {key}")
            return self._one(key % count)
        raise TypeError(f"an AsyncResult is indexed by numbers and names, not {type(key).__name__}")

    # Metadata

    @property
    def metadata(self) -> object:
        """What is known of the task, or the list for all."""
        found = [self._client._about(number) for number in self._ids]
        return found[0] if self._single and len(found) == 1 else found

    def _metadata_item(self, key: str) -> object:
        found = [self._client._about(number)[key] for number in self._ids]
        return found[0] if self._single and len(found) == 1 else found

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or name not in KEYS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self._metadata_item(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *KEYS})

    @property
    def progress(self) -> int:
        """The number of tasks that have ended."""
        if self._outcomes is not None:
            return len(self._ids)
        return _tasks.count_ended(self._ids)

    @property
    def elapsed(self) -> float:
        """Seconds since the tasks were submitted, until they ended."""
        begin = min(self._client._submitted(number) for number in self._ids)
        if self.done():
            return self._times("received", max) - begin
        return time.time() - begin

    @property
    def serial_time(self) -> float:
        """The sum of the seconds that the tasks took."""
        self._must_be_done()
        return sum(
            about[4] - about[3] for about in map(self._client._peek, self._ids) if about is not None
        )

    @property
    def wall_time(self) -> float:
        """Seconds from the submission of the first task until the last result came."""
        self._must_be_done()
        begin = min(self._client._submitted(number) for number in self._ids)
        return self._times("received", max) - begin

    def _times(self, key: str, choose: Callable) -> float:
        where = {"started": 3, "completed": 4, "received": 5}[key]
        found = [about[where] for about in map(self._client._peek, self._ids) if about]
        return choose(found) if found else time.time()

    def timedelta(
        self,
        start: object,
        end: object,
        start_key: Callable = min,
        end_key: Callable = max,
    ) -> float:
        """Return the seconds between two times, or lists of times."""
        start = start if isinstance(start, datetime) else start_key(start)
        end = end if isinstance(end, datetime) else end_key(end)
        return (end - start).total_seconds()

    def _must_be_done(self) -> None:
        if not self.done():
            raise error.TimeoutError("Result not ready.")

    # Ending, parts and joins

    def abort(self) -> None:
        """Drop those tasks that have not begun."""
        if self.done():
            raise RuntimeError("Can't abort, I am already done!")
        self._client.abort(self)

    def cancel(self) -> bool:
        """Abort what has not begun, as far as that can be done."""
        if self.done():
            return False
        self._client.abort(self)
        return False

    def split(self) -> tuple["AsyncResult", ...]:
        """Return a result for each task."""
        if len(self._ids) == 1:
            return (self,)
        parts = [known() for known in self._parts]
        if not parts or None in parts:
            parts = [self._part(number) for number in self._ids]
            self._parts = [weakref.ref(part) for part in parts]
        return tuple(parts)

    def _part(self, number: int) -> "AsyncResult":
        part = AsyncResult(self._client, [number], self._fname, single=True)
        part._whole = self  # whose end would forget the task
        return part

    @classmethod
    def join(cls, *results: "AsyncResult") -> "AsyncResult":
        """Return one result for the tasks of several."""
        if not results:
            raise ValueError("there is nothing to join")
        ids = [number for result in results for number in result._ids]
        joined = AsyncResult(results[0]._client, ids, results[0]._fname, owner=False)
        joined._whole = results  # whose end would forget the tasks
        return joined

    def __del__(self) -> None:
        if self.owner and sys is not None and not sys.is_finalizing():
            with suppress(Exception):  # parts of it may be gone already
                self._client._dropped(self._ids, self._outcomes is not None)

    # Callbacks: someone must notice the end while nobody waits

    def add_done_callback(self, fn: Callable) -> None:
        """Have a function called with this when the tasks have ended."""
        if not self.done():
            self._client._watch(self)
        super().add_done_callback(fn)

    # Output

    def wait_interactive(
        self,
        interval: float = 0.1,
        timeout: float | None = None,
        widget: bool | None = None,
        return_when: str = ALL_COMPLETED,
    ) -> bool:
        """Wait with a progress bar on standard error."""
        from mpirepl import _output

        return _output.wait_interactive([self], interval, timeout, return_when, self._fname)

    def display_outputs(self, groupby: str = "type", result_only: bool = False) -> None:
        """Show what the tasks have printed and returned."""
        from mpirepl import _output

        self._must_be_done()
        _output.display(self, groupby, result_only)

    @contextmanager
    def stream_output(self) -> Iterator[None]:
        """Show what the tasks print while they run, in a ``with`` around a wait."""
        from mpirepl import _output

        with _output.streaming(self):
            yield

    def _repr_pretty_(self, p: object, cycle: bool) -> None:
        p.text(repr(self))


class AsyncMapResult(AsyncResult):
    """The results of a map or a gather, as one sequence."""

    def __init__(
        self,
        client: object,
        ids: Iterable[int],
        lengths: list[int],
        fname: str = "",
        ordered: bool = True,
        **options: object,
    ):
        super().__init__(client, ids, fname, **options)
        self._lengths = lengths  # of each task's part; empty: one item each
        self._ordered = ordered

    def __len__(self) -> int:
        return sum(self._lengths) if self._lengths else len(self._ids)

    def _part(self, number: int) -> AsyncResult:
        part = super()._part(number)
        part._single = False
        part._is_item = type(self) is AsyncMapResult and not self._lengths
        return part

    @property
    def progress(self) -> int:
        """The number of items that are there."""
        if not self._lengths:
            return super().progress
        pairs = zip(self._ids, self._lengths, strict=True)
        return sum(length for number, length in pairs if self._has_ended(number))

    def _reconstructed(self, outcomes: list) -> object:
        if not self._lengths:
            return list(outcomes)
        items = []
        for outcome, length in zip(outcomes, self._lengths, strict=True):
            items += [outcome] * length if isinstance(outcome, Exception) else outcome
        return items

    def __iter__(self) -> Iterator:
        for i in range(len(self._ids)) if self._ordered else self._by_arrival():
            part = self._one(i)
            if not self._lengths or isinstance(part, Exception):
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


class AsyncGatherResult(AsyncMapResult):
    """The parts of a sequence, which are joined."""

    def __init__(self, client: object, ids: Iterable[int], join: Callable, **options: object):
        super().__init__(client, ids, [], **options)
        self._join = join

    def _reconstructed(self, outcomes: list) -> object:
        if any(isinstance(o, Exception) for o in outcomes):
            return list(outcomes)
        return self._join(outcomes)

    def __iter__(self) -> Iterator:
        for i in range(len(self._ids)):
            part = self._one(i)
            if isinstance(part, Exception):
                yield part
            else:
                yield from part

    def __len__(self) -> int:
        return len(self._ids)


def wait(
    results: Iterable, timeout: float | None = None, return_when: str = ALL_COMPLETED
) -> tuple[set, set]:
    """Wait for results and foreign futures, as concurrent.futures.wait does.

    Returns
    -------
    done, pending : set
    """
    results = list(results)
    own = [r for r in results if isinstance(r, AsyncResult)]
    deadline = None if timeout is None or timeout < 0 else time.monotonic() + timeout
    while True:
        before = _tasks.events()
        done = {r for r in results if r.done()}
        pending = set(results) - done
        if not pending or (return_when == FIRST_COMPLETED and done):
            return done, pending
        if return_when == FIRST_EXCEPTION and any(_failed(r) for r in done):
            return done, pending
        left = 3600.0 if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return done, pending
        _tasks.wait_event(before, left if len(own) == len(results) else min(left, 0.01))


def _failed(result: concurrent.futures.Future) -> bool:
    return not result.cancelled() and result.exception() is not None


def as_datetime(seconds: float) -> datetime | None:
    """Return a time in the zone of the user, None for 0."""
    return datetime.fromtimestamp(seconds, UTC).astimezone() if seconds else None


TimeoutError = builtins.TimeoutError
AsyncHubResult = AsyncResult  # there is no hub
