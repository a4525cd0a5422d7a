"""What programs of ipyparallel start."""

import functools
import os
from collections.abc import Callable

import _mpirepl

from mpirepl.client import Client


def _async(method: Callable) -> Callable:
    """Return the async twin of a method: it does the same, at once."""

    @functools.wraps(method)
    async def twin(self: "Cluster", *args: object, **kwargs: object) -> object:
        return method(self, *args, **kwargs)

    twin.__name__ = method.__name__.removesuffix("_sync")
    twin.__qualname__ = method.__qualname__.removesuffix("_sync")
    return twin


class Cluster:
    """What a program of ipyparallel starts; here the ranks are there already.

    Parameters
    ----------
    n : int
        How many engines it wants: at most as many as there are ranks.
    """

    def __init__(self, n: int | None = None, **options: object):
        self.n = None if n is None else int(n)
        self.options = options
        self.profile = options.get("profile", "")
        self.cluster_id = options.get("cluster_id", "")
        self._client: Client | None = None

    @classmethod
    def from_file(cls, *_: object, **__: object) -> "Cluster":
        """Return the ranks: there is no file, and none is needed."""
        return cls()

    def _check(self) -> None:
        if self.n is not None and self.n > _mpirepl.size:
            raise RuntimeError(
                f"{self.n} engines are wanted and there are {_mpirepl.size} ranks: start with "
                f"mpiexec -n {self.n} mpirepl --targets 0 FILE"
            )

    def start_and_connect_sync(self, n: int | None = None, **_: object) -> Client:
        """Return a client of the ranks."""
        self.n = n or self.n
        return self.connect_client_sync()

    def connect_client_sync(self, **_: object) -> Client:
        """Return a client of the ranks."""
        self._check()
        whole = self.n is None or self.n == _mpirepl.size
        client = Client() if whole else Client(ranks=f"0-{self.n - 1}")
        client.cluster = self
        return client

    def start_cluster_sync(self, n: int | None = None, **_: object) -> "Cluster":
        """Do nothing: the ranks are there."""
        self.start_engines_sync(n)
        return self

    def start_controller_sync(self, **_: object) -> None:
        """Do nothing: there is none, and none is needed."""

    def start_engines_sync(
        self, n: int | None = None, engine_set_id: str | None = None, **_: object
    ) -> str:
        """Do nothing: the ranks are there. Return a name for them."""
        self.n = n or self.n
        self._check()
        return engine_set_id or "ranks"

    def stop_cluster_sync(self, **_: object) -> None:
        """Do nothing: the ranks end with the session."""

    def stop_controller_sync(self, **_: object) -> None:
        """Do nothing: there is none."""

    def stop_engines_sync(self, engine_set_id: str | None = None, **_: object) -> None:
        """Do nothing: the ranks end with the session."""

    def restart_engines_sync(self, engine_set_id: str | None = None, **_: object) -> None:
        """Refuse: ranks cannot be restarted."""
        raise NotImplementedError("ranks cannot be restarted: start the session anew")

    def signal_engines_sync(self, signum: int, engine_set_id: str | None = None) -> None:
        """Send a signal to the engines."""
        Client().send_signal(signum)

    start_and_connect = _async(start_and_connect_sync)
    connect_client = _async(connect_client_sync)
    start_cluster = _async(start_cluster_sync)
    start_controller = _async(start_controller_sync)
    start_engines = _async(start_engines_sync)
    stop_cluster = _async(stop_cluster_sync)
    stop_controller = _async(stop_controller_sync)
    stop_engines = _async(stop_engines_sync)
    restart_engines = _async(restart_engines_sync)
    signal_engines = _async(signal_engines_sync)

    def __enter__(self) -> Client:
        self._client = self.start_and_connect_sync()
        return self._client

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    async def __aenter__(self) -> Client:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def __repr__(self) -> str:
        return f"<Cluster of {self.n or _mpirepl.size} ranks, process {os.getpid()}>"
