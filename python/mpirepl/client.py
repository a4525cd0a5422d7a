"""The client: rank 0's way to the engines."""

import os
import re
import signal as signals
import sys
import threading
import time
import uuid
import warnings
import weakref
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

import _mpirepl
import _mpirepl_tasks as _tasks

from mpirepl import _engine, _start, error, serialize
from mpirepl._metadata import Metadata
from mpirepl.asyncresult import AsyncResult, as_datetime, wait
from mpirepl.view import BroadcastView, DirectView, LoadBalancedView, add_run, call_on

_KEPT = 100  # results that nobody has fetched or holds any more


class _Submission:
    """What the tasks of one call have in common."""

    __slots__ = ("submitted", "label", "follow", "after", "method", "code")

    def __init__(self, method: str, label: str | None = None, code: str | None = None):
        self.submitted = time.time()
        self.method = method
        self.label = label
        self.code = code
        self.follow = self.after = None


class _Lookup(dict):
    """results and metadata: by task, until their owner has fetched them."""

    def __init__(self, known: Callable, find: Callable, missing: Callable):
        super().__init__()
        self._known = known
        self._find = find
        self._none = missing

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or name in self._known()

    def __missing__(self, name: str) -> object:
        if name in self._known():
            return self._find(name)
        return self._none(self, name)

    def _names(self) -> list[str]:
        return list(dict.fromkeys([*self._known(), *dict.keys(self)]))

    def __len__(self) -> int:
        return len(self._names())

    def __iter__(self) -> Iterator:
        return iter(self._names())

    def keys(self) -> list[str]:
        return self._names()

    def values(self) -> list:
        return [self[name] for name in self._names()]

    def items(self) -> list[tuple]:
        return [(name, self[name]) for name in self._names()]

    def get(self, name: str, default: object = None) -> object:
        return self[name] if name in self else default  # noqa: SIM401 (this is that get)

    def __bool__(self) -> bool:
        return bool(self._names())


