"""How sequences are cut into parts and joined again."""

import sys
from collections.abc import Sequence
from itertools import chain, pairwise

import _mpirepl_tasks


class Blocks:
    """Parts one after the other, the first ones longer where it does not come out even."""

    @staticmethod
    def bounds(length: int, parts: int) -> list[tuple[int, int]]:
        """Return where each part begins and ends."""
        size, longer = divmod(length, parts)
        begins = [i * size + min(i, longer) for i in range(parts + 1)]
        return list(zip(begins, begins[1:], strict=False))

    @classmethod
    def parts(cls, sequence: Sequence, count: int) -> list:
        """Cut a sequence."""
        sequence = as_sequence(sequence)
        return [sequence[begin:end] for begin, end in cls.bounds(len(sequence), count)]

    @staticmethod
    def joined(parts: list) -> object:
        """Join what was cut."""
        if not parts:
            return []
        if all(_is_array(part) for part in parts):
            import numpy

            whole = _in_one_piece(parts)
            if whole is not None:
                return whole
            masked = any(isinstance(part, numpy.ma.MaskedArray) for part in parts)
            return (numpy.ma if masked else numpy).concatenate(parts)
        return list(chain.from_iterable(parts)) if _are_lists(parts) else parts


class RoundRobin(Blocks):
    """Each engine gets every so-manieth item."""

    @classmethod
    def parts(cls, sequence: Sequence, count: int) -> list:
        """Cut a sequence."""
        sequence = as_sequence(sequence)
        return [sequence[i::count] for i in range(count)]

    @staticmethod
    def joined(parts: list) -> object:
        """Join what was cut."""
        are_arrays = bool(parts) and all(_is_array(part) for part in parts)
        if not are_arrays and not _are_lists(parts):
            return parts
        count = sum(len(part) for part in parts)
        if are_arrays:
            import numpy

            shape = (count, *parts[0].shape[1:])
            joined = numpy.empty(shape, dtype=numpy.result_type(*parts))
            for i, part in enumerate(parts):
                joined[i :: len(parts)] = part
            return joined
        items: list = [None] * count
        for i, part in enumerate(parts):
            items[i :: len(parts)] = part
        return items


def by_name(name: str) -> type[Blocks]:
    """Return a way to cut: "b" in blocks, "r" in turn."""
    ways = {"b": Blocks, "block": Blocks, "r": RoundRobin, "roundrobin": RoundRobin}
    if name not in ways:
        raise KeyError(f"dist is 'b' or 'r', not {name!r}")
    return ways[name]


def as_sequence(items: object) -> object:
    """Return what can be cut: a list where something has no length or no slices."""
    if hasattr(items, "__len__") and hasattr(items, "__getitem__") and not isinstance(items, dict):
        return _Rows(items) if hasattr(items, "iloc") else items
    return list(items)


class _Rows:
    """What pandas has, by its rows."""

    def __init__(self, items: object):
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, key: object) -> object:
        return self._items.iloc[key]


def common_length(sequences: tuple, name: str) -> int:
    """Return the length that all sequences have.

    Raises
    ------
    ValueError
        They differ.
    """
    length = shortest(sequences, name)
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) > 1:
        raise ValueError(f"all sequences must have equal length, not {sorted(lengths)}")
    return length


def shortest(sequences: tuple, name: str) -> int:
    """Return the length of the shortest sequence."""
    if not sequences:
        raise AssertionError("must have some sequences to map onto!")
    return min(map(len, sequences))


def _in_one_piece(parts: list) -> object:
    """Return arrays as one that shares their memory, if they lie one behind the other in that."""
    import numpy

    first = parts[0]
    memory = [_memory_of(part) for part in parts]
    alike = all(
        type(part) is numpy.ndarray
        and part.flags.c_contiguous
        and (part.dtype, part.shape[1:]) == (first.dtype, first.shape[1:])
        and under is not None
        and part.nbytes == memoryview(under).nbytes
        for part, under in zip(parts, memory, strict=True)
    )
    if not alike or not all(b.follows(a) for a, b in pairwise(memory)):
        return None
    shape = (sum(map(len, parts)), *first.shape[1:])
    # The memory of the first part belongs to that of all.
    return numpy.lib.stride_tricks.as_strided(first, shape, first.strides)


def _memory_of(array: object) -> object:
    """Return the memory in which an array has arrived; None if it lies elsewhere."""
    while hasattr(array, "base"):
        array = array.base
    memory = getattr(array, "obj", array)  # what a memoryview is of
    return memory if isinstance(memory, _mpirepl_tasks.Memory) else None


def _is_array(part: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(part, numpy.ndarray) and part.ndim > 0


def _are_lists(parts: list) -> bool:
    """Tell whether parts are lists or the like; what else has items is one item itself."""
    return all(isinstance(part, Sequence) and not isinstance(part, (str, bytes)) for part in parts)
