"""What a result tells of its tasks: metadata, times, output."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import _mpirepl_tasks as _tasks

from mpirepl import _output
from mpirepl._metadata import KEYS
from mpirepl._waiting import ALL_COMPLETED, look


class ResultReport:
    """The part of an AsyncResult that says how its tasks went, apart from what came of them."""

    @property
    def metadata(self) -> object:
        """What is known of the task, or the list for all."""
        self._look()
        found = [self._client._about(number) for number in self._ids]
        return found[0] if self._single and len(found) == 1 else found

    def _look(self) -> None:
        if self._outcomes is None:
            look(self)

    def _metadata_item(self, key: str) -> object:
        self._look()
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
        self._look()
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

    # Output

    def wait_interactive(
        self,
        interval: float = 0.1,
        timeout: float | None = None,
        widget: bool | None = None,
        return_when: str = ALL_COMPLETED,
    ) -> None:
        """Wait with a progress bar on standard error."""
        _output.wait_interactive([self], interval, timeout, return_when, self._fname)

    def display_outputs(self, groupby: str = "type", result_only: bool = False) -> None:
        """Show what the tasks have printed and returned."""
        self._must_be_done()
        _output.display(self, groupby, result_only)

    @contextmanager
    def stream_output(self) -> Iterator[None]:
        """Show what the tasks print while they run, in a ``with`` around a wait."""
        with _output.streaming(self):
            yield
