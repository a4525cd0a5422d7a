"""How objects cross between rank 0 and the engines.

Pickle of protocol 5 with large buffers beside it. Functions and classes of ``__main__``, lambdas
and functions inside functions travel as code; their globals are those of where they arrive.
"""

import io
import pickle
import types
from collections.abc import Callable
from functools import cache
from itertools import chain

import _mpirepl_tasks

from mpirepl._functions import (
    MOST,
    arriving_in,
    contents,
    is_stateless,
    namespace,
    reduced_class,
    reduced_function,
    reduced_member,
)

LARGE = 1 << 16  # bytes; what is larger crosses beside the pickle

_NO_BUFFERS: list = []  # nobody changes it
_PLAIN = frozenset((int, float, bool, str, bytes, type(None), complex))

_sent: dict[int, tuple] = {}  # functions without state, by the id of their code: see _dumps_known
_mode = "code"  # how functions travel


class Reference:
    """An expression that is evaluated on the engine.

    Parameters
    ----------
    name : str
        A name there, or any expression of such names.
    """

    def __init__(self, name: str):
        if not isinstance(name, str):
            raise TypeError(f"a Reference is made of a string, not {type(name).__name__}")
        self.name = name

    def __repr__(self) -> str:
        return f"<Reference: {self.name!r}>"

    def __reduce__(self) -> tuple:
        return _resolve, (self.name,)


def _resolve(name: str) -> object:
    return eval(name, namespace())


def use(mode: str) -> None:
    """Choose how functions travel from here: "code", "cloudpickle" or "dill"."""
    global _mode
    if mode != "code":
        _module(mode)
    _mode = mode


def use_pickle() -> None:
    """Have functions travel from here as code."""
    use("code")


def use_cloudpickle() -> None:
    """Have functions travel from here with the values that they use."""
    use("cloudpickle")


def use_dill() -> None:
    """Have functions and more travel from here with dill."""
    use("dill")


class Canned(tuple):
    """A value as it would travel."""


def can(value: object) -> Canned:
    """Pickle a value."""
    return Canned(dumps(value))


def uncan(canned: Canned, names: dict | None = None) -> object:
    """Return the value; its functions find their globals among `names`."""
    with arriving_in(names or namespace()):
        return loads(*canned)


def _module(name: str) -> types.ModuleType:
    try:
        return __import__(name)
    except ImportError:
        raise ImportError(f"{name} is not installed: pip install {name}") from None


def dumps(value: object, what: str = "the value") -> tuple[bytes, list]:
    """Pickle a value.

    Returns
    -------
    pickled : bytes
        Empty if it is the first of the buffers.
    buffers : list
        Large memory that belongs to it.

    Raises
    ------
    TypeError
        It cannot be pickled; the message names the part that is to blame, inside `what`.
    """
    if type(value) in _PLAIN:
        return _dumps_plain(value)
    if type(value) is types.FunctionType and _mode == "code" and is_stateless(value):
        return _dumps_known(value)
    buffers: list = []
    try:
        pickled = _pickled_array(value, buffers) or _pickled(value, buffers)
    except Exception as error:
        _explain(error, value, what)
    if len(pickled) >= LARGE:
        buffers.insert(0, pickled)
        pickled = b""
    return pickled, buffers


def dumps_each(values: list, items: list[tuple]) -> list[tuple[bytes, list]]:
    """Pickle each of some values, which consist of the members of `items`."""
    if _PLAIN.issuperset(map(type, chain.from_iterable(items))):
        return [_dumps_plain(value) for value in values]
    return [dumps(value) for value in values]


def dumps_arguments(args: tuple, kwargs: dict) -> tuple[bytes, list]:
    """Pickle the arguments of a call, as a pair."""
    if not args and not kwargs:
        return _NO_ARGUMENTS
    return dumps_each([(args, kwargs)], [args, kwargs.values()])[0]


def _dumps_plain(value: object) -> tuple[bytes, list]:
    pickled = pickle.dumps(value, 5)
    return (pickled, _NO_BUFFERS) if len(pickled) < LARGE else (b"", [pickled])


_NO_ARGUMENTS = _dumps_plain(((), {}))


def _dumps_known(function: types.FunctionType) -> tuple[bytes, list]:
    """Pickle a function without state: once, as long as it has the same code and names."""
    code = function.__code__
    names = function.__name__, function.__qualname__, function.__module__
    found = _sent.get(id(code))
    if found is not None and found[0] is code and found[1] == names:
        return found[2]
    made = reduced_function(function)
    if made is NotImplemented:
        return _dumps_plain(function)
    if len(_sent) >= MOST:
        _sent.clear()
    pickled = _dumps_plain(_Reduced(made))
    _sent[id(code)] = code, names, pickled
    return pickled