class Client:
    """A client of the engines, which are the ranks of this session.

    It lives on rank 0. Indexing gives views: ``rc[0]``, ``rc[1:3]``, ``rc[:]``.

    Parameters
    ----------
    ranks : str
        Which ranks are its engines, as in %targets; all by default.
    options : object
        What a client of ipyparallel needs to find its cluster; not needed here.
    """

    block = False
    session_id = uuid.uuid4().hex[:16]

    # What the clients of a process share, so that each finds the results of all:
    _submissions: ClassVar[dict[int, _Submission]] = {}  # of all tasks that results hold
    _orphans: ClassVar[list[int]] = []
    _kept: ClassVar[dict[int, object]] = {}  # what tasks without an owner have come to
    _owned: ClassVar[dict[int, tuple[int, weakref.ref]]] = {}  # by first task: how many, whose
    _firsts: ClassVar[list[int]] = []  # ascending

    def __init__(self, *args: object, ranks: str = "all", **options: object):
        if _mpirepl.rank != 0:
            raise RuntimeError(
                "clients live on rank 0: begin the cell with %%targets 0, or the program with "
                "mpiexec -n N mpirepl --targets 0 FILE"
            )
        options.pop("cluster", None)
        if args or options:
            names = ", ".join([*map(repr, args), *options])
            warnings.warn(f"Client() needs no {names}: the engines are there", stacklevel=2)
        spec = re.sub(r"(\d)-\s*(?=,|$)", r"\1:", ranks)  # "1-": to the end
        self._ids = list(_mpirepl.ranks(spec))
        self.debug = False
        self.profile = "default"
        self._closed = False
        self._ranges: list[list[int]] = []  # of the tasks: the first, and how many
        self._known: dict[int, _Submission] = {}  # that their owners have not fetched
        self._watched: list[AsyncResult] = []
        self._watcher: threading.Thread | None = None
        self._ending = False
        self.results = _Lookup(self._names, self._result_named, self._no_result)
        self.metadata = _Lookup(self._names, self._about_named, self._new_metadata)
        _activate_magics(self)

    # Engines and views

    @property
    def ids(self) -> list[int]:
        """The ranks that are engines of this client."""
        return list(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[DirectView]:
        for rank in self._ids:
            yield self.direct_view(rank)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._ids)} ranks>"

    def __getitem__(self, key: object) -> DirectView:
        if not isinstance(key, (int, slice, tuple, list, range)):
            raise TypeError(f"key by int/slice/iterable of ints only, not {type(key)}")
        return self.direct_view(key)

    def direct_view(self, targets: object = "all", **flags: object) -> DirectView:
        """Return a view of engines; `targets` as in indexing, or "all"."""
        chosen, single = self._chosen(targets)
        view_targets = "all" if _is_all(targets) else chosen[0] if single else chosen
        return DirectView(self, view_targets, **flags)

    def load_balanced_view(self, targets: object = None, **flags: object) -> LoadBalancedView:
        """Return a view that gives each task to an engine that has nothing to do."""
        chosen = None if targets is None or _is_all(targets) else self._chosen(targets)[0]
        return LoadBalancedView(self, chosen, **flags)

    def broadcast_view(
        self, targets: object = "all", is_coalescing: bool = False, **flags: object
    ) -> BroadcastView:
        """Return a direct view, as all of them broadcast; `is_coalescing` changes nothing."""
        chosen, single = self._chosen(targets)
        view = BroadcastView(self, chosen[0] if single else chosen, **flags)
        view.is_coalescing = is_coalescing
        return view

    def _chosen(self, targets: object) -> tuple[list[int], bool]:
        """Return the ranks that targets name, and whether they name one alone."""
        if _is_all(targets) or targets is None:
            return list(self._ids), False
        if isinstance(targets, str):
            raise TypeError(f"{targets!r} is not a valid str target, must be 'all'")
        if isinstance(targets, slice):
            return self._ids[targets], False
        if isinstance(targets, int) or hasattr(targets, "__index__"):
            return [self._rank_at(targets)], True
        return [self._rank_at(target) for target in targets], False

    def _rank_at(self, index: int) -> int:
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise TypeError(f"key by int/slice/iterable of ints only, not {type(index)}")
        try:
            return self._ids[index]
        except IndexError:
            raise IndexError(f"No such engine: {index}; there are {len(self._ids)}") from None

    def _targets(self, targets: object) -> list[int]:
        """Return the ranks of what a view has as targets, which are ranks already."""
        if _is_all(targets) or targets is None:
            return list(self._ids)
        if isinstance(targets, int):
            targets = [targets]
        for rank in targets:
            if rank not in self._ids:
                raise IndexError(f"No such engine: {rank}")
        return list(targets)

    @property
    def _engines(self) -> dict[int, str]:
        return {rank: self._engine_uuid(rank) for rank in self._ids}

    # Tasks, for views

    def _submit(
        self,
        targets: list[int],
        function: bytes,
        arguments: list[bytes],
        buffers: list[list],
        submission: _Submission,
        stops: bool = False,
        gathered: bool = False,
    ) -> range:
        self._must_be_open()
        self._share_path()
        first = _tasks.submit(targets, function, arguments, buffers, stops, gathered)
        return self._note(first, len(targets), submission)

    def _note(self, first: int, count: int, submission: _Submission) -> range:
        ids = range(first, first + count)
        fresh = dict.fromkeys(ids, submission)
        self._known.update(fresh)
        self._submissions.update(fresh)
        add_run(self._ranges, first, count)
        return ids

    @staticmethod
    def _share_path() -> None:
        """Let the engines find the modules that the program finds."""
        if sys.path == _start.path:
            return
        added = [entry for entry in sys.path if entry not in _start.path]
        _start.path = list(sys.path)
        if not added or _mpirepl.size == 1:
            return
        function, _ = serialize.dumps(_engine.extend_path)
        argument, _ = serialize.dumps(((added,), {}))
        others = list(range(1, _mpirepl.size))
        first = _tasks.submit(others, _engine.CALL + function, [argument], [[]], False, False)
        _tasks.forget(list(range(first, first + len(others))))

    def _must_be_open(self) -> None:
        if self._closed:
            raise OSError("this client has been closed")

    def _name(self, number: int) -> str:
        return f"{self.session_id}_{number}"

    def _number(self, name: object) -> int:
        session, _, number = str(name).rpartition("_")
        if session != self.session_id or not number.isdigit():
            raise KeyError(f"No such msg_id: {name!r}")
        return int(number)

    def _names(self) -> list[str]:
        return _Names(self)

    def _submitted(self, number: int) -> float:
        submission = self._submissions.get(number)
        return submission.submitted if submission else time.time()

    @staticmethod
    def _peek(number: int) -> tuple | None:
        return _tasks.peek(number)

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
                    found.append(problem)
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
            return KeyError(f"No such msg_id: {self._name(number)!r}")
        status, value, buffers = taken
        submission = self._submissions.get(number) or _Submission("apply")
        engine = (self._peek(number) or (0, 0, -1))[2]
        if status in error.BY_STATUS:
            return error.BY_STATUS[status](self._engine_info(engine, submission.method))
        try:
            loaded = serialize.loads(value, buffers)
        except Exception as problem:
            return problem
        if status == 0:
            if submission.method == "execute":
                from mpirepl._execute import ExecuteReply

                return ExecuteReply(self._name(number), loaded, self._about(number))
            return loaded
        ename, evalue, traceback, _ = loaded
        return error.RemoteError(
            ename, evalue, traceback, self._engine_info(engine, submission.method)
        )

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
        return outcome if isinstance(outcome, Exception) else None

    def _own(self, result: AsyncResult) -> None:
        """Note that a result holds its tasks."""
        for first, count in _runs(result._ids):
            self._owned[first] = count, weakref.ref(result)
            insort(self._firsts, first)

    def _disown(self, ids: Iterable[int]) -> None:
        for first, _ in _runs(ids):
            if self._owned.pop(first, None):
                del self._firsts[bisect_left(self._firsts, first)]

    def _owner_of(self, number: int) -> AsyncResult | None:
        """Return the result that holds a task, if there is one."""
        i = bisect_right(self._firsts, number) - 1
        if i < 0:
            return None
        first = self._firsts[i]
        count, owner = self._owned[first]
        return owner() if number < first + count else None

    def _fetched(self, ids: Iterable[int], owner: bool) -> None:
        if owner:
            for number in ids:
                self._known.pop(number, None)

    def _dropped(self, ids: Iterable[int], fetched: bool) -> None:
        """Note that nobody holds these results any more."""
        self._disown(ids)
        if fetched:
            for number in ids:
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
        return self._about(self._number(name))

    @staticmethod
    def _new_metadata(metadata: dict, name: str) -> Metadata:
        metadata[name] = Metadata(msg_id=name)
        return dict.__getitem__(metadata, name)

    # What is going on

    @property
    def history(self) -> list[str]:
        """The names of all tasks, in the order of their submission."""
        return [self._name(first + i) for first, count in self._ranges for i in range(count)]

    @property
    def outstanding(self) -> set[str]:
        """The names of the tasks that have not ended."""
        known = self._known
        return {self._name(number) for number in _tasks.outstanding() if number in known}

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
        result = AsyncResult(self, ids, method, single=single, owner=owner)
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

    def wait(self, jobs: object = None, timeout: float | None = -1) -> bool:
        """Wait for tasks, by default all; foreign futures may be among them."""
        timeout = None if timeout is None or timeout < 0 else timeout
        if jobs is None:
            jobs = [self._number(name) for name in self.outstanding]
            return _tasks.wait(jobs, -1.0 if timeout is None else timeout, False)
        if isinstance(jobs, (int, str)) or hasattr(jobs, "done"):
            jobs = [jobs]
        futures, ids = [], []
        for job in jobs:
            if hasattr(job, "add_done_callback"):
                futures.append(job)
            else:
                ids += self._ids_of(job)
        if ids:
            futures.append(AsyncResult(self, ids, "wait"))
        return not wait(futures, timeout)[1]

    def wait_interactive(
        self,
        jobs: object = None,
        interval: float = 0.1,
        timeout: float = -1.0,
        return_when: str = "ALL_COMPLETED",
        **options: object,
    ) -> bool:
        """Wait for tasks with a progress bar."""
        from mpirepl import _output

        if jobs is None:
            ids = [self._number(name) for name in self.outstanding]
        else:
            ids = self._ids_of(jobs)
        result = AsyncResult(self, ids, "tasks")
        return _output.wait_interactive([result], interval, timeout, return_when, "tasks")

    def wait_for_engines(
        self, n: int | None = None, *, timeout: float = -1, block: bool = True, **options: object
    ) -> object:
        """Return at once when there are `n` engines, which do not become more."""
        n = len(self) if n is None else n
        if n > len(self):
            raise error.TimeoutError(
                f"{n} engines were not ready: there are {len(self)} ranks, more are started by "
                f"mpiexec -n {n} mpirepl"
            )
        if block:
            return None
        import concurrent.futures

        ready: concurrent.futures.Future = concurrent.futures.Future()
        ready.set_result(None)
        return ready

    def abort(self, jobs: object = None, targets: object = None, block: bool | None = None) -> None:
        """Drop tasks that have not begun; by default all of them."""
        if jobs is None:
            ids = [self._number(name) for name in self.outstanding]
        else:
            ids = self._ids_of(jobs)
        if ids:
            _tasks.abort(ids)

    def queue_status(self, targets: object = "all", verbose: bool = False) -> dict:
        """Return how many tasks wait and have ended, by engine."""
        loads, unassigned = _tasks.status()
        chosen, single = self._chosen(targets)
        found = {
            rank: {"queue": loads[rank][0], "completed": loads[rank][2], "tasks": loads[rank][1]}
            for rank in chosen
        }
        if single:
            return found[chosen[0]]
        return {**found, "unassigned": unassigned}

    def purge_local_results(self, jobs: object = None, targets: object = None) -> None:
        """Forget results that have come."""
        jobs = [] if jobs is None else jobs
        for name in jobs if isinstance(jobs, (list, tuple)) else [jobs]:
            if isinstance(name, str) and name != "all" and name in self.metadata:
                dict.pop(self.results, name, None)
                dict.pop(self.metadata, name, None)
                if name not in self._names():
                    return
        everything = isinstance(jobs, str) and jobs == "all"
        ids = list(self._submissions) if everything else self._ids_of(jobs)
        running = [number for number in ids if not _tasks.ended(number)]
        if running:
            raise RuntimeError(
                f"Can't purge outstanding tasks: {[self._name(number) for number in running]}"
            )
        for number in ids:
            self._known.pop(number, None)
        if everything:
            dict.clear(self.results)
            dict.clear(self.metadata)

    def purge_hub_results(self, jobs: object = None, targets: object = None) -> None:
        """Do nothing: there is no hub."""

    def purge_results(self, jobs: object = None, targets: object = None) -> None:
        """Forget results that have come."""
        self.purge_local_results(jobs)

    def purge_everything(self) -> None:
        """Forget all results and the history."""
        self.purge_local_results("all")
        self._ranges.clear()

    def spin(self) -> None:
        """Do nothing: results come by themselves."""

    # Engines as processes

    def clear(self, targets: object = None, block: bool | None = None) -> AsyncResult:
        """Remove the names that cells and tasks have defined."""
        view = self.direct_view("all" if targets is None else targets)
        result = call_on(view, _engine.clear, (), "clear")
        if self.block if block is None else block:
            result.get()
        return result

    def send_signal(
        self, sig: object, targets: object = None, block: bool | None = None
    ) -> AsyncResult:
        """Send a signal to engines; SIGINT ends what they run with KeyboardInterrupt."""
        number = getattr(signals, sig) if isinstance(sig, str) else int(sig)
        number = int(number)
        chosen, _ = self._chosen(targets)
        if number and not (number == signals.SIGINT or number in signals.valid_signals()):
            raise ValueError(f"there is no signal {sig!r}")
        if number:
            _tasks.send_signal([rank for rank in chosen], number)
        done = AsyncResult(self, [], "send_signal")
        done._outcomes = [None] * len(chosen)
        done._ids = []
        return done

    def shutdown(
        self, targets: object = "all", hub: bool = False, block: bool | None = None, **_: object
    ) -> None:
        """Close the client; the ranks end with the session."""
        if hub or _is_all(targets):
            self.close()
            return
        gone = self._chosen(targets)[0]
        self._ids = [rank for rank in self._ids if rank not in gone]

    def close(self, linger: object = None) -> None:
        """End the use of this client."""
        self._closed = True

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def activate(self, targets: object = "all", suffix: str = "") -> DirectView:
        """Make %px and its kind act on a view, which is returned."""
        view = self.direct_view(targets)
        view.block = True
        view.activate(suffix)
        return view

    def executor(self, targets: object = None) -> object:
        """Return a concurrent.futures.Executor that balances its tasks."""
        return self.load_balanced_view(targets).executor

    def become_dask(self, targets: object = "all", **options: object) -> object:
        """Start dask's scheduler here and a worker in each engine, and return its client."""
        from mpirepl import _dask

        return _dask.become(self, targets, **options)

    def stop_dask(self, targets: object = "all") -> None:
        """End what become_dask() has started."""
        from mpirepl import _dask

        _dask.stop(self, targets)

    def db_query(self, query: dict, keys: object = None) -> list:
        """Refuse: there is no database of tasks."""
        raise NotImplementedError("there is no task database: metadata and history are here")

    def hub_history(self) -> list[str]:
        """Return the history, which is all there is."""
        return self.history

    # Noticing the end of tasks for whom nobody waits

    def _watch(self, result: AsyncResult) -> None:
        self._watched.append(result)
        if self._watcher is None or not self._watcher.is_alive():
            self._watcher = threading.Thread(
                target=self._look_after, daemon=True, name="mpirepl-results"
            )
            threading._register_atexit(self._end_watcher)  # it must not outlive Python
            self._watcher.start()

    def _look_after(self) -> None:
        while self._watched and not self._ending:
            before = _tasks.events()
            self._watched = [result for result in self._watched if not result.done()]
            if self._watched:
                _tasks.wait_event(before, 0.1)

    def _end_watcher(self) -> None:
        self._ending = True
        if self._watcher is not None:
            self._watcher.join()


