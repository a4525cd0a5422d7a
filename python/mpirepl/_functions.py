"""How functions and classes of a program travel: as code, with what belongs to it.

Functions find their globals where they arrive.
"""

import collections
import functools
import marshal
import os
import sys
import threading
import types
import weakref
from collections.abc import Callable

import __main__

MOST = 1000  # of what is kept of functions

_arriving = threading.local()  # .namespace: where functions that arrive find their globals
_codes: dict[bytes, types.CodeType] = {}
_tokens: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()
_classes: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # by token and namespace
_arrived: weakref.WeakSet[type] = weakref.WeakSet()  # classes that were made here for others
newest: types.FunctionType | None = None  # what has arrived last


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


def _is_importable(value: object) -> bool:
    module = getattr(value, "__module__", None)
    if module is None or module.startswith("__"):
        return False
    found = sys.modules.get(module)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def reduced_function(function: types.FunctionType) -> object:
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
        state["cells"] = [contents(cell) for cell in function.__closure__]
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


def contents(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return _Empty


def _function(code: bytes, name: str, qualname: str, module: str, cells: int) -> Callable:
    global newest
    loaded = _codes.get(code)
    if loaded is None:
        if len(_codes) >= MOST:
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
    newest = function
    return function


def _complete_function(function: types.FunctionType, state: dict) -> None:
    for cell, value in zip(function.__closure__ or (), state.pop("cells", ()), strict=False):
        if value is not _Empty:
            cell.cell_contents = value
    function.__dict__.update(state.pop("__dict__", {}))
    for name, value in state.items():
        setattr(function, name, value)


def reduced_member(value: object, kind: type) -> object:
    """Reduce what classes have and pickle does not know."""
    if kind is property:
        return property, (value.fget, value.fset, value.fdel, value.__doc__)
    if kind in (staticmethod, classmethod):
        return kind, (value.__func__,)
    if kind is types.MappingProxyType:
        return _read_only, (dict(value),)
    if kind is functools.cached_property:
        return kind, (value.func,)
    name = _SENTINELS.get(kind.__qualname__) if kind.__module__ == "dataclasses" else None
    if name is not None:
        return getattr, (sys.modules["dataclasses"], name or value.name)
    return NotImplemented


def _read_only(names: dict) -> types.MappingProxyType:
    return types.MappingProxyType(names)


# What dataclasses compares by identity, by its class; it has the name that the object knows.
_SENTINELS = {
    "_FIELD_BASE": "",
    "_MISSING_TYPE": "MISSING",
    "_KW_ONLY_TYPE": "KW_ONLY",
    "_HAS_DEFAULT_FACTORY_CLASS": "_HAS_DEFAULT_FACTORY",
}
_NOT_COPIED = frozenset(("__dict__", "__weakref__", "__module__", "__qualname__"))


def reduced_class(value: type) -> object:
    if isinstance(vars(__main__).get("__spec__"), str) or not _can_be_made_anew(value):
        return NotImplemented
    slots = value.__dict__.get("__slots__")
    names = {
        name: part
        for name, part in vars(value).items()
        if name not in _NOT_COPIED and not isinstance(part, types.MemberDescriptorType)
    }
    made = (_token_of(value), value.__name__, value.__qualname__)
    if value.__bases__ == (tuple,) and hasattr(value, "_field_defaults"):
        usual = vars(collections.namedtuple("Usual", value._fields))
        names = {name: part for name, part in names.items() if name not in usual}
        how = value._fields, list(value._field_defaults.values())
        return _named_tuple, (*made, *how), names, None, None, _complete_class
    return _class, (*made, value.__bases__, slots), names, None, None, _complete_class


def _token_of(value: type) -> str:
    """Return what tells a class from others of its name, in all processes."""
    token = _tokens.get(value)
    if token is None:
        token = _tokens[value] = os.urandom(8).hex()
        _classes[token, id(vars(__main__))] = value
    return token


def _can_be_made_anew(value: type) -> bool:
    # Enums and the like have metaclasses that do more than that.
    return type(value) is type


def _known(token: str, name: str, qualname: str) -> type | None:
    """Return the class of that name if this process has defined one, else what has come before."""
    here = namespace()
    found = here.get(name)
    if isinstance(found, type) and found.__qualname__ == qualname and found not in _arrived:
        return found
    return _classes.get((token, id(here)))


def _class(token: str, name: str, qualname: str, bases: tuple, slots: object) -> type:
    if known := _known(token, name, qualname):
        return known
    names = {"__module__": "__main__", "__qualname__": qualname}
    if slots is not None:
        names["__slots__"] = slots
    return _new(token, type(name, bases, names))


def _named_tuple(token: str, name: str, qualname: str, fields: tuple, defaults: list) -> type:
    if known := _known(token, name, qualname):
        return known
    made = collections.namedtuple(name, fields, defaults=defaults, module="__main__")
    made.__qualname__ = qualname
    return _new(token, made)


def _new(token: str, made: type) -> type:
    """Note a class that has arrived; what belongs to it comes next."""
    made._mpirepl_new = True
    _tokens[made] = token
    _classes[token, id(namespace())] = made
    _arrived.add(made)
    return made


def _complete_class(value: type, names: dict) -> None:
    if "_mpirepl_new" not in vars(value):
        return
    del value._mpirepl_new
    for name, part in names.items():
        if name != "__slots__":
            setattr(value, name, part)
        if isinstance(part, functools.cached_property):
            part.__set_name__(value, name)
