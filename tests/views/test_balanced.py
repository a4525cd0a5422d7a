"""Load-balanced views: apply, map, imap, retries, timeouts, abort, and who does the work."""

import itertools
import time

from support import ORACLE, ViewsTest, decided, ipp, nap


def square(x):
    """Square a number."""
    return x * x


class TestApply(ViewsTest):
    """One task."""

    def test_apply(self):
        self.assertEqual(self.balanced.apply_sync(lambda x, y=1: x + y, 1, y=4), 5)
        self.assertIsInstance(self.balanced.apply(square, 2), ipp.AsyncResult)
        self.assertEqual(self.balanced.apply_async(square, 3).get(), 9)

    def test_blocking_view(self):
        view = self.rc.load_balanced_view()
        view.block = True
        self.assertEqual(view.apply(square, 3), 9)

    def test_metadata_says_who_did_it(self):
        result = self.balanced.apply_async(square, 2)
        result.get()
        self.assertIn(result.engine_id, self.ids)

    def test_targets(self):
        view = self.rc.load_balanced_view(targets=[self.ids[-1]])
        results = [view.apply_async(square, i) for i in range(5)]
        view.wait(results)
        self.assertEqual({result.engine_id for result in results}, {self.ids[-1]})

    def test_all_engines_take_part(self):
        results = [self.balanced.apply_async(nap, 0.1) for _ in range(2 * len(self.ids))]
        self.rc.wait(results)
        self.assertEqual({result.engine_id for result in results}, set(self.ids))

    def test_error_of_one_task_alone(self):
        results = [self.balanced.apply_async(lambda x: 1 / x, x) for x in (1, 0, 2)]
        self.assertEqual((results[0].get(), results[2].get()), (1, 0.5))
        with self.assertRaisesRemote(ZeroDivisionError):
            results[1].get()

    def test_work_is_balanced(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")
        others = self.rc.load_balanced_view(self.ids[1:])  # rank 0 would work while it waits
        long = others.apply_async(nap, 2)
        short = [self.balanced.apply_async(nap, 0.01) for _ in range(20)]
        self.rc.wait(short)
        self.assertFalse(long.ready())
        self.assertEqual(long.get(), 2)

    def test_a_long_task_does_not_hold_back_short_ones(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")
        self.balanced.map_sync(square, range(200))  # short ones first: they are sent in batches
        long = self.balanced.map_async(nap, [1.0] + [0.0] * 100)
        start = time.monotonic()
        for child in long.split()[1:]:
            child.get()
        if not ORACLE:  # rank 0 may be the one that naps
            self.assertLess(time.monotonic() - start, 10)
        long.get()


class TestMap(ViewsTest):
    """Many tasks."""

    def test_map_async(self):
        result = self.balanced.map_async(square, range(16))
        self.assertEqual(len(result), 16)
        self.assertEqual(result.get(), [x * x for x in range(16)])

    def test_map_sync(self):
        self.assertEqual(self.balanced.map_sync(square, range(101)), [x * x for x in range(101)])

    def test_generator(self):
        result = self.balanced.map_async(square, iter(range(16)))
        self.assertEqual(result.get(), [x * x for x in range(16)])

    def test_empty(self):
        self.assertEqual(self.balanced.map_sync(square, []), [])

    def test_stops_at_the_shortest(self):
        for first, second in ((10, 4), (4, 10)):
            result = self.balanced.map_async(lambda x, y: x * y, range(first), range(second))
            self.assertEqual(len(result), 4)
            self.assertEqual(result.get(), [0, 1, 4, 9])

    def test_chunks(self):
        for size in (1, 3, 10, 100):
            result = self.balanced.map_async(square, range(25), chunksize=size)
            self.assertEqual(len(result), 25)
            self.assertEqual(result.get(), [x * x for x in range(25)])

    def test_chunks_are_single_messages(self):
        result = self.balanced.map_async(square, range(25), chunksize=10)
        self.assertEqual(len(result.msg_ids), 3)
        result.get()

    def test_ordered(self):
        naps = [0.15, 0.1, 0.05, 0.0]
        result = self.balanced.map_async(nap, naps)
        self.assertEqual(list(result), naps)
        self.assertEqual(result.get(), naps)

    def test_unordered(self):
        naps = [0.3, 0.2, 0.1, 0.0]
        result = self.balanced.map_async(nap, naps, ordered=False)
        self.assertIsInstance(result, ipp.AsyncMapResult)
        came = list(result)
        self.assertEqual(sorted(came, reverse=True), naps)
        if len(self.ids) > 3:
            self.assertNotEqual(came, naps)

    def test_iteration_gives_each_as_it_arrives(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")
        others = self.rc.load_balanced_view(self.ids[1:])  # rank 0 would work while it waits
        result = others.map_async(nap, [0.0, 0.0, 0.0, 2.0], ordered=True)
        self.assertEqual(next(iter(result)), 0.0)
        self.assertFalse(result.ready())
        result.get()

    def test_return_exceptions(self):
        def fail_on_2(n):
            if n == 2:
                raise ValueError("two!")
            return n

        result = self.balanced.map(fail_on_2, range(4), return_exceptions=True)
        got = result.get()
        self.assertEqual([got[0], got[1], got[3]], [0, 1, 3])
        self.assertIsInstance(got[2], ipp.RemoteError)
        self.assertEqual(got[2].ename, "ValueError")
        self.assertEqual(list(result), got)

    def test_error(self):
        with self.assertRaisesRemote(ZeroDivisionError):
            self.balanced.map_sync(lambda x: 1 / (x - 3), range(6))

    def test_block_argument(self):
        self.assertEqual(self.balanced.map(square, [1, 2], block=True), [1, 4])


class TestImap(ViewsTest):
    """Lazy maps."""

    def test_all_of_it(self):
        self.assertEqual(list(self.balanced.imap(square, range(20))), [x * x for x in range(20)])

    def test_kind(self):
        result = self.balanced.imap(square, range(2))
        self.assertEqual(type(result).__name__, "LazyMapIterator")
        self.assertEqual([next(result), next(result)], [0, 1])
        with self.assertRaises(StopIteration):
            next(result)

    def test_endless_input(self):
        view = self.rc.load_balanced_view()
        result = view.imap(square, itertools.count(), max_outstanding=3)
        self.assertEqual([next(result) for _ in range(10)], [x * x for x in range(10)])
        result.cancel()
        self.rc.wait(timeout=10)
        self.assertTrue(10 <= len(view.history) <= 20, len(view.history))

    def test_max_outstanding(self):
        view = self.rc.load_balanced_view()
        result = view.imap(nap, itertools.repeat(0.02), max_outstanding=5)
        next(result)
        self.assertGreaterEqual(len(view.history), 5)
        next(result)
        self.assertTrue(5 <= len(view.history) <= 10)
        result.cancel()

    def test_after_cancel_nothing_is_submitted(self):
        view = self.rc.load_balanced_view()
        result = view.imap(nap, itertools.repeat(0.01), max_outstanding=2)
        for _ in range(4):
            next(result)
        result.cancel()
        submitted = len(view.history)
        self.rc.wait(timeout=10)
        self.assertEqual(len(view.history), submitted)
        self.assertLess(submitted, 10)

    def test_unordered(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")
        naps = [0.5, 0.01, 0.02, 0.03]
        came = list(self.balanced.imap(nap, naps, ordered=False, max_outstanding=4))
        self.assertEqual(sorted(came), sorted(naps))
        self.assertEqual(came[-1], 0.5)

    def test_return_exceptions(self):
        def fail_on_even(n):
            if n % 2 == 0:
                raise ValueError("even!")
            return n

        got = list(self.balanced.imap(fail_on_even, range(5), return_exceptions=True))
        self.assertEqual([got[1], got[3]], [1, 3])
        for value in got[::2]:
            self.assertIsInstance(value, ipp.RemoteError)

    def test_error(self):
        result = self.balanced.imap(lambda x: 1 / (x - 2), range(5), max_outstanding=1)
        self.assertEqual([next(result), next(result)], [-0.5, -1.0])
        with self.assertRaisesRemote(ZeroDivisionError):
            next(result)


class TestRetries(ViewsTest):
    """retries and timeout."""

    def test_retries_end_with_the_error(self):
        def fail():
            raise ValueError("Failed!")

        view = self.rc.load_balanced_view()
        for retries in range(len(self.ids)):
            with view.temp_flags(retries=retries), self.assertRaisesRemote(ValueError):
                view.apply_sync(fail)

    def test_retries_for_all_and_a_timeout(self):
        def fail():
            raise ValueError("Failed!")

        view = self.rc.load_balanced_view()
        flags = {"retries": len(self.ids), "timeout": 0.1}
        with view.temp_flags(**flags), self.assertRaisesRemote("TaskTimeout"):
            view.apply_sync(fail)

    def test_a_retry_goes_to_another_engine(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")

        def fail_at_first():
            global tries
            try:
                tries += 1
            except NameError:
                tries = 1
            if bad:  # noqa: F821
                raise ValueError("not here")
            return tries

        self.all.scatter("bad", [True] + [False] * (len(self.ids) - 1), flatten=True, block=True)
        view = self.rc.load_balanced_view()
        view.retries = 1
        for _ in range(2 * len(self.ids)):
            result = view.apply_async(ipp.interactive(fail_at_first))
            result.get()
            self.assertNotEqual(result.engine_id, self.ids[0])

    def test_timeout_does_not_cut_a_running_task(self):
        view = self.rc.load_balanced_view()
        with view.temp_flags(timeout=0.05):
            self.assertEqual(view.apply_sync(nap, 0.3), 0.3)

    def test_short_timeout_and_a_late_error(self):
        def fail():
            import time

            time.sleep(0.25)
            raise ValueError("Failed!")

        view = self.rc.load_balanced_view()
        with view.temp_flags(retries=1, timeout=0.01), self.assertRaisesRemote(ValueError):
            view.apply_sync(fail)

    def test_flags_must_make_sense(self):
        for flags in ({"retries": "many"}, {"timeout": "soon"}):
            with self.assertRaises(Exception):  # noqa: B017
                self.rc.load_balanced_view().set_flags(**flags)


class TestAbort(ViewsTest):
    """Taking tasks back."""

    def test_by_result_and_by_ids(self):
        for _ in range(2):
            self.all.apply_async(nap, 0.4)
        time.sleep(0.1)
        view = self.rc.load_balanced_view()
        second, third = view.apply_async(lambda: 2), view.apply_async(lambda: 3)
        view.abort(second)
        view.abort(third.msg_ids)
        for result in (second, third):
            with self.assertRaises(ipp.error.TaskAborted):
                result.get()

    def test_all_of_a_view(self):
        view = self.rc.load_balanced_view()
        results = [view.apply_async(nap, 0.1) for _ in range(10 * len(self.ids))]
        view.abort()
        self.rc.wait(results, timeout=20)
        aborted = sum(isinstance(result.exception(), ipp.error.TaskAborted) for result in results)
        self.assertGreater(aborted, len(self.ids))
        for result in results:
            if result.exception() is None:
                self.assertEqual(result.get(), 0.1)

    @decided("ipyparallel fails to put such a map together")
    def test_a_map(self):
        result = self.balanced.map_async(nap, [0.05] * (20 * len(self.ids)))
        result.abort()
        with self.assertRaises((ipp.error.TaskAborted, ipp.error.CompositeError)):
            result.get(20)
        self.assertEqual(self.balanced.apply_sync(square, 3), 9)
