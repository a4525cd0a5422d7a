"""Executors, joblib and dask."""

import concurrent.futures
import importlib.util
import unittest

from beside import negative
from support import ViewsTest, decided, ipp, nap, needs


class TestExecutor(ViewsTest):
    """concurrent.futures by way of a view."""

    def test_client_executor(self):
        executor = self.rc.executor()
        self.assertIsInstance(executor, concurrent.futures.Executor)
        self.assertEqual(type(executor.view).__name__, "LoadBalancedView")
        self.assertEqual(executor.submit(lambda x: 2 * x, 5).result(), 10)

    def test_client_executor_with_targets(self):
        executor = self.rc.executor([self.ids[-1]])
        future = executor.submit(abs, -5)
        self.assertEqual(future.result(), 5)
        self.assertEqual(future.engine_id, self.ids[-1])

    def test_view_executor(self):
        self.assertIs(self.balanced.executor.view, self.balanced)

    def test_a_view_has_one_executor(self):
        view = self.rc.load_balanced_view()
        future = view.executor.submit(nap, 0.3, 1)
        view.executor.shutdown()
        self.assertTrue(future.done())

    def test_submit(self):
        future = self.balanced.executor.submit(lambda x, y=1: x * y, 2, y=3)
        self.assertIsInstance(future, concurrent.futures.Future)
        self.assertEqual(future.result(), 6)

    def test_submit_that_fails(self):
        future = self.balanced.executor.submit(lambda: 1 / 0)
        with self.assertRaisesRemote(ZeroDivisionError):
            future.result()

    def test_map(self):
        result = self.balanced.executor.map(lambda x: x * x, range(5))
        self.assertEqual(type(result).__name__, "LazyMapIterator")
        self.assertEqual(list(result), [0, 1, 4, 9, 16])

    def test_map_of_several(self):
        got = self.balanced.executor.map(lambda x, y: x - y, range(5), range(5))
        self.assertEqual(list(got), [0] * 5)

    def test_leaving_the_with_block_waits(self):
        view = self.rc.load_balanced_view()
        with view.executor as executor:
            future = executor.submit(nap, 0.3)
            self.assertFalse(future.done())
            results = executor.map(lambda x: x, range(10))
        self.assertEqual(len(view.history), 11)
        self.assertTrue(future.done())
        self.assertEqual(list(results), list(range(10)))

    def test_shutdown_leaves_the_engines(self):
        executor = self.rc.executor()
        executor.submit(abs, 1).result()
        executor.shutdown()
        self.assertEqual(self.all.apply_sync(abs, -1), [1] * len(self.ids))

    def test_submit_after_the_with_block(self):
        with self.balanced.executor as executor:
            executor.submit(abs, -1)
        self.assertEqual(executor.submit(abs, -2).result(), 2)
        self.assertEqual(list(executor.map(abs, [-3, -4])), [3, 4])

    def test_of_direct_views(self):
        for view in self.all, self.rc.broadcast_view():
            with self.subTest(view):
                executor = view.executor
                self.assertIs(executor.view, view)
                self.assertEqual(executor.submit(abs, -5).result(), [5] * len(self.ids))
                got = executor.map(lambda x, y: x + y, range(7), range(7))
                self.assertEqual(list(got), list(range(0, 14, 2)))

    @decided("ipyparallel's fails at the end of the block")
    def test_leaving_the_with_block_of_a_direct_view_waits(self):
        with self.all.executor as executor:
            future = executor.submit(nap, 0.3)
        self.assertTrue(future.done())

    def test_of_a_single_engine(self):
        future = self.one.executor.submit(abs, -5)
        self.assertEqual(future.result(), 5)
        self.assertEqual(future.engine_id, self.ids[-1])

    @decided("ipyparallel's does not know it")
    def test_map_with_a_timeout(self):
        for view in self.all, self.balanced:
            with self.subTest(view):
                self.assertEqual(list(view.executor.map(abs, [-1, -2], timeout=10)), [1, 2])
                late = view.executor.map(nap, [0.5] * len(self.ids), timeout=0.01)
                with self.assertRaises(TimeoutError):
                    list(late)

    def test_as_completed(self):
        executor = self.balanced.executor
        futures = [executor.submit(nap, 0.01 * i) for i in range(5)]
        got = [future.result() for future in concurrent.futures.as_completed(futures)]
        self.assertEqual(sorted(got), [0.01 * i for i in range(5)])

    def test_cancel(self):
        futures = [self.rc.executor().submit(nap, 0.05) for _ in range(4 * len(self.ids))]
        self.assertTrue(futures[-1].cancel())
        with self.assertRaises(concurrent.futures.CancelledError):
            futures[-1].result()
        self.assertEqual(concurrent.futures.wait(futures, timeout=30).not_done, set())
        self.assertEqual([future.result() for future in futures[:-1]], [0.05] * (len(futures) - 1))

    def test_wait(self):
        executor = self.balanced.executor
        futures = [executor.submit(nap, 0.01) for _ in range(5)]
        done, pending = concurrent.futures.wait(futures)
        self.assertEqual((len(done), len(pending)), (5, 0))

    def test_asyncio(self):
        import asyncio

        async def main():
            futures = [self.balanced.executor.submit(nap, 0.01, i) for i in range(5)]
            return await asyncio.gather(*map(asyncio.wrap_future, futures))

        self.assertEqual(asyncio.run(main()), [0, 1, 2, 3, 4])


