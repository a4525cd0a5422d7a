"""Maps of direct views, and the decorators remote and parallel."""

import threading

import numpy as np
from numpy.testing import assert_array_equal
from support import ViewsTest, decided, ipp, nap


def square(x):
    """Square a number."""
    return x * x


class TestMap(ViewsTest):
    """map, map_sync, map_async and imap of a direct view."""

    def test_map_async(self):
        result = self.all.map_async(square, range(16))
        self.assertIsInstance(result, ipp.AsyncMapResult)
        self.assertEqual(len(result), 16)
        self.assertEqual(result.get(), [x * x for x in range(16)])

    def test_map_sync(self):
        self.assertEqual(self.all.map_sync(lambda x: x**10, range(32)), [x**10 for x in range(32)])

    def test_map_follows_block(self):
        view = self.rc[:]
        self.assertIsInstance(view.map(square, [1]), ipp.AsyncMapResult)
        view.block = True
        self.assertEqual(view.map(square, [1, 2]), [1, 4])
        self.assertIsInstance(view.map(square, [1], block=False), ipp.AsyncMapResult)

    def test_several_sequences(self):
        self.assertEqual(self.all.map_sync(lambda x, y: x - y, range(9), range(9)), [0] * 9)

    def test_empty(self):
        self.assertEqual(self.all.map_sync(square, []), [])

    def test_iterator(self):
        self.assertEqual(self.all.map_sync(square, iter(range(101))), [x * x for x in range(101)])

    def test_generator(self):
        self.assertEqual(
            self.all.map_sync(square, (x for x in range(7))), [x * x for x in range(7)]
        )

    def test_fewer_items_than_engines(self):
        self.assertEqual(self.all.map_sync(square, [3]), [9])

    def test_array(self):
        values = np.arange(101)
        result = self.all.map_async(square, values)
        self.assertEqual(len(result), 101)
        assert_array_equal(result.get(), values**2)

    def test_rows_of_a_matrix(self):
        values = np.arange(12.0).reshape(6, 2)
        got = self.all.map_sync(lambda row: row.sum(), values)
        self.assertEqual(list(got), list(values.sum(axis=1)))

    def test_one_engine(self):
        self.assertEqual(self.one.map_sync(lambda x: -x, range(5)), [0, -1, -2, -3, -4])

    def test_items_stay_in_order_on_their_engines(self):
        def rank_of(x):
            return x, nap_id  # noqa: F821

        self.all.scatter("nap_id", self.ids, flatten=True, block=True)
        got = self.all.map_sync(ipp.interactive(rank_of), range(2 * len(self.ids)))
        self.assertEqual(got, [(i, self.ids[i // 2]) for i in range(2 * len(self.ids))])

    def test_iteration_while_it_runs(self):
        result = self.all.map_async(nap, [0.01 * i for i in range(8)])
        self.assertEqual(list(result), [0.01 * i for i in range(8)])

    def test_iteration_twice(self):
        result = self.all.map_async(square, range(8))
        self.assertEqual(list(result), list(result))

    def test_error(self):
        result = self.all.map_async(lambda x: 1 / (x - 2), range(5))
        for _ in range(2):
            with self.assertRaisesRemote(ZeroDivisionError):
                list(result)
            with self.assertRaisesRemote(ZeroDivisionError):
                result.get()

    def test_return_exceptions(self):
        result = self.all.map_async(lambda x: 1 / (x - 2), range(5), return_exceptions=True)
        got = result.get()
        self.assertTrue(any(isinstance(value, ipp.RemoteError) for value in got))

    def test_imap(self):
        self.assertEqual(list(self.all.imap(square, range(10))), [x * x for x in range(10)])

    def test_builtin(self):
        self.assertEqual(self.all.map_sync(len, ["a", "bb", ""]), [1, 2, 0])

    def test_several_maps_at_once(self):
        results = [self.all.map_async(lambda x, k=k: x + k, range(5)) for k in range(6)]
        self.assertEqual(
            [result.get() for result in results], [[x + k for x in range(5)] for k in range(6)]
        )

    def test_closures(self):
        factor = 7
        self.assertEqual(self.all.map_sync(lambda x: factor * x, range(4)), [0, 7, 14, 21])


class TestRemote(ViewsTest):
    """The decorators."""

    engines = 2

    def test_remote(self):
        @ipp.remote(self.one, block=True)
        def foo(x, y=5):
            """Multiply x and y."""
            return x * y

        self.assertEqual((foo(5), foo(2, 3), foo(x=5, y=2)), (25, 6, 10))
        self.assertEqual(foo.__name__, "foo")
        self.assertIn("RemoteFunction", foo.__doc__)
        self.assertIn("Multiply x and y.", foo.__doc__)

    def test_remote_of_a_view(self):
        @self.all.remote(block=True)
        def pid():
            import os

            return os.getpid()

        self.assertEqual(len(set(pid())), len(self.ids))

    def test_remote_follows_the_view(self):
        view = self.rc[-1]
        self.assertIsInstance(view.remote()(lambda: 3)(), ipp.AsyncResult)
        view.block = True
        self.assertEqual(view.remote()(lambda: 3)(), 3)
        self.assertIsInstance(view.remote(block=False)(lambda: 3)(), ipp.AsyncResult)

    def test_remote_of_a_balanced_view(self):
        @self.balanced.remote(block=True)
        def foo(x):
            return x + 1

        self.assertEqual(foo(1), 2)

    def test_parallel(self):
        view = self.rc[:2]

        @ipp.parallel(view, block=True)
        def foo(x):
            """Twice a list is the list two times."""
            return x * 2

        self.assertEqual(foo([1, 2, 3, 4]), [1, 2, 1, 2, 3, 4, 3, 4])
        self.assertEqual(foo.__name__, "foo")
        self.assertIn("ParallelFunction", foo.__doc__)
        self.assertIn("Twice a list", foo.__doc__)

    def test_parallel_arrays(self):
        values = np.random.default_rng(3).random((64, 48))

        @self.all.parallel(block=True)
        def multiply(a, b):
            return a * b

        assert_array_equal(multiply(values, values), values * values)

    def test_parallel_asynchronous(self):
        @self.all.parallel(block=False)
        def negative(a):
            return [-x for x in a]

        result = negative(list(range(10)))
        self.assertIsInstance(result, ipp.AsyncMapResult)
        self.assertEqual(result.get(), [-x for x in range(10)])

    def test_parallel_map(self):
        @ipp.parallel(self.balanced, block=True)
        def foo(x, y=5):
            return x * y

        self.assertEqual(foo.map([1, 2, 3]), [5, 10, 15])
        self.assertEqual(foo.map([1, 2, 3], [1, 2, 3]), [1, 4, 9])

    def test_parallel_map_of_a_direct_view(self):
        @ipp.parallel(self.all, block=True)
        def foo(x):
            return x + 1

        self.assertEqual(foo.map(range(6)), [1, 2, 3, 4, 5, 6])

    def test_parallel_round_robin(self):
        @self.all.parallel(dist="r", block=True)
        def same(x):
            return x

        sequence = list(range(2 * len(self.ids)))
        self.assertEqual(same(sequence), sequence)

    def test_parallel_of_unequal_lengths(self):
        @self.all.parallel(block=True)
        def add(x, y):
            return x + y

        with self.assertRaises(ValueError):
            add([1, 2], [1])


class TestArguments(ViewsTest):
    """What maps and requests take besides functions and sequences."""

    def test_direct_map_stops_at_the_shortest(self):
        self.assertEqual(self.all.map_sync(lambda x, y: x + y, range(6), range(4)), [0, 2, 4, 6])

    def test_labels(self):
        for view in (self.all, self.balanced):
            result = view.map_async(abs, range(3), label="mine")
            self.assertEqual(set(result.label), {"mine"})
        self.assertEqual(self.one.execute("1", label="mine", block=True).label, "mine")

    def test_block_is_in_the_name(self):
        for view in self.all, self.rc.load_balanced_view():
            for method in view.map_sync, view.map_async:
                with self.assertRaises(TypeError):
                    method(square, [1], block=True)

    def test_no_sequences(self):
        for view in self.all, self.rc.load_balanced_view():
            with self.assertRaises(AssertionError):
                view.map_sync(square)

    def test_no_function(self):
        with self.assertRaises(TypeError):
            self.rc.load_balanced_view().apply_async("square")

    def test_flags_of_another_kind(self):
        view = self.rc.load_balanced_view()
        for name in "block", "retries", "timeout":
            with self.assertRaises(Exception):  # noqa: B017
                setattr(view, name, "x")

    @decided("ipyparallel names no path")
    def test_what_cannot_be_sent_is_named(self):
        items = [1, threading.Lock(), 3]
        with self.assertRaisesRegex(TypeError, r"^x\[1\] cannot be sent"):
            self.all.scatter("x", items)
        for view in self.all, self.rc.load_balanced_view():
            with self.assertRaisesRegex(TypeError, r"the items of the map of square\[1\]\[0\] "):
                view.map_async(square, items)

    def test_imap_ends_with_its_first_error(self):
        results = self.rc.load_balanced_view().imap(lambda x: 1 / x, [1, 0, 2])
        self.assertEqual(next(results), 1)
        with self.assertRaises(ipp.RemoteError):
            next(results)
        self.assertEqual(list(results), [])

    @decided("ipyparallel fails at this itself")
    def test_imap_over_a_generator_that_fails(self):
        def numbers():
            yield -1
            raise ValueError("mine")

        results = self.rc.load_balanced_view().imap(abs, numbers())
        self.assertEqual(next(results), 1)
        with self.assertRaisesRegex(ValueError, "mine"):
            next(results)

    def test_executor_raises_what_a_task_raises(self):
        for options in {}, {"timeout": 30}:
            with self.assertRaises(ipp.RemoteError) as caught:
                list(self.rc.executor().map(lambda x: 1 / x, [1, 0], **options))
            self.assertEqual(caught.exception.ename, "ZeroDivisionError")

    def test_unknown_keyword(self):
        with self.assertRaisesRegex(TypeError, "chunk_size"):
            self.balanced.map_sync(abs, range(3), chunk_size=2)

    def test_no_chunksize(self):
        for size in (None, 0):
            self.assertEqual(self.balanced.map_sync(abs, range(3), chunksize=size), [0, 1, 2])

    def test_iteration_over_a_failed_list_raises_composite_error(self):
        def fail(x):
            raise ValueError(x)

        for result in (self.all.apply_async(fail, 1), self.balanced.map_async(fail, [1])):
            with self.assertRaisesRegex(ipp.CompositeError, "one or more exceptions raised in"):
                list(result)

    def test_import_that_fails_here(self):
        with self.assertRaises(ImportError), self.all.sync_imports(quiet=True):
            import there_is_no_such_module  # noqa: F401
