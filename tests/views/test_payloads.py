"""Payloads: slow, huge, many, and several at once."""

import time

import numpy as np
from numpy.testing import assert_array_equal
from support import ORACLE, ViewsTest, ipp, nap


class TestSizes(ViewsTest):
    """From nothing to much."""

    def test_growing_sizes(self):
        for power in range(0, 25, 3):
            data = np.full(2**power, 7, dtype="u1")
            back = self.one.apply_sync(lambda x: x, data)
            assert_array_equal(back, data)

    def test_around_likely_limits(self):
        for base in (4096, 65536, 1 << 20):
            for size in (base - 1, base, base + 1):
                data = bytes(size)
                self.assertEqual(self.one.apply_sync(lambda x: x, data), data)

    def test_hundred_megabytes(self):
        data = np.arange(12_500_000.0)
        self.one.push({"x": data}, block=True)
        assert_array_equal(self.one["x"], data)

    def test_large_results_of_all(self):
        got = self.all.apply_sync(lambda: __import__("numpy").ones(1_000_000))
        self.assertEqual([part.sum() for part in got], [1e6] * len(self.ids))

    def test_large_text(self):
        text = "äöü" * 1_000_000
        self.assertEqual(self.one.apply_sync(len, text), 3_000_000)

    def test_deep_and_wide(self):
        deep = []
        for _ in range(100):
            deep = [deep]
        wide = {str(i): i for i in range(20_000)}
        self.assertEqual(self.one.apply_sync(lambda a, b: (a, b), deep, wide), (deep, wide))

    def test_large_arguments_of_balanced_tasks(self):
        arrays = [np.full(300_000, i, dtype=float) for i in range(3 * len(self.ids))]
        got = self.balanced.map_sync(lambda x: float(x.sum()), arrays)
        self.assertEqual(got, [300_000.0 * i for i in range(len(arrays))])

    def test_large_results_of_balanced_tasks(self):
        got = self.balanced.map_sync(lambda i: __import__("numpy").full(200_000, i), range(10))
        for number, array in enumerate(np.split(np.asarray(got).ravel(), 10)):
            self.assertEqual((array.min(), array.max()), (number, number))

    def test_large_code(self):
        code = "x = [" + ",".join(map(str, range(50_000))) + "]"
        self.all.execute(code, block=True)
        self.assertEqual(self.all.apply_sync(len, ipp.Reference("x")), [50_000] * len(self.ids))

    def test_more_than_two_gib(self):
        import os

        if not os.environ.get("VIEWS_TEST_HUGE"):
            self.skipTest("takes 10 GB of memory; VIEWS_TEST_HUGE=1 runs it")
        size = (1 << 31) + 12345
        data = np.zeros(size, dtype="u1")
        data[[0, 1 << 30, -1]] = 1, 2, 3
        self.one.push({"x": data}, block=True)
        probe = ipp.interactive(lambda: (x.size, int(x[0]), int(x[1 << 30]), int(x[-1])))  # noqa: F821
        self.assertEqual(self.one.apply_sync(probe), (size, 1, 2, 3))
        del data
        back = self.one["x"]
        self.assertEqual((back.size, int(back[1 << 30]), int(back[-1])), (size, 2, 3))


