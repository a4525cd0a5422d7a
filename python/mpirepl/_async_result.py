"""What a view returns at once: the results of tasks that may still run."""

import concurrent.futures
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import _mpirepl_tasks as _tasks

from mpirepl import error
from mpirepl._metadata import KEYS
from mpirepl._result_report import ResultReport
from mpirepl._waiting import FIRST_EXCEPTION, Waiters, polling_time, wait


class AsyncResult(ResultReport, concurrent.futures.Future):
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
        self._waiters = Waiters(self)
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
            state = "failed" if error.failures(self._outcomes) else "finished"
        return f"<{type(self).__name__}({self._fname}): {state}>"

    # Waiting

    def done(self) -> bool:
        """Tell whether all tasks have ended."""
        if self._outcomes is not None:
            return True
        if not _tasks.wait(self._ids, polling_time(self), False):
            return False
        self._finish()
        return True

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
            if timeout == 0:
                return self.done()
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
        failed = error.failures(self._outcomes)
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
        return error.as_one(failed, self._fname, self._single and len(self._ids) == 1)

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
            failed = error.failures([o for _, o in self._ended()])
            if failed and not return_exceptions:
                raise self._as_one(failed)
        self._must_be_done(timeout)
        if return_exceptions is None:
            return_exceptions = self._return_exceptions
        if not return_exceptions:
            failed = error.failures(self._outcomes)
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
        self._must_be_done(timeout)
        failed = error.failures(self._outcomes)
        return self._as_one(failed) if failed else None

    def _must_be_done(self, timeout: float | None = 0) -> None:
        if not self.wait(timeout):
            raise error.TimeoutError("Result not ready.")
        if self.cancelled():
            raise concurrent.futures.CancelledError

    def successful(self) -> bool:
        """Tell whether no task has raised anything; they must have ended."""
        if not self.done():
            raise RuntimeError("Cannot check successful() if not done.")
        return not error.failures(self._outcomes)

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
        self.get(timeout)
        engines, results = self["engine_id"], self._outcomes
        if not isinstance(engines, list):
            engines = [engines]
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
        if error.is_failure(outcome) and not self._return_exceptions:
            raise self._as_one([outcome])
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

    # Ending, parts and joins

    def abort(self) -> None:
        """Drop those tasks that have not begun."""
        if self.done():
            raise RuntimeError("Can't abort, I am already done!")
        self._client.abort(self)

    def cancel(self) -> bool:
        """Abort what has not begun, and give up the results of what has.

        Returns
        -------
        bool
            False when the tasks have ended before, else True: get() raises CancelledError.
        """
        if self.done():
            return self.cancelled()
        self._client.abort(self)
        with self._taking:
            if self._outcomes is None:
                given_up = error.as_failure(concurrent.futures.CancelledError())
                self._outcomes = [given_up] * len(self._ids)
                super().cancel()
                self.set_running_or_notify_cancel()
        return self.cancelled()

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
            self._client._watcher.add(self)
        super().add_done_callback(fn)

    def _repr_pretty_(self, p: object, cycle: bool) -> None:
        p.text(repr(self))


class AsyncHubResult(AsyncResult):
    """The result of tasks that another client has submitted; ipyparallel's hub would have it."""
