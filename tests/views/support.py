"""What all tests of the views share: the module under test, a client, and helpers."""

import contextlib
import importlib.util
import io
import os
import re
import signal
import sys
import time
import unittest

try:
    import mpirepl as ipp

    ORACLE = False
except ImportError:  # plain Python: what ipyparallel does
    import ipyparallel as ipp

    ORACLE = True

HANG_SECONDS = float(os.environ.get("VIEWS_TEST_SECONDS", "60"))
_cluster = None


class Hung(BaseException):
    """A test did not end in time; not an Exception, so that no test catches it."""


def start_cluster(engines: int) -> None:
    """Start ipyparallel's own engines, under mpiexec."""
    global _cluster
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    _cluster = ipp.Cluster(n=engines, engines="mpi", log_level=40)
    _cluster.start_cluster_sync()
    new_client().wait_for_engines(engines, timeout=60)


def stop_cluster() -> None:
    """End what `start_cluster` started."""
    if _cluster is not None:
        _cluster.stop_cluster_sync()


def new_client(**options):
    """Connect one more client."""
    return _cluster.connect_client_sync() if _cluster is not None else ipp.Client(**options)


def needs(*modules: str):
    """Skip a test where a Python module is missing."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return unittest.skipIf(missing, f"needs {', '.join(missing)}")


def decided(reason: str):
    """Skip a test of what VIEWS.md decides otherwise than ipyparallel does."""
    return unittest.skipIf(ORACLE, f"not as in ipyparallel: {reason}")


def until(condition, seconds: float = 10.0) -> bool:
    """Wait until something is true; say whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def plain(text: str) -> str:
    """Return a text without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def nap(seconds, value=None):
    """Sleep on an engine and return something; for tasks that take a while."""
    import time

    time.sleep(seconds)
    return seconds if value is None else value


@contextlib.contextmanager
def captured():
    """Catch what is written through sys.stdout and sys.stderr."""
    streams = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        yield streams


class ViewsTest(unittest.TestCase):
    """A test with a client of all engines, whose namespaces are empty at the start."""

    engines = 1
    _client = None

    @property
    def rc(self):
        """The client that the tests share."""
        if ViewsTest._client is None:
            ViewsTest._client = new_client()
        return ViewsTest._client

    def setUp(self):
        if len(self.rc) < self.engines:
            self.skipTest(f"needs {self.engines} engines")
        self.old_handler = signal.signal(signal.SIGALRM, self.hung)
        signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
        self.addCleanup(self.calm)
        self.rc.clear(block=True)
        self.ids = self.rc.ids
        self.all = self.rc[:]
        self.one = self.rc[-1]
        self.balanced = self.rc.load_balanced_view()

    def hung(self, number, frame):
        """End a test that takes too long."""
        raise Hung(f"it had not ended after {HANG_SECONDS:g} s")

    def calm(self):
        """Let what still runs come to its end."""
        self.rc.wait(timeout=20)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.old_handler)

    @contextlib.contextmanager
    def assertRaisesRemote(self, kind):
        """Expect an exception of an engine, alone or in a CompositeError; yield a list of it."""
        name = kind if isinstance(kind, str) else kind.__name__
        caught = []
        try:
            try:
                yield caught
            except ipp.error.AlreadyDisplayedError as error:
                error.original_error.raise_exception()
            except ipp.error.CompositeError as error:
                error.raise_exception()
        except ipp.error.RemoteError as error:
            caught.append(error)
            self.assertEqual(error.ename, name, "\n".join(error.render_traceback()))
        else:
            self.fail(f"no {name} came from an engine")
