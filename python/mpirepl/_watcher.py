"""Noticing the end of tasks for whom nobody waits."""

import threading

import _mpirepl_tasks as _tasks


class Watcher:
    """Looks after results that have callbacks, in a thread that lives as long as there are any."""

    def __init__(self):
        self._watched: list = []
        self._thread: threading.Thread | None = None
        self._ending = False

    def add(self, result: object) -> None:
        """Notice when a result is there."""
        self._watched.append(result)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._look_after, daemon=True, name="mpirepl-results"
            )
            threading._register_atexit(self._end)  # it must not outlive Python
            self._thread.start()

    def _look_after(self) -> None:
        while self._watched and not self._ending:
            before = _tasks.events()
            self._watched = [result for result in self._watched if not result.done()]
            if self._watched:
                _tasks.wait_event(before, 0.1)

    def _end(self) -> None:
        self._ending = True
        if self._thread is not None:
            self._thread.join()
