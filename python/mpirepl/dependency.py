"""What tasks depend on: other tasks, modules, or a question to the engine."""

from collections.abc import Callable, Iterable
from types import FunctionType

from mpirepl import serialize
from mpirepl.asyncresult import AsyncResult
from mpirepl.error import UnmetDependency

__all__ = ["Dependency", "depend", "dependent", "interactive", "require"]


class dependent:
    """A function that runs only where another one says so.

    Attributes
    ----------
    f : callable
    df : callable
        Must be true for the arguments `dargs` and `dkwargs`, or the task goes to another engine.
    """

    def __init__(
        self, _wrapped_f: Callable, _wrapped_df: Callable, *dargs: object, **dkwargs: object
    ):
        self.f = _wrapped_f
        self.__name__ = getattr(_wrapped_f, "__name__", "f")
        self.__doc__ = getattr(_wrapped_f, "__doc__", None)
        self.df = _wrapped_df
        self.dargs = dargs
        self.dkwargs = dkwargs

    def check_dependency(self) -> None:
        """Raise UnmetDependency if the function cannot run here."""
        if self.df(*self.dargs, **self.dkwargs) is False:
            raise UnmetDependency()

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self.f(*args, **kwargs)

    def __reduce__(self) -> tuple:
        return _checked_there, (self.f, self.df, self.dargs, self.dkwargs)


class _checked(dependent):
    """One that has arrived on an engine: it asks before it runs, where its function finds names."""

    def check_dependency(self) -> None:
        """Raise UnmetDependency if the function cannot run here."""
        with serialize.arriving_in(self.names):
            super().check_dependency()

    def __call__(self, *args: object, **kwargs: object) -> object:
        self.check_dependency()
        return self.f(*args, **kwargs)


def _checked_there(f: Callable, df: Callable, dargs: tuple, dkwargs: dict) -> _checked:
    checked = _checked(f, df, *dargs, **dkwargs)
    checked.names = serialize.namespace()
    return checked


class depend:
    """A decorator: the function runs only on engines where `f` returns something true.

    Parameters
    ----------
    f : callable
    args, kwargs
        What it is called with.
    """

    def __init__(self, _wrapped_f: Callable, *args: object, **kwargs: object):
        self.f = _wrapped_f
        self.args = args
        self.kwargs = kwargs

    def __call__(self, f: Callable) -> dependent:
        return dependent(f, self.f, *self.args, **self.kwargs)


def _require(*modules: str, **mapping: object) -> bool:
    """Import modules and define names; UnmetDependency if a module is missing here."""
    names = serialize.namespace()
    for module in modules:
        try:
            exec(f"import {module}", names)
        except ImportError:
            raise UnmetDependency(module) from None
    names.update(mapping)
    return True


def require(*objects: object, **mapping: object) -> depend:
    """Return a decorator: the function needs modules, functions, or objects under names.

    Parameters
    ----------
    objects : str, module or function
        Modules are imported under their names, functions are sent along.
    mapping : object
        Sent along, under these names.
    """
    import types

    modules = []
    for wanted in objects:
        if isinstance(wanted, str):
            modules.append(wanted)
        elif isinstance(wanted, types.ModuleType):
            modules.append(wanted.__name__)
        elif hasattr(wanted, "__name__"):
            mapping[wanted.__name__] = wanted
        else:
            raise TypeError(
                f"Objects passed to require must be str, modules or have a name, not {wanted!r}"
            )
    return depend(_require, *modules, **mapping)


def interactive(f: Callable) -> Callable:
    """Have a function find its globals where it runs, as one of ``__main__`` does."""
    if isinstance(f, FunctionType):
        main = FunctionType(
            f.__code__, __import__("__main__").__dict__, f.__name__, f.__defaults__, f.__closure__
        )
        main.__dict__.update(f.__dict__)
        main.__kwdefaults__ = f.__kwdefaults__
        main.__doc__ = f.__doc__
        main.__qualname__ = f.__qualname__
        f = main
    f.__module__ = "__main__"
    return f


class Dependency(set):
    """Tasks that others depend on.

    Attributes
    ----------
    all : bool
        Whether all must have ended, or one is enough.
    success, failure : bool
        Which ends count.
    """

    def __init__(
        self,
        dependencies: object = (),
        all: bool = True,
        success: bool = True,
        failure: bool = False,
    ):
        if isinstance(dependencies, dict):
            fields = dependencies
            all, success, failure = fields["all"], fields["success"], fields["failure"]
            dependencies = fields.get("dependencies", [])
        if not (success or failure):
            raise ValueError("Must depend on at least one of successes or failures!")
        names: list[str] = []
        for item in (
            [dependencies] if isinstance(dependencies, (str, AsyncResult)) else dependencies
        ):
            names += item.msg_ids if isinstance(item, AsyncResult) else [item]
        super().__init__(names)
        self.all = all
        self.success = success
        self.failure = failure

    def check(self, completed: Iterable[str], failed: Iterable[str] | None = None) -> bool:
        """Tell whether it is met when these tasks have succeeded and failed."""
        if not self:
            return True
        counted = self._against(completed, failed)
        return counted.issuperset(self) if self.all else not counted.isdisjoint(self)

    def unreachable(self, completed: Iterable[str], failed: Iterable[str] | None = None) -> bool:
        """Tell whether it can never be met when these tasks have succeeded and failed."""
        if not self:
            return False
        against: set[str] = set()
        if not self.success:
            against |= set(completed)
        if failed is not None and not self.failure:
            against |= set(failed)
        return not against.isdisjoint(self) if self.all else against.issuperset(self)

    def _against(self, completed: Iterable[str], failed: Iterable[str] | None) -> set[str]:
        counted: set[str] = set()
        if self.success:
            counted |= set(completed)
        if failed is not None and self.failure:
            counted |= set(failed)
        return counted

    def as_dict(self) -> dict:
        """Return this as plain values."""
        return {
            "dependencies": list(self),
            "all": self.all,
            "success": self.success,
            "failure": self.failure,
        }


def checked(value: object) -> object:
    """Return what may be a view's `follow` or `after`.

    Raises
    ------
    ValueError
        It is neither a result nor the name of one, nor several of them.
    """
    if value is None or isinstance(value, (Dependency, AsyncResult, str)):
        return value
    several = isinstance(value, (list, tuple, set))
    if several and all(isinstance(item, (AsyncResult, str)) for item in value):
        return list(value)
    raise ValueError(f"Invalid dependency: {value!r}")


def names_in(value: object) -> list[str]:
    """Return the names of the tasks of a dependency."""
    return [] if value is None else list(Dependency(value))


def fields(value: object, client: object) -> tuple[list[int], bool, bool, bool] | None:
    """Return a dependency as the scheduler takes it; 0 stands for a task that does not exist."""
    if value is None:
        return None
    dependency = value if isinstance(value, Dependency) else Dependency(checked(value))
    numbers = []
    for name in dependency:
        try:
            numbers.append(client._number(name))
        except KeyError:
            numbers.append(0)
    if not numbers:
        return None
    return numbers, dependency.all, dependency.success, dependency.failure
