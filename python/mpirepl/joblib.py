"""A backend of joblib that runs its calls on engines."""

from collections.abc import Callable
from functools import cache


@cache
def _made() -> type:
    """Return the class of the backend, which needs joblib."""
    try:
        from joblib.parallel import AutoBatchingMixin, ParallelBackendBase
    except ImportError:
        raise ImportError("joblib is not installed: pip install joblib") from None

    class IPythonParallelBackend(AutoBatchingMixin, ParallelBackendBase):
        """Runs batches of calls as tasks of a load-balanced view."""

        supports_retrieve_callback = False
        supports_timeout = True
        uses_threads = False

        def __init__(self, view: object = None, **options: object):
            super().__init__(**options)
            if view is None:
                from mpirepl.client import Client

                view = Client().load_balanced_view()
            self._view = view

        def effective_n_jobs(self, n_jobs: int | None) -> int:
            """Return how many engines there are."""
            if n_jobs == 0:
                raise ValueError("n_jobs == 0 has no meaning")
            return len(self._view)

        def apply_async(self, func: Callable, callback: Callable | None = None) -> object:
            """Submit a batch of calls."""
            result = self._view.apply_async(func)
            if callback is not None:
                result.add_done_callback(lambda done: callback(done))
            return result

        def submit(self, func: Callable, callback: Callable | None = None) -> object:
            """Submit a batch of calls, under joblib's newer name."""
            return self.apply_async(func, callback)

        def configure(self, n_jobs: int = 1, parallel: object = None, **_: object) -> int:
            """Begin the use by a Parallel."""
            self.parallel = parallel
            return self.effective_n_jobs(n_jobs)

        def abort_everything(self, ensure_ready: bool = True) -> None:
            """Drop what has not begun."""
            self._view.abort()

    return IPythonParallelBackend


def __getattr__(name: str) -> type:
    if name == "IPythonParallelBackend":
        return _made()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def register_view(view: object, name: str, make_default: bool) -> None:
    """Register a view with joblib under a name."""
    backend = _made()
    from joblib import register_parallel_backend

    register_parallel_backend(
        name, lambda **options: backend(view=view, **options), make_default=make_default
    )


def register_joblib_backend(name: str = "ipyparallel", make_default: bool = False) -> None:
    """Register a view of all engines with joblib."""
    backend = _made()
    from joblib import register_parallel_backend

    register_parallel_backend(name, backend, make_default=make_default)


register = register_joblib_backend
