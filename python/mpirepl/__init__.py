"""An interactive Python session on every MPI rank, seen from inside.

Attributes
----------
rank, size : int
    This process's number in MPI.COMM_WORLD, and how many there are.
targets : tuple of int
    The ranks that run the current cell, ascending.
version : str
    The version of mpirepl.
version_info : tuple of int
    Its parts.
DeadlockError, MismatchError, AbortError : class
    What a cell ends with whose MPI calls were broken off.

Views of the ranks, for programs on rank 0, are here under the names of ipyparallel: Client,
Cluster, AsyncResult, Reference, error and so on; see docs/views.md.
"""

import _mpirepl
from _mpirepl import rank, size, version

__all__ = [
    "ALL_COMPLETED",
    "AbortError",
    "AlreadyDisplayedError",
    "AsyncHubResult",
    "AsyncMapResult",
    "AsyncResult",
    "BroadcastView",
    "Client",
    "Cluster",
    "CompositeError",
    "DeadlockError",
    "Dependency",
    "DependencyTimeout",
    "DirectView",
    "EngineError",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "IPythonError",
    "ImpossibleDependency",
    "InvalidDependency",
    "KernelError",
    "LoadBalancedView",
    "MismatchError",
    "NoEnginesRegistered",
    "ParallelFunction",
    "Reference",
    "RemoteError",
    "RemoteFunction",
    "TaskAborted",
    "TaskRejectError",
    "TaskTimeout",
    "TimeoutError",
    "UnmetDependency",
    "ViewExecutor",
    "collect_exceptions",
    "datapub",
    "depend",
    "dependent",
    "error",
    "interactive",
    "parallel",
    "rank",
    "register_joblib_backend",
    "remote",
    "require",
    "size",
    "targets",
    "unwrap_exception",
    "version",
    "version_info",
    "wrap_exception",
]

# Where to find what is imported when it is first asked for.
_MODULES = (
    "client",
    "cluster",
    "controller",
    "datapub",
    "error",
    "joblib",
    "serialize",
    "util",
    "view",
)
_PLACES = {name: name for name in _MODULES} | {
    name: module
    for module, names in {
        "_errors": "DeadlockError MismatchError AbortError",
        "asyncresult": "ALL_COMPLETED FIRST_COMPLETED FIRST_EXCEPTION AsyncMapResult AsyncResult "
        "AsyncHubResult TimeoutError",
        "cluster": "Cluster",
        "client": "Client",
        "dependency": "Dependency depend dependent interactive require",
        "error": "AlreadyDisplayedError CompositeError DependencyTimeout EngineError IPythonError "
        "ImpossibleDependency InvalidDependency KernelError NoEnginesRegistered RemoteError "
        "TaskAborted TaskRejectError TaskTimeout UnmetDependency collect_exceptions "
        "unwrap_exception wrap_exception",
        "executor": "ViewExecutor",
        "joblib": "register_joblib_backend",
        "remotefunction": "ParallelFunction RemoteFunction parallel remote",
        "serialize": "Reference can uncan use_cloudpickle use_dill use_pickle",
        "view": "BroadcastView DirectView LoadBalancedView",
    }.items()
    for name in names.split()
}

__version__ = version
version_info = tuple(map(int, version.split(".")))


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})


def __getattr__(name: str) -> object:
    if name == "targets":
        from mpirepl import _run

        return _mpirepl.ranks(_run.targets)
    if module := _PLACES.get(name):
        from importlib import import_module

        found = import_module(f"mpirepl.{module}")
        return found if name in _MODULES else getattr(found, name)
    raise AttributeError(f"module 'mpirepl' has no attribute {name!r}")


def _magic(name: str, argument: str) -> object:
    """Run a magic of a longer cell on this rank; cells are rewritten to call it."""
    from mpirepl import _magics

    return _magics.run(name, argument)


def _px_cell(options: str, code: str, suffix: str = "") -> object:
    """Run a cell of %%px as tasks of a view, on rank 0; cells are rewritten to call it."""
    from mpirepl import _px

    return _px.of_session(suffix).run_cell(options, code, _px.run_here)
