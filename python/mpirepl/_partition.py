"""How sequences are cut into parts and joined again."""

from collections.abc import Iterable, Sequence
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
            return numpy.concatenate(parts) if whole is None else whole
        if all(isinstance(part, Sequence) and not isinstance(part, str) for part in parts):
            return list(chain.from_iterable(parts))
        if any(not isinstance(part, Iterable) for part in parts):
            return parts
        return list(chain.from_iterable(parts))


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
        count = sum(len(part) for part in parts)
        if parts and all(_is_array(part) for part in parts):
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
        if type(items).__module__.startswith("pandas") and hasattr(items, "iloc"):
            return items.iloc
        return items
    return list(items)


def common_length(sequences: tuple, name: str) -> int:
    """Return the length that all sequences have.

    Raises
    ------
    ValueError
        They differ.
    """
    if not sequences:
        raise TypeError(f"{name}() needs at least one sequence")
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) > 1:
        raise ValueError(f"all sequences must have equal length, not {sorted(lengths)}")
    return lengths.pop()


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
    return type(part).__module__ == "numpy" and hasattr(part, "dtype") and getattr(part, "ndim", 0)
