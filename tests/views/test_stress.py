"""10,000 tasks with failures and aborts: every result is accounted for."""

import os
import random
import time

from support import ORACLE, ViewsTest, ipp

COUNT = int(os.environ.get("VIEWS_TEST_TASKS", "1000" if ORACLE else "10000"))


def work(number, kind):
    """Succeed, fail or take a moment."""
    if kind == "fail":
        raise ValueError(number)
    if kind == "slow":
        import time

        time.sleep(0.001)
    if kind == "large":
        return number, bytes(20_000)
    return number


def right(number, kind, value):
    """Whether a task of this kind gave what it should."""
    return value == ((number, bytes(20_000)) if kind == "large" else number)


class TestStress(ViewsTest):
    """Everything at once."""

    def kinds(self, seed):
        choice = random.Random(seed)
        weights = {"plain": 80, "fail": 10, "slow": 5, "large": 5}
        return choice.choices(list(weights), list(weights.values()), k=COUNT), choice

    def test_balanced_with_failures_and_aborts(self):
        kinds, choice = self.kinds(1)
        view = self.rc.load_balanced_view()
        results = []
        for number, kind in enumerate(kinds):
            results.append(view.apply_async(work, number, kind))
            if choice.random() < 0.02:
                victim = results[choice.randrange(max(0, number - 50), number + 1)]
                if not victim.done():
                    view.abort(victim)
        self.assertTrue(self.rc.wait(results, timeout=300))
        count = {"right": 0, "failed": 0, "aborted": 0}
        for number, (kind, result) in enumerate(zip(kinds, results, strict=True)):
            error = result.exception()
            if isinstance(error, ipp.error.TaskAborted):
                count["aborted"] += 1
            elif error is not None:
                self.assertEqual(
                    (kind, error.ename, error.evalue), ("fail", "ValueError", str(number))
                )
                count["failed"] += 1
            else:
                self.assertTrue(right(number, kind, result.get()), number)
                count["right"] += 1
        self.assertEqual(sum(count.values()), COUNT)
        self.assertGreater(count["failed"], COUNT // 20)
        self.assertEqual(self.rc.outstanding, set())

    def test_direct_with_failures(self):
        kinds, choice = self.kinds(2)
        views = list(self.rc)
        results = [
            choice.choice(views).apply_async(work, number, kind)
            for number, kind in enumerate(kinds[: COUNT // 5])
        ]
        for number, (kind, result) in enumerate(zip(kinds, results, strict=False)):
            if kind == "fail":
                self.assertEqual(result.exception(60).evalue, str(number))
            else:
                self.assertTrue(right(number, kind, result.get(60)))

    def test_map_with_failures(self):
        kinds, _ = self.kinds(3)
        for size in (1, 7, 100):
            result = self.balanced.map_async(
                work, range(COUNT), kinds, chunksize=size, return_exceptions=True
            )
            got = result.get(300)
            failed = sum(isinstance(value, ipp.RemoteError) for value in got)
            if size == 1:
                self.assertEqual(failed, kinds.count("fail"))
                for number, (kind, value) in enumerate(zip(kinds, got, strict=True)):
                    self.assertTrue(kind == "fail" or right(number, kind, value))
            self.assertGreater(failed, 0)

    def test_chain_of_dependencies(self):
        view = self.rc.load_balanced_view()
        previous, results = None, []
        for number in range(COUNT // 20):
            with view.temp_flags(after=previous if number % 5 else None):
                previous = view.apply_async(work, number, "plain")
            results.append(previous)
        self.assertEqual([result.get(60) for result in results], list(range(COUNT // 20)))

    def test_many_empty_tasks_are_quick(self):
        self.balanced.map_sync(abs, range(100))
        start = time.monotonic()
        self.assertEqual(self.balanced.map_sync(abs, range(COUNT)), list(range(COUNT)))
        if not ORACLE:
            self.assertLess(time.monotonic() - start, 10)

    def test_dropped_results_leave_no_memory(self):
        import resource

        def drop(count):
            for _ in range(count):
                self.one.apply_async(bytes, 2_000)
                if len(self.rc.outstanding) > 500:
                    self.rc.wait(timeout=60)
            self.rc.wait(timeout=60)
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        before = drop(COUNT // 2)
        after = drop(COUNT // 2)
        if not ORACLE:
            self.assertLess(after - before, 20_000)
