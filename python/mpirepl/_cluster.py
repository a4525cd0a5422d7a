"""What programs of ipyparallel start."""

import os

import _mpirepl

from mpirepl.client import Client


class Cluster:
    """What a program of ipyparallel starts; here the ranks are there already.

    Parameters
    ----------
    n : int
        How many engines it wants: at most as many as there are ranks.
    """

    def __init__(self, n: int | None = None, **options: object):
        self.n = n
        self.options = options
        self.profile = options.get("profile", "")
        self.cluster_id = options.get("cluster_id", "")
        self._client: Client | None = None

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
        if self.n is None or self.n == _mpirepl.size:
            return Client()
        return Client(ranks=f"0-{self.n - 1}")

    async def start_and_connect(self, n: int | None = None, **_: object) -> Client:
        """Return a client of the ranks."""
        return self.start_and_connect_sync(n)

    async def connect_client(self, **_: object) -> Client:
        """Return a client of the ranks."""
        return self.connect_client_sync()

    async def start_cluster(self, n: int | None = None, **_: object) -> "Cluster":
        """Do nothing: the ranks are there."""
        return self.start_cluster_sync(n)

    def start_cluster_sync(self, n: int | None = None, **_: object) -> "Cluster":
        """Do nothing: the ranks are there."""
        self.n = n or self.n
        self._check()
        return self

    async def stop_cluster(self, **_: object) -> None:
        """Do nothing: the ranks end with the session."""

    def stop_cluster_sync(self, **_: object) -> None:
        """Do nothing: the ranks end with the session."""

    async def signal_engines(self, signum: int, *_: object) -> None:
        """Send a signal to the engines."""
        self.signal_engines_sync(signum)

    def signal_engines_sync(self, signum: int, *_: object) -> None:
        """Send a signal to the engines."""
        Client().send_signal(signum)

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
