"""The source lines of cells, for tracebacks and inspect.getsource; these look in linecache.

With all that it imports, linecache is a megabyte on a rank and some of the time to the first cell.
So the lines wait here until somebody else imports it.
"""

import sys
from types import ModuleType

_waiting: dict[str, bytes] = {}
_cache: dict[str, tuple] | None = None  # linecache's own, once it is there


def remember(name: str, source: bytes) -> None:
    """Let tracebacks and inspect.getsource find the lines of a cell."""
    if _cache is None:
        _waiting[name] = source
    elif name not in _cache:
        text = source.decode("utf-8", "replace")
        if not text.endswith("\n"):
            text += "\n"  # as linecache does; traceback counts on it
        _cache[name] = (len(text), None, text.splitlines(True), name)


def wait_for_linecache() -> None:
    """Have the lines handed over as soon as linecache is imported."""
    if module := sys.modules.get("linecache"):
        _hand_over(module)
    else:
        sys.meta_path.insert(0, _Finder())


def _hand_over(linecache: ModuleType) -> None:
    global _cache
    _cache = linecache.cache
    while _waiting:
        remember(*_waiting.popitem())


class _Finder:
    """Finds linecache as the other finders do, until it has been imported."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name != "linecache":
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(name, path, target)):
                spec.loader = _Loader(spec.loader, self)
                return spec
        return None


class _Loader:
    """Loads linecache as another loader does, and fills it."""

    def __init__(self, loader: object, finder: _Finder):
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: object) -> object:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _hand_over(module)
        sys.meta_path.remove(self._finder)
