"""What a rank does as an engine; src/session/task_module.cpp calls run()."""

import builtins
import contextlib
import os
import pickle
import sys
import types
from collections.abc import Callable

import _mpirepl
import _mpirepl_tasks  # memory that arrives is of its class

import __main__
from mpirepl import _functions, _run, serialize
from mpirepl.error import UnmetDependency

# What the first byte of a task's function says about the rest and about the argument:
CALL = b"c"  # the pickled function; (args, kwargs)
WHOLE = b"w"  # nothing; (function, args, kwargs)
ITEM = b"i"  # the pickled function; the tuple of its arguments
CHUNK = b"k"  # the pickled function; a list of such tuples

OK, ERROR, _, UNMET = range(4)  # TaskEnd::Status in base/task.h

_NONE = (OK, pickle.dumps(None, 5), [])
_calls: dict[bytes, types.FunctionType] = {}  # what has no state, by how it has come
_own: types.ModuleType | None = None
_local = _mpirepl.rank == 0
interrupted = False  # a task has ended with KeyboardInterrupt
signalled: BaseException | None = None  # a handler of the program has raised it inside a task
method = "apply"  # how the current task was asked for


def main_module() -> types.ModuleType:
    """Return the module in which tasks run.

    It is ``__main__``, where cells run too. But a program on rank 0 that uses the views is not to
    find what its engines do among its own names: there it is a module of its own.
    """
    global _own
    if not (_local and _run.in_program):
        return __main__
    if _own is None:
        _own = types.ModuleType("__main__")
        _own.__builtins__ = builtins
    return _own


def run(function: bytes, argument: bytes, buffers: list) -> tuple[int, bytes, list]:
    """Run a task.

    Returns
    -------
    status : int
    value : bytes
        The pickle of what it has returned or raised.
    buffers : list
        Large memory of the value.
    """
    global method
    method = "apply"
    if not _local:
        return _run_here(function, argument, buffers)
    main = main_module()
    before = sys.modules["__main__"], sys.stdout, sys.stderr
    sys.modules["__main__"] = main
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    try:
        with serialize.arriving_in(vars(main)):
            return _run_here(function, argument, serialize.copied(buffers))
    finally:
        sys.modules["__main__"], sys.stdout, sys.stderr = before


def _run_here(function: bytes, argument: bytes, buffers: list) -> tuple:
    try:
        value = _call(function, argument, buffers)
        _run.flush()
        if value is None:
            return _NONE
        pickled, buffers = serialize.dumps(value, "the result")
        return OK, pickled, buffers
    except BaseException as error:
        return failure(error)


def _call(function: bytes, argument: bytes, buffers: list) -> object:
    kind = function[:1]
    if kind == WHOLE:
        call, args, kwargs = serialize.loads(argument, buffers)
        return call(*args, **kwargs)
    call = _calls.get(function)
    if call is None or call.__globals__ is not serialize.namespace():
        call = _loaded(function)
    what = serialize.loads(argument, buffers)
    if kind == CALL:
        return call(*what[0], **what[1])
    if kind == ITEM:
        return call(*what)
    return [call(*item) for item in what]


def _loaded(function: bytes) -> Callable:
    """Return what a task is to call.

    What has arrived as code and has no state is kept for the next task; a Reference is not.
    """
    _functions.newest = None
    call = pickle.loads(memoryview(function)[1:])
    code = getattr(call, "__code__", None)
    if _displays(code):
        from mpirepl import _shell

        return _shell.displaying(call)
    if call is not None and call is _functions.newest and serialize.is_stateless(call):
        if len(_calls) >= _functions.MOST:
            _calls.clear()
        _calls[function] = call
    return call


def _displays(code: types.CodeType | None) -> bool:
    """Tell whether a function, or one inside it, speaks of display or IPython's shell."""
    if code is None:
        return False
    return not {"display", "get_ipython"}.isdisjoint(code.co_names) or any(
        _displays(part) for part in code.co_consts if isinstance(part, types.CodeType)
    )


def failure(error: BaseException) -> tuple[int, bytes, list]:
    """Return how a task ends that has raised."""
    global interrupted, signalled
    with contextlib.suppress(Exception):
        _run.flush()
    if isinstance(error, KeyboardInterrupt):
        interrupted = True
    if _local and _is_of_handler(error):
        signalled = error
    try:
        text = _traceback(error)
    except Exception:
        text = f"{type(error).__name__}"
    try:
        value = str(error)
    except Exception:
        value = "<the message of this exception cannot be had>"
    name = type(error).__name__
    pickled = pickle.dumps((name, value, text, method), 5)
    if isinstance(error, UnmetDependency):
        return UNMET, pickled, []
    if len(pickled) >= serialize.LARGE:
        return ERROR, b"", [pickled]
    return ERROR, pickled, []


def _is_of_handler(error: BaseException) -> bool:
    """Tell whether a handler of a signal, which the program has installed, has raised it."""
    import signal
    import traceback

    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.Signals}
    return any(frame.f_code in handlers for frame, _ in traceback.walk_tb(error.__traceback__))


def broken_off(
    why: int, text: str, call: str, comm: str, missing: list, waiting: list
) -> tuple[int, bytes, list]:
    """Return how a task ends whose MPI calls have failed."""
    return failure(_run.broken_off(why, text, call, comm, missing, waiting, None))


def _traceback(error: BaseException) -> str:
    return _run.errors_module().text(error)


# What views ask for by name:


def keep(value: object) -> None:
    """Let a value be ``_`` on this engine, but not for the user's cells on rank 0."""
    main = main_module()
    if main is not __main__:
        main._ = value
    elif not _local:
        builtins._ = value


def push(names: dict) -> None:
    """Define names, which may be dotted: attributes then."""
    here = serialize.namespace()
    for name, value in names.items():
        owner, dot, attribute = name.rpartition(".")
        if dot:
            setattr(eval(owner, here), attribute, value)
        else:
            here[name] = value


def pull(names: object) -> object:
    """Return the value of a name or expression, or the list of several."""
    here = serialize.namespace()
    if isinstance(names, (list, tuple)):
        return [_value(name, here) for name in names]
    return _value(names, here)


def _value(name: str, names: dict) -> object:
    if name in names:
        return names[name]
    try:
        return eval(name, names)
    except SyntaxError:
        raise NameError(f"name {name!r} is not defined") from None


def clear() -> None:
    """Remove the names that cells and tasks have defined."""
    names = serialize.namespace()
    for name in list(names):
        if name not in _run.initial_names and name != "__builtins__":
            del names[name]


def push_part(name: str, part: object, flatten: bool) -> None:
    """Define a name as a part of something that was scattered."""
    if flatten and len(part) == 1:
        part = part[0]
    serialize.namespace()[name] = part


def use(mode: str) -> None:
    """Have functions travel back in another way."""
    serialize.use(mode)


def import_modules(code: str) -> None:
    """Import what a client imports."""
    exec(code, serialize.namespace())


def extend_path(entries: list[str]) -> None:
    """Look for modules where the program on rank 0 does too."""
    sys.path += [entry for entry in entries if entry not in sys.path]


def process_id() -> int:
    """Return the number of this process."""
    return os.getpid()


def publish(kind: str, content: object) -> None:
    """Tell rank 0 something about the current task: "data", an "output" or its "result"."""
    if not _mpirepl_tasks.running():
        raise RuntimeError("there is no task here that could publish data")
    pickled = serialize.in_one_piece((kind, content))
    _run.flush()
    _mpirepl_tasks.publish(pickled)