class _Names:
    """The names of tasks whose results have not been fetched, as a collection."""

    def __init__(self, client: Client):
        self._client = client

    def __contains__(self, name: object) -> bool:
        try:
            return self._client._number(name) in self._client._known
        except KeyError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter([self._client._name(number) for number in list(self._client._known)])


class Cluster:
    """What a program of ipyparallel starts; here the ranks are there already.

    Parameters
    ----------
    n : int
        How many engines it wants: at most as many as there are ranks.
    """

    def __init__(self, n: int | None = None, **options: object):
        self.n = n
        self.options = options
        self.profile = options.get("profile", "")
        self.cluster_id = options.get("cluster_id", "")
        self._client: Client | None = None

    def _check(self) -> None:
        if self.n is not None and self.n > _mpirepl.size:
            raise RuntimeError(
                f"{self.n} engines are wanted and there are {_mpirepl.size} ranks: start with "
                f"mpiexec -n {self.n} mpirepl --targets 0 FILE"
            )

    def start_and_connect_sync(self, n: int | None = None, **_: object) -> Client:
        """Return a client of the ranks."""
        self.n = n or self.n
        return self.connect_client_sync()

    def connect_client_sync(self, **_: object) -> Client:
        """Return a client of the ranks."""
        self._check()
        if self.n is None or self.n == _mpirepl.size:
            return Client()
        return Client(ranks=f"0-{self.n - 1}")

    async def start_and_connect(self, n: int | None = None, **_: object) -> Client:
        """Return a client of the ranks."""
        return self.start_and_connect_sync(n)

    async def connect_client(self, **_: object) -> Client:
        """Return a client of the ranks."""
        return self.connect_client_sync()

    async def start_cluster(self, n: int | None = None, **_: object) -> "Cluster":
        """Do nothing: the ranks are there."""
        return self.start_cluster_sync(n)

    def start_cluster_sync(self, n: int | None = None, **_: object) -> "Cluster":
        """Do nothing: the ranks are there."""
        self.n = n or self.n
        self._check()
        return self

    async def stop_cluster(self, **_: object) -> None:
        """Do nothing: the ranks end with the session."""

    def stop_cluster_sync(self, **_: object) -> None:
        """Do nothing: the ranks end with the session."""

    async def signal_engines(self, signum: int, *_: object) -> None:
        """Send a signal to the engines."""
        self.signal_engines_sync(signum)

    def signal_engines_sync(self, signum: int, *_: object) -> None:
        """Send a signal to the engines."""
        Client().send_signal(signum)

    def __enter__(self) -> Client:
        self._client = self.start_and_connect_sync()
        return self._client

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    async def __aenter__(self) -> Client:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def __repr__(self) -> str:
        return f"<Cluster of {self.n or _mpirepl.size} ranks, process {os.getpid()}>"


def _runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first task and the number of tasks of each run."""
    if isinstance(ids, range):
        return [(ids.start, len(ids))] if ids else []
    return [(number, 1) for number in ids]


def _is_all(targets: object) -> bool:
    return isinstance(targets, str) and targets == "all"


def _activate_magics(client: Client) -> None:
    """Register %px and its kind with IPython, if this runs in it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    if shell is None or "px" in shell.magics_manager.magics["line"]:
        return
    client.activate()
