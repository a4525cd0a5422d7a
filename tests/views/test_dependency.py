"""follow, after, Dependency, depend and require."""

import colorsys

from support import ViewsTest, decided, ipp, nap


def square(x):
    """Square a number."""
    return x * x


class TestFlags(ViewsTest):
    """follow and after."""

    def test_follow(self):
        first = self.balanced.apply_async(lambda: 1)
        first.get()
        view = self.rc.load_balanced_view()
        view.follow = first
        results = [view.apply_async(lambda: 1) for _ in range(6)]
        view.wait(results)
        self.assertEqual({result.engine_id for result in results}, {first.engine_id})

    def test_follow_before_it_is_known_where(self):
        first = self.balanced.apply_async(nap, 0.2)
        with self.balanced.temp_flags(follow=first):
            second = self.balanced.apply_async(lambda: 2)
        self.assertEqual(second.get(), 2)
        self.assertEqual(second.engine_id, first.engine_id)

    def test_after(self):
        first = self.balanced.apply_async(nap, 0.3)
        with self.balanced.temp_flags(after=first):
            second = self.balanced.apply_async(lambda: 1)
        second.get()
        self.assertTrue(first.ready())
        self.assertGreaterEqual(second.started, first.completed)

    def test_after_several(self):
        first = [self.balanced.apply_async(nap, 0.05 * i) for i in range(4)]
        with self.balanced.temp_flags(after=first):
            second = self.balanced.apply_async(lambda: 1)
        second.get()
        for result in first:
            self.assertGreaterEqual(second.started, result.completed)

    def test_after_a_map(self):
        first = self.balanced.map_async(nap, [0.05] * 6)
        with self.balanced.temp_flags(after=first):
            second = self.balanced.apply_async(lambda: 1)
        self.assertEqual(second.get(), 1)
        self.assertTrue(first.ready())

    def test_chain(self):
        previous, results = None, []
        for number in range(10):
            with self.balanced.temp_flags(after=previous):
                previous = self.balanced.apply_async(lambda n: n, number)
            results.append(previous)
        self.assertEqual([result.get() for result in results], list(range(10)))
        for before, behind in zip(results, results[1:], strict=False):
            self.assertGreaterEqual(behind.started, before.completed)

    def test_after_an_unknown_id(self):
        with self.balanced.temp_flags(after="12345"), self.assertRaisesRemote("InvalidDependency"):
            self.balanced.apply_sync(lambda: 1)

    def test_follow_an_unknown_id(self):
        with self.balanced.temp_flags(follow="12345"), self.assertRaisesRemote("InvalidDependency"):
            self.balanced.apply_sync(lambda: 1)

    def test_after_a_failed_task(self):
        first = self.balanced.apply_async(lambda: 1 / 0)
        first.wait(10)
        view = self.rc.load_balanced_view()
        with view.temp_flags(after=first), self.assertRaisesRemote("ImpossibleDependency"):
            view.apply_sync(lambda: 1)

    def test_after_a_task_that_fails_later(self):
        def fail_late():
            import time

            time.sleep(0.2)
            raise ValueError

        first = self.balanced.apply_async(fail_late)
        with self.balanced.temp_flags(after=first):
            second = self.balanced.apply_async(lambda: 1)
        with self.assertRaisesRemote("ImpossibleDependency"):
            second.get(10)

    def test_after_a_failure_that_is_wanted(self):
        first = self.balanced.apply_async(lambda: 1 / 0)
        wanted = ipp.Dependency(first, success=False, failure=True)
        with self.balanced.temp_flags(after=wanted):
            self.assertEqual(self.balanced.apply_async(lambda: 1).get(10), 1)

    def test_after_any(self):
        quick = self.balanced.apply_async(lambda: 1)
        slow = self.balanced.apply_async(nap, 1.0)
        with self.balanced.temp_flags(after=ipp.Dependency([quick, slow], all=False)):
            second = self.balanced.apply_async(lambda: 2)
        self.assertEqual(second.get(10), 2)
        self.rc.wait(slow)

    def test_follow_results_on_two_engines(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")
        pair = [
            self.rc.load_balanced_view(targets=[engine]).apply_async(lambda: 1)
            for engine in self.ids[:2]
        ]
        self.rc.wait(pair)
        view = self.rc.load_balanced_view()
        with view.temp_flags(follow=pair), self.assertRaisesRemote("ImpossibleDependency"):
            view.apply_sync(lambda: 1)

    def test_flags_return_to_none(self):
        first = self.balanced.apply_async(lambda: 1)
        with self.balanced.temp_flags(after=first):
            self.assertIsNotNone(self.balanced.after)
        self.assertIsNone(self.balanced.after)

    def test_follow_and_after_in_metadata(self):
        first = self.balanced.apply_async(lambda: 1)
        first.get()
        with self.balanced.temp_flags(after=first):
            second = self.balanced.apply_async(lambda: 1)
        second.get()
        self.assertIn(first.msg_ids[0], list(second.after))
        self.assertIn("follow", second.metadata)

    def test_wrong_type(self):
        with self.assertRaises(Exception):  # noqa: B017
            self.rc.load_balanced_view().set_flags(after=5)


class TestDependency(ViewsTest):
    """The class Dependency by itself."""

    succeeded = set(map(str, range(0, 25, 2)))
    failed = set(map(str, range(1, 25, 2)))
    mixed = list(map(str, range(10)))
    completed = list(map(str, range(0, 10, 2)))

    def met(self, dependency):
        return dependency.check(self.succeeded, self.failed)

    def unreachable(self, dependency):
        return dependency.unreachable(self.succeeded, self.failed)

    def test_success_only(self):
        dependency = ipp.Dependency(self.mixed, success=True, failure=False)
        self.assertEqual((self.met(dependency), self.unreachable(dependency)), (False, True))
        dependency.all = False
        self.assertEqual((self.met(dependency), self.unreachable(dependency)), (True, False))

    def test_completed(self):
        for every in (True, False):
            dependency = ipp.Dependency(self.completed, all=every)
            self.assertEqual((self.met(dependency), self.unreachable(dependency)), (True, False))

    def test_failure_only(self):
        dependency = ipp.Dependency(self.mixed, success=False, failure=True)
        self.assertEqual((self.met(dependency), self.unreachable(dependency)), (False, True))
        dependency.all = False
        self.assertEqual((self.met(dependency), self.unreachable(dependency)), (True, False))
        dependency = ipp.Dependency(self.completed, success=False, failure=True)
        self.assertEqual((self.met(dependency), self.unreachable(dependency)), (False, True))

    def test_empty_is_met(self):
        dependency = ipp.Dependency([])
        self.assertEqual((self.met(dependency), self.unreachable(dependency)), (True, False))

    def test_from_results(self):
        first, second = self.all.apply_async(square, 1), self.one.apply_async(square, 2)
        dependency = ipp.Dependency([first, second, "more"])
        self.assertEqual(set(dependency), {*first.msg_ids, *second.msg_ids, "more"})
        self.assertEqual(set(ipp.Dependency(first)), set(first.msg_ids))

    def test_neither_success_nor_failure(self):
        with self.assertRaises(ValueError):
            ipp.Dependency([], success=False, failure=False)

    def test_as_dict(self):
        dependency = ipp.Dependency(["a"], all=False)
        again = ipp.Dependency(dependency.as_dict())
        self.assertEqual(
            (set(again), again.all, again.success, again.failure), ({"a"}, False, True, False)
        )


class TestDecorators(ViewsTest):
    """require and depend."""

    def test_require_where_it_arrives(self):
        @ipp.require("colorsys", half=0.5)
        @ipp.interactive
        def grey():
            return colorsys.hsv_to_rgb(0, 0, half)  # noqa: F821

        names = {"__builtins__": __builtins__}
        there = ipp.serialize.uncan(ipp.serialize.can(grey), names)
        self.assertEqual(there(), (0.5, 0.5, 0.5))
        self.assertIn("colorsys", names)

    def test_require_a_module(self):
        @ipp.require("base64")
        @ipp.interactive
        def encode(data):
            return base64.b64encode(data)  # noqa: F821

        self.assertEqual(self.balanced.apply_sync(encode, b"foo"), b"Zm9v")
        self.assertEqual(self.one.apply_sync(encode, b"foo"), b"Zm9v")

    def test_require_a_module_object(self):
        @ipp.require(colorsys)
        @ipp.interactive
        def hue():
            return colorsys.rgb_to_hsv(1, 0, 0)[0]

        self.assertEqual(self.balanced.apply_sync(hue), 0.0)

    def test_unmet_on_a_direct_view(self):
        @ipp.require("nonexistent_module")
        def f():
            return 1

        with self.assertRaises(ipp.RemoteError) as caught:
            self.one.apply_sync(f)
        self.assertEqual(caught.exception.ename, "UnmetDependency")
        self.assertEqual(caught.exception.evalue, "nonexistent_module")

    def test_require_a_function(self):
        @ipp.interactive
        def helper(x):
            return x * x

        def make():
            @ipp.require(helper)
            @ipp.interactive
            def with_it(a):
                return globals()["helper"](a)

            return with_it

        self.assertEqual(self.balanced.apply_sync(make(), 5), 25)

    def test_require_by_name(self):
        @ipp.require(foo=square, number=3)
        @ipp.interactive
        def bar(a):
            return foo(a) + number  # noqa: F821

        self.assertEqual(self.balanced.apply_sync(bar, 5), 28)

    def test_require_keeps_the_name(self):
        @ipp.require("time")
        def waits():
            pass

        self.assertEqual(waits.__name__, "waits")

    @decided("ipyparallel waits for ever")
    def test_require_a_missing_module(self):
        @ipp.require("there_is_no_such_module")
        def never():
            return 1

        with self.assertRaises((ipp.error.RemoteError, ipp.error.TaskAborted)):
            self.balanced.apply_async(never).get(10)

    def test_require_in_a_map(self):
        @ipp.require("math")
        @ipp.interactive
        def root(x):
            return math.sqrt(x)  # noqa: F821

        self.assertEqual(self.balanced.map_sync(root, [1, 4, 9]), [1.0, 2.0, 3.0])
        self.assertEqual(self.all.map_sync(root, [1, 4, 9]), [1.0, 2.0, 3.0])

    def test_depend(self):
        def is_good():
            return good  # noqa: F821

        self.all.scatter("good", [False] * (len(self.ids) - 1) + [True], flatten=True, block=True)

        @ipp.depend(ipp.interactive(is_good))
        def task(x):
            return 2 * x

        results = [self.balanced.apply_async(task, i) for i in range(6)]
        self.assertEqual([result.get(20) for result in results], [0, 2, 4, 6, 8, 10])
        self.assertEqual({result.engine_id for result in results}, {self.ids[-1]})

    def test_depend_with_arguments(self):
        def at_least(name, least=0):
            return globals()[name] >= least

        self.all.scatter("level", list(range(len(self.ids))), flatten=True, block=True)

        @ipp.depend(ipp.interactive(at_least), "level", least=len(self.ids) - 1)
        def task():
            return "done"

        result = self.balanced.apply_async(task)
        self.assertEqual(result.get(20), "done")
        self.assertEqual(result.engine_id, self.ids[-1])

    @decided("ipyparallel waits for ever")
    def test_depend_that_nobody_meets(self):
        @ipp.depend(lambda: False)
        def task():
            return 1

        with self.assertRaises(ipp.error.RemoteError):
            self.balanced.apply_async(task).get(20)