class TestMany(ViewsTest):
    """Many requests."""

    def test_many_small_ones(self):
        results = [self.one.apply_async(lambda x: x, number) for number in range(500)]
        self.assertEqual([result.get() for result in results], list(range(500)))

    def test_many_on_all(self):
        results = [self.all.apply_async(lambda x: x, number) for number in range(100)]
        for number, result in enumerate(results):
            self.assertEqual(result.get(), [number] * len(self.ids))

    def test_read_in_reverse(self):
        results = [self.all.apply_async(lambda x: x, number) for number in range(50)]
        for number, result in reversed(list(enumerate(results))):
            self.assertEqual(result.get(), [number] * len(self.ids))

    def test_large_and_small_in_turn(self):
        results = []
        for number in range(20):
            data = np.full(400_000 if number % 2 else 3, number)
            results.append(self.all.apply_async(lambda x: (len(x), int(x[0])), data))
        for number, result in enumerate(results):
            want = (400_000 if number % 2 else 3, number)
            self.assertEqual(result.get(), [want] * len(self.ids))

    def test_large_both_ways_at_once(self):
        data = np.arange(500_000.0)
        results = [self.all.apply_async(lambda x: x + 1, data) for _ in range(6)]
        for result in results:
            for back in result.get():
                assert_array_equal(back, data + 1)

    def test_direct_and_balanced_at_once(self):
        balanced = self.balanced.map_async(lambda x: x * x, range(200))
        direct = [self.all.apply_async(lambda x: -x, number) for number in range(20)]
        self.all.scatter("a", list(range(50)), block=True)
        self.assertEqual(balanced.get(), [x * x for x in range(200)])
        self.assertEqual([result.get()[0] for result in direct], [-x for x in range(20)])
        self.assertEqual(self.all.gather("a", block=True), list(range(50)))

    def test_two_clients_at_once(self):
        from support import new_client

        other = new_client()
        self.addCleanup(other.close)
        mine = self.balanced.map_async(lambda x: x + 1, range(100))
        theirs = other.load_balanced_view().map_async(lambda x: x + 2, range(100))
        self.assertEqual(theirs.get(), [x + 2 for x in range(100)])
        self.assertEqual(mine.get(), [x + 1 for x in range(100)])

    def test_results_that_nobody_reads(self):
        for _ in range(200):
            self.all.apply_async(bytes, 50_000)
        self.assertEqual(self.all.apply_sync(abs, -1), [1] * len(self.ids))

    def test_dropped_results_are_forgotten(self):
        for _ in range(50):
            self.one.apply_async(abs, 1)
        self.assertTrue(self.rc.wait(timeout=20))
        self.assertEqual(self.rc.outstanding, set())


class TestSlow(ViewsTest):
    """Tasks that take their time."""

    engines = 2

    def test_a_slow_engine_does_not_hold_the_others(self):
        slow = self.one.apply_async(nap, 2)
        others = self.rc[:-1]
        self.assertEqual(others.apply_sync(abs, -1), [1] * (len(self.ids) - 1))
        self.assertFalse(slow.ready())
        self.assertEqual(slow.get(), 2)

    def test_engines_work_at_the_same_time(self):
        start = time.monotonic()
        self.all.apply_sync(nap, 1.5)
        self.assertLess(time.monotonic() - start, 1.5 * len(self.ids))

    def test_submission_does_not_wait(self):
        result = self.all.apply_async(nap, 1)
        self.assertFalse(result.ready())
        result.get()

    def test_large_push_behind_a_slow_task(self):
        slow = self.one.apply_async(nap, 0.5)
        data = np.arange(1_000_000.0)
        push = self.one.push({"x": data}, block=False)
        self.assertEqual(slow.get(), 0.5)
        push.get()
        assert_array_equal(self.one["x"], data)

    def test_busy_task(self):
        def spin(seconds):
            import time

            end = time.monotonic() + seconds
            count = 0
            while time.monotonic() < end:
                count += 1
            return count > 0

        self.assertEqual(self.all.apply_sync(spin, 0.3), [True] * len(self.ids))

    def test_task_with_threads(self):
        def threads():
            import threading

            seen = []
            crew = [threading.Thread(target=seen.append, args=(i,)) for i in range(5)]
            for thread in crew:
                thread.start()
            for thread in crew:
                thread.join()
            return sorted(seen)

        self.assertEqual(self.all.apply_sync(threads), [[0, 1, 2, 3, 4]] * len(self.ids))

    def test_client_calls_from_a_thread(self):
        import threading

        got = []
        thread = threading.Thread(target=lambda: got.append(self.one.apply_async(abs, -4).get(20)))
        thread.start()
        thread.join(25)
        if not ORACLE and not got:
            self.fail("a thread of the program got no result")
        self.assertEqual(got, [4])
