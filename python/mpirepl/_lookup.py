"""The results and metadata of a client, as dictionaries."""

from collections.abc import Callable, Iterator


class Lookup(dict):
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


class Names:
    """The names of tasks whose results have not been fetched, as a collection."""

    def __init__(self, book: object):
        self._book = book

    def __contains__(self, name: object) -> bool:
        try:
            return self._book._number(name) in self._book._known
        except KeyError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter([self._book._name(number) for number in list(self._book._known)])
