"""How objects cross between rank 0 and the engines.

Pickle of protocol 5 with large buffers beside it. Functions and classes of ``__main__``, lambdas
and functions inside functions travel as code; their globals are those of where they arrive.
"""

import io
import marshal
import pickle
import sys
import threading
import types
from collections.abc import Callable
from itertools import chain

import __main__

LARGE = 1 << 16  # bytes; what is larger crosses beside the pickle

_NO_BUFFERS: list = []  # nobody changes it
_PLAIN = frozenset((int, float, bool, str, bytes, type(None), complex))

_arriving = threading.local()  # .namespace: where functions that arrive find their globals
_codes: dict[bytes, types.CodeType] = {}
_sent: dict[int, tuple] = {}  # functions without state, by the id of their code: see _dumps_known
_MOST = 1000  # of what is kept of functions
_mode = "code"  # how functions travel


def namespace() -> dict:
    """Return the globals of functions that arrive in this thread."""
    return getattr(_arriving, "namespace", None) or vars(__main__)


class arriving_in:
    """Context in which functions that arrive find their globals in a namespace."""

    def __init__(self, names: dict):
        self.names = names

    def __enter__(self):
        self.before = getattr(_arriving, "namespace", None)
        _arriving.namespace = self.names

    def __exit__(self, *_: object):
        _arriving.namespace = self.before


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


def dumps_each(values: list, items: list[tuple], what: str) -> list[tuple[bytes, list]]:
    """Pickle each of some values, which consist of the members of `items`."""
    if _PLAIN.issuperset(map(type, chain.from_iterable(items))):
        return [_dumps_plain(value) for value in values]
    return [dumps(value, what) for value in values]


def dumps_arguments(args: tuple, kwargs: dict) -> tuple[bytes, list]:
    """Pickle the arguments of a call, as a pair."""
    if not args and not kwargs:
        return _NO_ARGUMENTS
    return dumps_each([(args, kwargs)], [args, kwargs.values()], "")[0]


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
    made = _reduced_function(function)
    if made is NotImplemented:
        return _dumps_plain(function)
    if len(_sent) >= _MOST:
        _sent.clear()
    pickled = _dumps_plain(_Reduced(made))
    _sent[id(code)] = code, names, pickled
    return pickled


def is_stateless(function: types.FunctionType) -> bool:
    """Tell whether nothing belongs to a function but its code and its names."""
    return (
        function.__closure__ is None
        and function.__defaults__ is None
        and function.__kwdefaults__ is None
        and not function.__dict__
        and not function.__annotations__
        and function.__doc__ == _doc(function)
    )


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
    return [bytearray(buffer) for buffer in buffers]


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
        file.write(_module("dill").dumps(value, recurse=True))
    else:
        _Pickler(file, 5, buffer_callback=aside).dump(value)
    return file.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: object) -> object:
        kind = type(value)
        if kind is types.FunctionType:
            return _reduced_function(value)
        if isinstance(value, type) and value.__module__ in ("__main__", "__mp_main__"):
            return _reduced_class(value)
        if kind is memoryview:
            return _memoryview, (pickle.PickleBuffer(value), value.format, value.shape)
        if kind is types.ModuleType:
            return __import__("importlib").import_module, (value.__name__,)
        return NotImplemented


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


def _is_importable(value: object) -> bool:
    module = getattr(value, "__module__", None)
    if module is None or module.startswith("__"):
        return False
    found = sys.modules.get(module)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def _reduced_function(function: types.FunctionType) -> object:
    if _is_importable(function):
        return NotImplemented
    made = (
        marshal.dumps(function.__code__),
        function.__name__,
        function.__qualname__,
        function.__module__ or "__main__",
        len(function.__closure__ or ()),
    )
    state = {}
    if function.__closure__:
        state["cells"] = [_contents(cell) for cell in function.__closure__]
    for name in ("__defaults__", "__kwdefaults__", "__dict__", "__doc__", "__annotations__"):
        if (part := getattr(function, name)) and not (name == "__doc__" and part == _doc(function)):
            state[name] = part
    if not state:
        return _function, made
    return _function, made, state, None, None, _complete_function


def _doc(function: types.FunctionType) -> str | None:
    constants = function.__code__.co_consts
    return constants[0] if constants and isinstance(constants[0], str) else None


class _Empty:
    """Stands for a cell without contents."""


def _contents(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return _Empty


def _function(code: bytes, name: str, qualname: str, module: str, cells: int) -> Callable:
    loaded = _codes.get(code)
    if loaded is None:
        if len(_codes) >= _MOST:
            _codes.clear()
        loaded = _codes[code] = marshal.loads(code)
    names = namespace()
    if not module.startswith("__"):
        try:
            __import__(module)
            names = vars(sys.modules[module])
        except ImportError:
            pass
    closure = tuple(types.CellType() for _ in range(cells)) or None
    function = types.FunctionType(loaded, names, name, None, closure)
    function.__qualname__ = qualname
    function.__module__ = module
    return function


def _complete_function(function: types.FunctionType, state: dict) -> None:
    for cell, value in zip(function.__closure__ or (), state.pop("cells", ()), strict=False):
        if value is not _Empty:
            cell.cell_contents = value
    function.__dict__.update(state.pop("__dict__", {}))
    for name, value in state.items():
        setattr(function, name, value)


_NOT_COPIED = frozenset(("__dict__", "__weakref__", "__module__", "__qualname__"))


def _reduced_class(value: type) -> object:
    if isinstance(vars(__main__).get("__spec__"), str) or not _can_be_made_anew(value):
        return NotImplemented
    slots = value.__dict__.get("__slots__")
    names = {
        name: part
        for name, part in vars(value).items()
        if name not in _NOT_COPIED and not isinstance(part, types.MemberDescriptorType)
    }
    made = (type(value), value.__name__, value.__qualname__, value.__bases__, slots)
    return _class, made, names, None, None, _complete_class


def _can_be_made_anew(value: type) -> bool:
    # Enums and the like have metaclasses that do more than that.
    return type(value) is type


def _class(kind: type, name: str, qualname: str, bases: tuple, slots: object) -> type:
    found = namespace().get(name)
    if isinstance(found, type) and found.__qualname__ == qualname:
        return found
    names = {"__module__": "__main__", "__qualname__": qualname, "_mpirepl_new": True}
    if slots is not None:
        names["__slots__"] = slots
    return kind(name, bases, names)


def _complete_class(value: type, names: dict) -> None:
    if "_mpirepl_new" not in vars(value):
        return
    del value._mpirepl_new
    for name, part in names.items():
        if name != "__slots__":
            setattr(value, name, part)


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
            (f"{name} in the closure of {path}", _contents(cell))
            for name, cell in zip(names, value.__closure__ or (), strict=False)
        ]
        defaults = enumerate(value.__defaults__ or ())
        return cells + [(f"default {i} of {path}", part) for i, part in defaults]
    if isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, type):
        return [(f"{path}.{name}", part) for name, part in vars(value).items()]
    return []