def loads(pickled: bytes, buffers: list) -> object:
    """Return the value that was pickled."""
    if not pickled and buffers:
        pickled, buffers = buffers[0], buffers[1:]
    return pickle.loads(pickled, buffers=buffers)


def in_one_piece(value: object) -> bytes:
    """Pickle a value with all that belongs to it."""
    file = io.BytesIO()
    _Pickler(file, 5).dump(value)
    return file.getvalue()


def copied(buffers: list) -> list:
    """Copy memory that stays in this process."""
    return [_mpirepl_tasks.copy(buffer) for buffer in buffers]


def _aside(buffers: list) -> Callable[[pickle.PickleBuffer], bool]:
    """Return what a pickler asks about memory: large memory goes to `buffers`."""

    def aside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < LARGE:
            return True
        buffers.append(raw)
        return False

    return aside


def _pickled_array(value: object, buffers: list) -> bytes | None:
    """Pickle a NumPy array of numbers, with less ado than what may hold functions."""
    dtype = getattr(value, "dtype", None) if type(value).__module__ == "numpy" else None
    if dtype is None or dtype.hasobject:
        return None
    return pickle.dumps(value, 5, buffer_callback=_aside(buffers))


def _pickled(value: object, buffers: list) -> bytes:
    aside = _aside(buffers)
    file = io.BytesIO()
    if _mode == "cloudpickle":
        _module("cloudpickle").Pickler(file, 5, buffer_callback=aside).dump(value)
    elif _mode == "dill":
        _dill_pickler()(file, 5).dump(value)
    else:
        _Pickler(file, 5, buffer_callback=aside).dump(value)
    return file.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: object) -> object:
        kind = type(value)
        if kind is types.FunctionType:
            return reduced_function(value)
        if isinstance(value, type) and value.__module__ in ("__main__", "__mp_main__"):
            return reduced_class(value)
        if kind is memoryview:
            return _memoryview, (pickle.PickleBuffer(value), value.format, value.shape)
        if kind is types.ModuleType:
            return __import__("importlib").import_module, (value.__name__,)
        return reduced_member(value, kind)


@cache
def _dill_pickler() -> type:
    """Return dill's pickler, but for functions: they find their globals where they arrive."""

    class DillPickler(_module("dill").Pickler):
        def reducer_override(self, value: object) -> object:
            if type(value) is types.FunctionType:
                return reduced_function(value)
            return NotImplemented

    return DillPickler


class _Reduced:
    """Is pickled as a reducer has said; its parts are plain."""

    def __init__(self, reduced: tuple):
        self.reduced = reduced

    def __reduce__(self) -> tuple:
        return self.reduced


def _memoryview(buffer: object, form: str, shape: tuple) -> memoryview:
    view = memoryview(buffer)
    if view.format != "B":
        view = view.cast("B")
    return view if (form, shape) == ("B", view.shape) else view.cast(form, shape)


def _explain(error: Exception, value: object, what: str) -> None:
    """Raise `error` anew, with the path to the part that cannot be pickled."""
    path, culprit = _find_culprit(value, what, 0)
    shown = f"{type(culprit).__module__}.{type(culprit).__qualname__}".removeprefix("builtins.")
    raise TypeError(f"{path} cannot be sent: it is of type {shown} ({error})") from error


def _find_culprit(value: object, path: str, depth: int) -> tuple[str, object]:
    if depth < 20:
        for name, part in _parts(value, path):
            try:
                _pickled(part, [])
            except Exception:
                return _find_culprit(part, name, depth + 1)
    return path, value


def _parts(value: object, path: str) -> list[tuple[str, object]]:
    """Return what a value consists of, each with its path."""
    if isinstance(value, dict):
        keys = [(f"a key of {path}", key) for key in value]
        return keys + [(f"{path}[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"{path}[{i}]", part) for i, part in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return [(f"an item of {path}", part) for part in value]
    if isinstance(value, types.FunctionType):
        names = value.__code__.co_freevars
        cells = [
            (f"{name} in the closure of {path}", contents(cell))
            for name, cell in zip(names, value.__closure__ or (), strict=False)
        ]
        defaults = enumerate(value.__defaults__ or ())
        return cells + [(f"default {i} of {path}", part) for i, part in defaults]
    if isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, type):
        return [(f"{path}.{name}", part) for name, part in vars(value).items()]
    return []
