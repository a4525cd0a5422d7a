"""Earlier cells and their values by the names that IPython gives them: In, Out, _i, __ and so on.

Kept in ``__main__`` on all ranks of a session whose front end is IPython: cells may use them.
"""

from __future__ import annotations

import builtins
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator

import _mpirepl

import __main__
from mpirepl import _run

_most = 1000  # values that are kept
current = 0  # the number of the cell
on_number: Callable[[int], None] | None = None  # IPython on this rank wants to know it
on_value: Callable[[object], None] | None = None  # and each value
_inputs: list[str] = [""]
_values: dict[int, object] = {}


def begin(most: int) -> None:
    """Keep them from now on, and `most` values at a time (0: only the last ones)."""
    global _most, _inputs, _values
    _most = most
    names = vars(__main__)
    before = set(names)
    _inputs = names.setdefault("_ih", _inputs)  # IPython's own, on rank 0
    _values = names.setdefault("_oh", _values)
    fresh = {"In": _inputs, "Out": _values, "_dh": [os.getcwd()], "_i": "", "_ii": "", "_iii": ""}
    for name, value in fresh.items():
        names.setdefault(name, value)
    _forget_last()
    _run.initial_names |= names.keys() - before
    _run.on_value = showed
    if _mpirepl.rank != 0:
        _run.on_cell = _took_here


def _took_here(name: str, source: bytes) -> None:
    number = name.removeprefix("<cell ").removesuffix(">")
    if number.isdigit():  # else none of the user's
        took(int(number), source.decode("utf-8", "replace").rstrip("\n"))


def took(number: int, text: str) -> None:
    """Note that a cell begins on this rank, which may not have seen all before it."""
    global current
    current = number
    if on_number is not None:
        on_number(number)
    names = vars(__main__)
    names["_iii"], names["_ii"] = names.get("_ii", ""), names.get("_i", "")
    names["_i"], names[f"_i{number}"] = _inputs[-1] if _inputs else "", text
    _inputs.extend([""] * (number - len(_inputs)))
    _inputs.append(text)


def showed(value: object, previous: object, text: str) -> None:
    """Note a value of the current cell and the one before it; the text is for %hist on rank 0."""
    names = vars(__main__)
    names["___"], names["__"] = names.get("__", ""), previous
    if on_value is not None:
        on_value(value)
    if _most == 0 or value is _values:
        return
    if len(_values) >= _most:
        _forget_oldest()
    _values[current] = names[f"_{current}"] = value


@contextlib.contextmanager
def last_value_in(names: dict[str, object]) -> Iterator[None]:
    """Put _ among some names, where IPython's magics look for it."""
    if "_" in names:  # the user's own
        yield
        return
    names["_"] = getattr(builtins, "_", "")
    try:
        yield
    finally:
        names.pop("_", None)


def _forget_oldest() -> None:
    oldest = list(_values)[: max(_most // 5, 2)]
    if _mpirepl.rank == 0:
        print(f"mpirepl: Out is full (InteractiveShell.cache_size): its oldest {len(oldest)} go")
    _forget(oldest, "_")
    for number in oldest:
        del _values[number]


def forget_values() -> None:
    """Forget all values."""
    _forget(_values, "_")
    _values.clear()
    if _run.on_value is not None:
        _forget_last()


def _forget_last() -> None:
    names = vars(__main__)
    builtins._ = names["__"] = names["___"] = ""


def forget_inputs() -> None:
    """Forget all cells."""
    _forget(range(len(_inputs)), "_i")
    _inputs[:] = [""] * len(_inputs)


def _forget(numbers: Iterable[int], prefix: str) -> None:
    for number in numbers:
        vars(__main__).pop(f"{prefix}{number}", None)
