"""The client: rank 0's way to the engines."""

import re
import signal as signals
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress

import _mpirepl
import _mpirepl_tasks as _tasks

from mpirepl import (
    _engine,
    _run,
    _start,
    _submodules,
    asyncresult,
    error,
    remotefunction,
    serialize,
    view,
)
from mpirepl._async_result import AsyncResult
from mpirepl._task_book import Submission, TaskBook
from mpirepl._view import call_on
from mpirepl._waiting import let_threads_wait, look, wait
from mpirepl.view import BroadcastView, DirectView, LoadBalancedView

_submodules.hold(
    __name__,
    asyncresult=asyncresult,
    client=sys.modules[__name__],
    remotefunction=remotefunction,
    view=view,
)


class Client(TaskBook):
    """A client of the engines, which are the ranks of this session.

    It lives on rank 0. Indexing gives views: ``rc[0]``, ``rc[1:3]``, ``rc[:]``.

    Parameters
    ----------
    ranks : str
        Which ranks are its engines, as in %targets; all by default.
    options : object
        What a client of ipyparallel needs to find its cluster; not needed here.
    """

    def __new__(cls, *args: object, **options: object) -> "Client":
        """Take no notice of arguments, also when a test has put something in the place of this."""
        return super().__new__(cls)

    def __init__(self, *args: object, ranks: str = "all", **options: object):
        if _mpirepl.rank != 0:
            raise RuntimeError(
                "clients live on rank 0: begin the cell with %%targets 0, or the program with "
                "mpiexec -n N mpirepl --targets 0 FILE"
            )
        super().__init__()
        options.pop("cluster", None)
        if args or options:
            names = ", ".join([*map(repr, args), *options])
            warnings.warn(f"Client() needs no {names}: the engines are there", stacklevel=2)
        spec = re.sub(r"(\d)-\s*(?=,|$)", r"\1:", ranks)  # "1-": to the end
        self._ids = list(_mpirepl.ranks(spec))
        self.cluster: object = None  # what has made it, if a Cluster has
        self.debug = False
        self.profile = "default"
        self._closed = False
        let_threads_wait()
        _tasks.at_end(_run.leave)
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
        submission: Submission,
        stops: bool = False,
        gathered: bool = False,
    ) -> range:
        self._must_be_open()
        self._share_path()
        first = _tasks.submit(targets, function, arguments, buffers, stops, gathered)
        return self._note(first, len(targets), submission)

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
            raise RuntimeError("this client has been closed")

    # What is going on

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
                with suppress(KeyError):  # what nobody has submitted is not outstanding
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
        import concurrent.futures

        n = len(self) if n is None else n
        ready: concurrent.futures.Future = concurrent.futures.Future()
        if n <= len(self):
            ready.set_result(None)
        else:
            ready.set_exception(
                error.TimeoutError(
                    f"{n} engines were not ready: there are {len(self)} ranks, more are started by "
                    f"mpiexec -n {n} mpirepl"
                )
            )
        return ready.result() if block else ready

    def abort(self, jobs: object = None, targets: object = None, block: bool | None = None) -> None:
        """Drop tasks that have not begun; by default all of them."""
        if jobs is None:
            ids = [self._number(name) for name in self.outstanding]
        else:
            ids = self._ids_of(jobs)
        if ids:
            _tasks.abort(ids)

    def queue_status(self, targets: object = "all", verbose: bool = False) -> dict:
        """Return how many tasks wait and have ended, by engine; their names, if `verbose`."""
        look(self)
        chosen, single = self._chosen(targets)
        found = self._listed(chosen) if verbose else self._counted(chosen)
        return found[chosen[0]] if single else found

    @staticmethod
    def _counted(ranks: list[int]) -> dict:
        loads, unassigned = _tasks.status()
        found = {
            rank: {"queue": loads[rank][0], "completed": loads[rank][2], "tasks": loads[rank][1]}
            for rank in ranks
        }
        return {**found, "unassigned": unassigned}

    def _listed(self, ranks: list[int]) -> dict:
        found: dict = {rank: {"queue": [], "completed": [], "tasks": []} for rank in ranks}
        found["unassigned"] = []
        for number, engine, balanced in _tasks.outstanding():
            if engine < 0:
                found["unassigned"].append(self._name(number))
            elif engine in found:
                found[engine]["tasks" if balanced else "queue"].append(self._name(number))
        for number in self._submissions:
            if _tasks.ended(number) and (engine := self._engine_of(number)) in found:
                found[engine]["completed"].append(self._name(number))
        return found

    def spin(self) -> None:
        """Let rank 0's engine work if that is asked again and again; results come by themselves."""
        look(self)

    def spin_thread(self, interval: float = 1) -> None:
        """Do nothing: results come by themselves."""

    def stop_spin_thread(self) -> None:
        """Do nothing: there is no such thread."""

    # Engines as processes

    def clear(self, targets: object = None, block: bool | None = None) -> AsyncResult | None:
        """Remove the names that cells and tasks have defined."""
        view = self.direct_view("all" if targets is None else targets)
        result = call_on(view, _engine.clear, (), "clear")
        if not (self.block if block is None else block):
            return result
        result.get()
        return None

    def send_signal(
        self, sig: object, targets: object = None, block: bool | None = None
    ) -> AsyncResult | None:
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
        return None if (self.block if block is None else block) else done

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
        view = self.direct_view(targets, block=True)
        view.activate(suffix)
        return view

    def executor(self, targets: object = None) -> object:
        """Return a concurrent.futures.Executor that balances its tasks."""
        return self.load_balanced_view(targets).executor

    def become_dask(self, targets: object = "all", **options: object) -> object:
        """Start dask's scheduler here and a worker in each engine, and return its client."""
        from mpirepl import _dask

        return _dask.become(self, targets, **options)

    become_distributed = become_dask

    def stop_dask(self, targets: object = "all") -> None:
        """End what become_dask() has started."""
        from mpirepl import _dask

        _dask.stop(self, targets)

    stop_distributed = stop_dask

    def result_status(self, msg_ids: object, status_only: bool = True) -> dict:
        """Return the names of tasks that have ended ("completed") and of the others ("pending").

        Unless `status_only`, the results of those that have ended are there too, by name.
        """
        look(self)
        status: dict = {"status": "ok", "pending": [], "completed": []}
        for number in self._ids_of(msg_ids):
            ended = _tasks.ended(number)
            status["completed" if ended else "pending"].append(self._name(number))
        if not status_only:
            found = status["completed"]
            status |= {name: self.get_result(name, owner=False).get() for name in found}
        return status

    def resubmit(self, *_: object, **__: object) -> None:
        """Refuse: what was sent is not kept."""
        raise NotImplementedError("what a task was is not kept: submit it anew, or use retries")

    def db_query(self, query: dict, keys: object = None) -> list:
        """Refuse: there is no database of tasks."""
        raise NotImplementedError("there is no task database: metadata and history are here")

    def hub_history(self) -> list[str]:
        """Return the history, which is all there is."""
        return self.history


def _is_all(targets: object) -> bool:
    return isinstance(targets, str) and targets == "all"


def _activate_magics(client: Client) -> None:
    """Register %px and its kind with IPython, if this runs in it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    if shell is None or "px" in shell.magics_manager.magics["line"]:
        return
    from mpirepl import magics

    magics.activate(client.direct_view(block=True), "")
