"""What clients know of tasks: who submitted them, who holds their results, what came of them."""

import threading
import time
import uuid
import weakref
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import ClassVar

import _mpirepl_tasks as _tasks

from mpirepl import error, serialize
from mpirepl._async_result import AsyncHubResult, AsyncResult
from mpirepl._lookup import Lookup, Names
from mpirepl._metadata import Metadata, as_datetime
from mpirepl._waiting import look
from mpirepl._watcher import Watcher

_KEPT = 100  # results that nobody has fetched or holds any more


class Submission:
    """What the tasks of one call have in common."""

    __slots__ = ("submitted", "label", "follow", "after", "method", "code")

    def __init__(self, method: str, label: str | None = None, code: str | None = None):
        self.submitted = time.time()
        self.method = method
        self.label = label
        self.code = code
        self.follow, self.after = [], []


def add_run(runs: list[list[int]], first: int, count: int) -> None:
    """Add tasks that follow each other to a history."""
    if runs and sum(runs[-1]) == first:
        runs[-1][1] += count
    else:
        runs.append([first, count])


class TaskBook:
    """The book that a client keeps of its tasks. What has ended is shared by all clients.

    Attributes
    ----------
    results, metadata : Lookup
        By name, until their owner has fetched them.
    """

    block = False
    session_id = uuid.uuid4().hex[:16]

    # What the clients of a process share, so that each finds the results of all:
    _submissions: ClassVar[dict[int, Submission]] = {}  # of all tasks that results hold
    _orphans: ClassVar[list[int]] = []
    _kept: ClassVar[dict[int, object]] = {}  # what tasks without an owner have come to
    _owned: ClassVar[dict[int, tuple[int, weakref.ref]]] = {}  # by first task: how many, whose
    _firsts: ClassVar[list[int]] = []  # ascending
    _owning: ClassVar[threading.RLock] = threading.RLock()  # results may end in any thread

    def __init__(self):
        self._ranges: list[list[int]] = []  # of the tasks: the first, and how many
        self._known: dict[int, Submission] = {}  # that their owners have not fetched
        self._watcher = Watcher()
        self._polled: float | None = None
        self.results = Lookup(self._names, self._result_named, self._no_result)
        self.metadata = Lookup(self._names, self._about_named, self._new_metadata)

    # Names and owners

    def _note(self, first: int, count: int, submission: Submission) -> range:
        ids = range(first, first + count)
        fresh = dict.fromkeys(ids, submission)
        self._known.update(fresh)
        self._submissions.update(fresh)
        add_run(self._ranges, first, count)
        return ids

    def _name(self, number: int) -> str:
        return f"{self.session_id}_{number}"

    def _number(self, name: object) -> int:
        session, _, number = str(name).rpartition("_")
        if session != self.session_id or not number.isdigit():
            raise KeyError(f"No such msg_id: {name!r}")
        return int(number)

    def _names(self) -> list[str]:
        return Names(self)

    def _submitted(self, number: int) -> float:
        submission = self._submissions.get(number)
        return submission.submitted if submission else time.time()

    @staticmethod
    def _peek(number: int) -> tuple | None:
        return _tasks.peek(number)

    def _engine_of(self, number: int) -> int | None:
        about = self._peek(number)
        return about and about[2]

    def _engine_info(self, engine: int, method: str) -> dict:
        return {
            "engine_id": engine if engine >= 0 else "?",
            "engine_uuid": self._engine_uuid(engine),
            "method": method,
        }

    def _engine_uuid(self, engine: int) -> str | None:
        return f"{self.session_id}-{engine}" if engine >= 0 else None

    def _has_all(self, result: AsyncResult) -> bool:
        """Tell whether a result is the only one that can have fetched its tasks."""
        ids = result._ids
        alone = isinstance(ids, range) and len(ids) > 0 and self._owner_of(ids[0]) is result
        return alone and not self._kept

    def _outcomes(self, ids: Iterable[int]) -> list:
        """Return what tasks that have ended have come to: values and exceptions."""
        loads, outcome, submissions = serialize.loads, self._decoded, self._submissions
        found = []
        for number, taken in zip(ids, _tasks.take_all(ids), strict=True):
            if taken is not None and taken[0] == 0 and submissions[number].method != "execute":
                try:
                    found.append(loads(taken[1], taken[2]))
                except Exception as problem:
                    found.append(error.as_failure(problem))
            else:
                found.append(outcome(number, taken))
        return found

    def _shared(self, number: int, asking: AsyncResult | None) -> object:
        """Return what a task has come to, from the result that owns it if that is another one."""
        owner = self._owner_of(number)
        if owner is not None and owner is not asking:
            return owner._outcome_named(number)
        if number not in self._kept:
            outcome = self._decoded(number, _tasks.take(number))
            if owner is not None:
                return outcome
            self._kept[number] = outcome
        return self._kept[number]

    def _decoded(self, number: int, taken: tuple | None) -> object:
        if taken is None:
            return error.as_failure(KeyError(f"No such msg_id: {self._name(number)!r}"))
        status, value, buffers = taken
        submission = self._submissions.get(number) or Submission("apply")
        engine = (self._peek(number) or (0, 0, -1))[2]
        if status in error.BY_STATUS:
            failed = error.BY_STATUS[status](self._engine_info(engine, submission.method))
            return error.as_failure(failed)
        try:
            loaded = serialize.loads(value, buffers)
        except Exception as problem:
            return error.as_failure(problem)
        if status == 0:
            if submission.method == "execute":
                from mpirepl._execute import ExecuteReply

                return ExecuteReply(self._name(number), loaded, self._about(number))
            return loaded
        ename, evalue, traceback, _ = loaded
        info = self._engine_info(engine, submission.method)
        return error.as_failure(error.RemoteError(ename, evalue, traceback, info))

    def _about(self, number: int) -> Metadata:
        """Return what is known of a task."""
        own = dict.get(self.metadata, self._name(number))
        about = own if own is not None else Metadata(msg_id=self._name(number))
        submission = self._submissions.get(number)
        if submission:
            about["submitted"] = as_datetime(submission.submitted)
            about["label"] = submission.label
            about["execute_input"] = submission.code
            about["follow"] = submission.follow
            about["after"] = submission.after
        found = self._peek(number)
        if found is None:
            return about
        ended, status, engine, started, completed, received, out, err, data = found
        about["stdout"] = out.decode("utf-8", "replace")
        about["stderr"] = err.decode("utf-8", "replace")
        if engine >= 0:
            about["engine_id"] = engine
            about["engine_uuid"] = self._engine_uuid(engine)
        published, outputs, result = {}, [], None
        for piece in data:
            kind, content = serialize.loads(piece, [])
            if kind == "data":
                published.update(content)
            elif kind == "output":
                outputs.append(content)
            elif kind == "result":
                result = content
        about["data"], about["outputs"], about["execute_result"] = published, outputs, result
        if ended:
            about["status"] = "ok" if status == 0 else "aborted" if status == 2 else "error"
            about["started"] = as_datetime(started)
            about["completed"] = as_datetime(completed)
            about["received"] = as_datetime(received)
            if status != 0:
                about["error"] = self._error_of(number)
        return about

    def _error_of(self, number: int) -> Exception | None:
        if not _tasks.ended(number):
            return None
        owner = self._owner_of(number)
        if owner is not None and owner._decoding:
            return None
        outcome = self._shared(number, None)
        return outcome if error.is_failure(outcome) else None

    def _own(self, result: AsyncResult, instead_of: Iterable[AsyncResult] = ()) -> None:
        """Note that a result holds its tasks, which others may have held until now."""
        with self._owning:
            for other in instead_of:
                other.owner = False
                self._disown(other._ids)
            for first, count in _runs(result._ids):
                if first not in self._owned:
                    insort(self._firsts, first)
                self._owned[first] = count, weakref.ref(result)

    def _disown(self, ids: Iterable[int]) -> None:
        with self._owning:
            for first, _ in _runs(ids):
                if self._owned.pop(first, None):
                    del self._firsts[bisect_left(self._firsts, first)]

    def _owner_of(self, number: int) -> AsyncResult | None:
        """Return the result that holds a task, if there is one."""
        with self._owning:
            i = bisect_right(self._firsts, number) - 1
            if i < 0:
                return None
            first = self._firsts[i]
            count, owner = self._owned[first]
            return owner() if number < first + count else None

    def _fetched(self, ids: Iterable[int], owner: bool) -> None:
        self._polled = None
        if owner:
            for number in ids:
                self._known.pop(number, None)

    def _await(self, ids: range, fname: str, single: bool) -> object:
        """Wait for tasks whose result nobody is given to hold; return what they have come to.

        The same as a result's get(), without the cost of a future, which small tasks feel.
        """
        fetched = False
        try:
            _tasks.wait(ids, -1.0, False)
            if self._kept or self._owner_of(ids[0]):  # someone has asked for them by name
                outcomes = [self._shared(number, None) for number in ids]
            else:
                outcomes = self._outcomes(ids)
            fetched = True
            self._fetched(ids, True)
        finally:
            if self._owner_of(ids[0]) is None:
                self._dropped(ids, fetched)
        failed = error.failures(outcomes)
        if failed:
            raise error.as_one(failed, fname, single)
        return outcomes[0] if single else outcomes

    def _dropped(self, ids: Iterable[int], fetched: bool) -> None:
        """Note that nobody holds these results any more."""
        self._disown(ids)
        if fetched:
            for number in ids:
                self._known.pop(number, None)  # still there where the result was cancelled
                self._submissions.pop(number, None)
            _tasks.forget(list(ids))
            return
        self._orphans += ids
        while len(self._orphans) > _KEPT:
            number = self._orphans.pop(0)
            self._known.pop(number, None)
            self._submissions.pop(number, None)
            self._kept.pop(number, None)
            _tasks.forget([number])

    def _result_named(self, name: str) -> object:
        number = self._number(name)
        if not _tasks.ended(number):
            raise KeyError(name)
        return self._shared(number, None)

    @staticmethod
    def _no_result(results: dict, name: str) -> object:
        raise KeyError(name)

    def _about_named(self, name: str) -> Metadata:
        look(self)
        return self._about(self._number(name))

    @staticmethod
    def _new_metadata(metadata: dict, name: str) -> Metadata:
        metadata[name] = Metadata(msg_id=name)
        return dict.__getitem__(metadata, name)

    # For users

    @property
    def history(self) -> list[str]:
        """The names of all tasks, in the order of their submission."""
        return [self._name(first + i) for first, count in self._ranges for i in range(count)]

    @property
    def outstanding(self) -> set[str]:
        """The names of the tasks that have not ended."""
        look(self)
        known = self._known
        names = {self._name(number) for number, *_ in _tasks.outstanding() if number in known}
        if not names:
            self._polled = None
        return names

    def _ids_of(self, jobs: object) -> list[int]:
        """Return the tasks that names, numbers in history, results or lists of them mean."""
        if isinstance(jobs, AsyncResult):
            return list(jobs._ids)
        if isinstance(jobs, str):
            return [self._number(jobs)]
        if isinstance(jobs, int):
            return [self._number(self.history[jobs])]
        if isinstance(jobs, Iterable):
            return [number for job in jobs for number in self._ids_of(job)]
        raise TypeError(f"a task is named by its msg_id, not by {type(jobs).__name__}")

    def get_result(
        self, indices_or_msg_ids: object = -1, block: bool | None = None, owner: bool = True
    ) -> AsyncResult:
        """Return the result of tasks: by name, number in history, result, or a list of these."""
        jobs = indices_or_msg_ids
        ids = self._ids_of(-1 if jobs is None else jobs)
        for number in ids:
            if number not in self._submissions:
                raise KeyError(f"No such msg_id: {self._name(number)!r}")
        single = len(ids) == 1 and not isinstance(jobs, (list, tuple))
        method = self._submissions[ids[0]].method if ids else "get_result"
        local = all(_tasks.ended(number) or self._has_submitted(number) for number in ids)
        kind = AsyncResult if local else AsyncHubResult
        result = kind(self, ids, method, single=single, owner=owner)
        holders = [self._owner_of(number) for number in ids]
        result._whole = holders  # whose end would forget the tasks
        for number, holder in zip(ids, holders, strict=True):
            if holder is None:
                if number in self._orphans:
                    self._orphans.remove(number)
                if number in self._kept:
                    result._early[number] = self._kept.pop(number)
        if owner and not any(holders):
            self._own(result)
        else:
            result.owner = False
        if self.block if block is None else block:
            result.wait()
        return result

    def _has_submitted(self, number: int) -> bool:
        return any(first <= number < first + count for first, count in self._ranges)

    def purge_local_results(self, jobs: object = None, targets: object = None) -> None:
        """Forget results that have come: of tasks, and of all that engines have run."""
        jobs = jobs or []
        if not jobs and targets in (None, []):
            raise ValueError("Must specify at least one of `targets` and `jobs`")
        for name in jobs if isinstance(jobs, (list, tuple)) else [jobs]:
            if isinstance(name, str) and name != "all" and name in self.metadata:
                dict.pop(self.results, name, None)
                dict.pop(self.metadata, name, None)
                if name not in self._names():
                    return
        everything = isinstance(jobs, str) and jobs == "all"
        ids = list(self._submissions) if everything else self._ids_of(jobs)
        if targets not in (None, []):
            ranks = self._chosen(targets)[0]
            ids += [number for number in self._submissions if self._engine_of(number) in ranks]
        running = [number for number in ids if not _tasks.ended(number)]
        if running:
            raise RuntimeError(
                f"Can't purge outstanding tasks: {[self._name(number) for number in running]}"
            )
        for number in ids:
            self._known.pop(number, None)
            dict.pop(self.results, self._name(number), None)
            dict.pop(self.metadata, self._name(number), None)
        if everything:
            dict.clear(self.results)
            dict.clear(self.metadata)

    def purge_hub_results(self, jobs: object = None, targets: object = None) -> None:
        """Do nothing: there is no hub."""

    def purge_results(self, jobs: object = None, targets: object = None) -> None:
        """Forget results that have come."""
        self.purge_local_results(jobs, targets)

    def purge_everything(self) -> None:
        """Forget all results and the history."""
        self.purge_local_results("all")
        self._ranges.clear()


def _runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first task and the number of tasks of each run."""
    if isinstance(ids, range):
        return [(ids.start, len(ids))] if ids else []
    return [(number, 1) for number in ids]
