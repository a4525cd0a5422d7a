"""Showing what tasks print and return, and how far they are."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import _mpirepl_tasks as _tasks

from mpirepl import _run
from mpirepl.error import AlreadyDisplayedError, CompositeError, RemoteError


def prefixed(text: str, prefix: str) -> str:
    """Return text with a prefix in front of each line."""
    lines = text.splitlines()
    return "".join(f"{prefix} {line}\n" if line else f"{prefix}\n" for line in lines)


def _write(text: str, prefix: str, to_stderr: bool = False) -> None:
    if text:
        _print(prefixed(text, prefix), sys.stderr if to_stderr else sys.stdout)


def _print(lines: str, file: TextIO) -> None:
    file.write(lines)
    file.flush()


class _Files:
    """Standard output and error of who waits, for a thread that writes while tasks run.

    Rank 0's engine has its task write to sys.__stdout__, and takes all that comes out of the
    descriptor for the task's: so what is not the task's goes round both.
    """

    def __init__(self):
        self._files = sys.stdout, sys.stderr
        _run.flush()

    def write(self, text: str, prefix: str, stream: int) -> None:
        file, lines = self._files[stream], prefixed(text, prefix)
        if file is (sys.__stdout__, sys.__stderr__)[stream]:
            _run.emit(stream, lines.removesuffix("\n"))
        else:
            _print(lines, file)


def _all(result: object) -> list:
    found = result.metadata
    return found if isinstance(found, list) else [found]


def display(result: object, groupby: str = "type", result_only: bool = False) -> None:
    """Show what tasks have printed, displayed and returned, each line with its prefix."""
    if groupby not in ("type", "order", "engine"):
        raise ValueError(f"groupby is 'type', 'order' or 'engine', not {groupby!r}")
    metadata = _all(result)
    if result_only:
        for about in metadata:
            _show_result(about)
        return
    if groupby == "type":
        for about in metadata:
            _write(about["stdout"], f"[stdout:{about['engine_id']}]")
        for about in metadata:
            _write(about["stderr"], f"[stderr:{about['engine_id']}]", True)
        for about in metadata:
            _show_outputs(about)
        for about in metadata:
            _show_result(about)
        return
    if groupby == "engine":
        metadata = sorted(metadata, key=lambda about: about["engine_id"])
    for about in metadata:
        _write(about["stdout"], f"[stdout:{about['engine_id']}]")
        _write(about["stderr"], f"[stderr:{about['engine_id']}]", True)
        _show_outputs(about)
        _show_result(about)


def show_rest(result: object) -> None:
    """Show what is not streamed: what tasks have displayed and returned."""
    for about in _all(result):
        _show_outputs(about)
        _show_result(about)


def _show_outputs(about: dict) -> None:
    for output in about["outputs"]:
        text = output["data"].get("text/plain", "")
        _write(text, f"[output:{about['engine_id']}]")


def _show_result(about: dict) -> None:
    shown = about["execute_result"]
    if shown:
        prefix = f"Out[{about['engine_id']}:{shown['execution_count']}]:"
        _write(shown["data"].get("text/plain", ""), prefix)


class _Stream:
    """Shows what tasks print as it comes."""

    def __init__(self, result: object):
        self._result = result
        self._shown: dict[tuple[int, int], int] = {}
        self._files = _Files()

    def look(self, last: bool = False) -> None:
        """Show what has come since the last look; at last unfinished lines too."""
        client = self._result._client
        for number in self._result._ids:
            found = client._peek(number)
            if found is None:
                continue
            engine = found[2]
            self._show(number, 0, found[6], f"[stdout:{engine}]", last)
            self._show(number, 1, found[7], f"[stderr:{engine}]", last)

    def _show(self, number: int, stream: int, data: bytes, prefix: str, last: bool) -> None:
        done = self._shown.get((number, stream), 0)
        end = len(data) if last else data.rfind(b"\n") + 1
        if end > done:
            self._shown[number, stream] = end
            self._files.write(data[done:end].decode("utf-8", "replace"), prefix, stream)


@contextmanager
def streaming(result: object) -> Iterator[None]:
    """Show what tasks print while the body of a ``with`` waits for them."""
    stream = _Stream(result)
    ending = threading.Event()

    def follow() -> None:
        while not ending.is_set():
            before = _tasks.events()
            stream.look()
            _tasks.wait_event(before, 0.05)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        stream.look(last=True)


def wait_interactive(
    results: list,
    interval: float,
    timeout: float | None,
    return_when: str,
    description: str,
) -> bool:
    """Wait for tasks with a progress bar; ends at the first exception if asked to."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("tqdm is not installed: pip install tqdm") from None
    ids = [number for result in results for number in result._ids]
    deadline = None if timeout is None or timeout < 0 else time.monotonic() + timeout
    done = _tasks.count_ended(ids)

    class Bar(tqdm):
        monitor_interval = 0  # its thread would count as computing, for the guard

    bar = Bar(desc=description, total=len(ids), initial=0, unit="tasks", file=sys.stderr)
    try:
        while True:
            before = _tasks.events()
            done = _tasks.count_ended(ids)
            bar.update(done - bar.n)
            if done == len(ids):
                break
            if return_when == "FIRST_COMPLETED" and done:
                break
            if return_when == "FIRST_EXCEPTION" and _some_failed(ids):
                break
            left = interval if deadline is None else min(interval, deadline - time.monotonic())
            if left <= 0:
                break
            _tasks.wait_event(before, left)
    finally:
        bar.close()
    return done == len(ids)


def _some_failed(ids: list[int]) -> bool:
    for number in ids:
        found = _tasks.peek(number)
        if found is not None and found[0] and found[1] != 0:
            return True
    return False


def show_errors(error: Exception) -> AlreadyDisplayedError:
    """Print errors to standard error, the first four whole, and return what stands for them."""
    if isinstance(error, CompositeError):
        for ename, evalue, text, info in error.elist[: error.tb_limit]:
            _write(text or f"{ename}: {evalue}", f"[error:{info.get('engine_id', '?')}]", True)
        for ename, evalue, _, info in error.elist[error.tb_limit :]:
            _write(f"{ename}: {evalue}", f"[error:{info.get('engine_id', '?')}]", True)
    elif isinstance(error, RemoteError):
        engine = error.engine_info.get("engine_id", "?")
        _write(error.traceback or str(error), f"[error:{engine}]", True)
    return AlreadyDisplayedError(error)