class TestJoblib(ViewsTest):
    """joblib's backend."""

    @needs("joblib")
    def test_of_a_view(self):
        import joblib

        self.balanced.register_joblib_backend("of the view")
        parallel = joblib.Parallel(backend="of the view")
        got = parallel(joblib.delayed(negative)(i) for i in range(20))
        self.assertEqual(got, [-i for i in range(20)])

    @needs("joblib")
    @unittest.skipIf(ipp.__name__ == "ipyparallel", "it connects to the default profile")
    def test_default(self):
        import joblib

        ipp.register_joblib_backend()
        with joblib.parallel_backend("ipyparallel"):
            got = joblib.Parallel()(joblib.delayed(negative)(i) for i in range(20))
        self.assertEqual(got, [-i for i in range(20)])

    @needs("joblib")
    def test_the_class(self):
        import joblib

        backend = importlib.import_module(f"{ipp.__name__}.joblib").IPythonParallelBackend
        joblib.register_parallel_backend("by class", lambda: backend(view=self.balanced))
        with joblib.parallel_backend("by class"):
            got = joblib.Parallel()(joblib.delayed(negative)(i) for i in range(20))
        self.assertEqual(got, [-i for i in range(20)])

    @needs("joblib")
    def test_a_failing_call(self):
        import joblib

        self.balanced.register_joblib_backend("failing")
        with self.assertRaises(Exception):  # noqa: B017
            joblib.Parallel(backend="failing")(joblib.delayed(negative)(i) for i in "ab")

    @decided("ipyparallel's whole module needs joblib")
    def test_without_joblib(self):
        from mpirepl import joblib

        with self.assertRaises(AttributeError):
            joblib.no_such_name  # noqa: B018
        if importlib.util.find_spec("joblib") is None:
            with self.assertRaisesRegex(ImportError, "pip install joblib"):
                from mpirepl.joblib import IPythonParallelBackend  # noqa: F401


class TestDask(ViewsTest):
    """dask where it is installed."""

    @needs("distributed")
    def test_become_dask(self):
        executor = self.rc.become_dask()
        workers = self.all.apply_sync(repr, ipp.Reference("distributed_worker"))
        for text in workers:
            self.assertIn("Worker", text)
        squares = executor.map(lambda x: x * x, range(10))
        self.assertEqual(executor.submit(sum, squares).result(), 285)
        executor.close()
        self.rc.stop_dask()
        with self.assertRaisesRemote(NameError):
            self.all.apply_sync(repr, ipp.Reference("distributed_worker"))

    @needs("dask")
    def test_executor_as_a_scheduler(self):
        import dask

        with dask.config.set(scheduler=self.rc.executor()):
            self.assertEqual(dask.delayed(sum)([1, 2, 3]).compute(), 6)
