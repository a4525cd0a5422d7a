"""How to wait for results, and how others wait for them: rank 0's engine works meanwhile."""

import concurrent.futures
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterable

import _mpirepl_tasks as _tasks

FIRST_COMPLETED = concurrent.futures.FIRST_COMPLETED
FIRST_EXCEPTION = concurrent.futures.FIRST_EXCEPTION
ALL_COMPLETED = concurrent.futures.ALL_COMPLETED

_POLLS = 0.05  # seconds of looking again and again
_SHORT = 1e-4  # so long a look waits then


def polling_time(looked_at: object) -> float:
    """Return how long a look at a client or a result, how far it is, may wait.

    A program that looks again and again is waiting. Its first look, the time of which is kept in
    `looked_at._polled`, does not let rank 0's engine work; later ones do, or the end never came.
    """
    now = time.monotonic()
    if looked_at._polled is None:
        looked_at._polled = now
    return _SHORT if now - looked_at._polled > _POLLS else 0.0


def look(looked_at: object) -> None:
    """Let rank 0's engine work if this is not the first look."""
    if short := polling_time(looked_at):
        _tasks.wait_event(_tasks.events(), short)


def let_threads_wait() -> None:
    """Have the main thread run rank 0's tasks when another thread waits for them.

    It may be in a join, in an event loop or in a computation; all of these run Python's handlers of
    signals. SIGURG is ignored where nobody handles it, and interrupts none of the usual programs.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGURG) is signal.SIG_DFL:
        signal.signal(signal.SIGURG, lambda *_: _tasks.work_now())


class WorkingEvent:
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


class Waiters(list):
    """Those who wait for a future by way of concurrent.futures."""

    def __init__(self, future: concurrent.futures.Future):
        super().__init__()
        self._future = weakref.ref(future)  # it has this; a circle would live until it is collected

    def append(self, waiter: object) -> None:
        future = self._future()
        if not isinstance(waiter.event, WorkingEvent):
            waiter.event = WorkingEvent(waiter.event)
        waiter.event._watches.append(future.done)
        super().append(waiter)
        future.done()  # only now: the waiter has counted it among those that will tell of their end


def wait(
    results: Iterable, timeout: float | None = None, return_when: str = ALL_COMPLETED
) -> tuple[set, set]:
    """Wait for results and foreign futures, as concurrent.futures.wait does.

    Returns
    -------
    done, pending : set
    """
    results = list(results)
    foreign = any(not isinstance(getattr(r, "_waiters", None), Waiters) for r in results)
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
        in_time = _tasks.wait_event(before, min(left, 0.01) if foreign else left)
        if not in_time and deadline is not None and time.monotonic() >= deadline:
            return done, pending  # whatever a task of rank 0 that lasted longer has let come


def _failed(result: concurrent.futures.Future) -> bool:
    return not result.cancelled() and result.exception() is not None
