"""AsyncResult: waiting, reading, iterating, splitting, times, progress."""

import concurrent.futures
import contextlib
import gc
import os
import time
import weakref

from support import ViewsTest, ipp, nap, until


class TestGet(ViewsTest):
    """Getting the value."""

    def test_a_dropped_result_frees_its_memory_at_once(self):
        results = [
            self.all.apply_async(abs, -1),
            self.all.map_async(abs, range(9)),
            self.balanced.map_async(abs, range(9)),
            self.one.apply_async(int, "x"),
        ]
        self.rc.wait(results)
        gc.disable()
        self.addCleanup(gc.enable)
        known = [weakref.ref(result) for result in results]
        results.clear()
        self.assertEqual([one() for one in known], [None] * len(known))

    def test_after_done(self):
        result = self.one.apply_async(lambda: 42)
        result.wait()
        self.assertTrue(result.ready())
        self.assertEqual((result.get(), result.get(), result.r), (42, 42, 42))

    def test_pending(self):
        result = self.one.apply_async(nap, 0.2)
        with self.assertRaises(TimeoutError):
            result.get(0)
        with self.assertRaises(TimeoutError):
            result.get(timeout=0.01)
        result.wait(0)
        self.assertFalse(result.ready())
        self.assertEqual(result.get(), 0.2)

    def test_get_zero_on_all_engines(self):
        result = self.all.apply_async(nap, 0.2)
        with self.assertRaises(TimeoutError):
            result.get(0)
        self.assertEqual(result.get(), [0.2] * len(self.ids))

    def test_a_timeout_holds_while_rank_0_works(self):
        for _ in range(10):
            result = self.all.apply_async(nap, 0.1)
            with self.assertRaises(TimeoutError):
                result.get(0.02)
            self.assertEqual(result.get(), [0.1] * len(self.ids))

    def test_every_way_of_looking_comes_to_an_end(self):
        for name, has_ended in self.ways_of_looking().items():
            with self.subTest(name):
                result = self.all.apply_async(nap, 0.05)
                self.assertTrue(until(lambda r=result, ended=has_ended: ended(r)))
                self.assertEqual(result.get(), [0.05] * len(self.ids))

    def ways_of_looking(self):
        def ended_in(call):
            with contextlib.suppress(TimeoutError):
                call(0)
                return True
            return False

        rc = self.rc
        return {
            "progress": lambda r: r.progress == len(self.ids),
            "status": lambda r: set(r.status) == {"ok"},
            "completed": lambda r: all(r.completed),
            "metadata": lambda r: all(about["received"] for about in r.metadata),
            "wait": lambda r: r.wait(0),
            "get": lambda r: ended_in(r.get),
            "exception": lambda r: ended_in(r.exception),
            "outstanding": lambda _: not rc.outstanding,
            "outstanding of the view": lambda _: not self.all.outstanding,
            "spin": lambda _: (rc.spin(), not rc.outstanding)[1],
            "metadata of the client": lambda r: all(rc.metadata[m].completed for m in r.msg_ids),
            "queue_status": lambda _: all(rc.queue_status()[i]["queue"] == 0 for i in self.ids),
            "result_status": lambda r: not rc.result_status(r.msg_ids)["pending"],
        }

    def test_cancel(self):
        result = self.balanced.map_async(nap, [0.1] * 50)
        self.assertTrue(result.cancel())
        self.assertTrue(result.cancelled())
        self.assertTrue(result.done())
        with self.assertRaises(concurrent.futures.CancelledError):
            result.get()

    def test_cancel_comes_too_late(self):
        result = self.all.apply_async(nap, 0)
        result.get()
        self.assertFalse(result.cancel())
        self.assertFalse(result.cancelled())
        self.assertEqual(result.get(), [0] * len(self.ids))

    def test_wait_tells(self):
        result = self.one.apply_async(nap, 0.3)
        self.assertIs(result.wait(0.01), False)
        self.assertIs(result.wait(10), True)

    def test_timeouts_are_the_builtin(self):
        self.assertIs(ipp.error.TimeoutError, TimeoutError)

    def test_error_again_and_again(self):
        result = self.one.apply_async(lambda: 1 / 0)
        result.wait(10)
        for read in (result.get, result.get, result.get_dict):
            with self.assertRaisesRemote(ZeroDivisionError):
                read()

    def test_successful(self):
        good, bad = self.one.apply_async(lambda: 1), self.one.apply_async(lambda: 1 / 0)
        slow = self.one.apply_async(nap, 0.3)
        with self.assertRaises(RuntimeError):
            slow.successful()
        self.rc.wait([good, bad])
        self.assertEqual((good.successful(), bad.successful()), (True, False))

    def test_get_dict(self):
        self.assertEqual(self.all.apply_async(lambda: 5).get_dict(), dict.fromkeys(self.ids, 5))

    def test_get_dict_of_one(self):
        for value in ([0, 1, 2], 5, ("abc", "def"), "text"):
            result = self.one.apply_async(lambda x: x, value)
            self.assertEqual(result.get_dict(), {self.ids[-1]: value})

    def test_get_dict_with_two_jobs_on_an_engine(self):
        result = self.balanced.map_async(lambda x: x, range(2 * len(self.ids)))
        with self.assertRaises(ValueError):
            result.get_dict()

    def test_result_dict(self):
        self.assertEqual(self.one.apply_async(lambda: 5).result_dict, {self.ids[-1]: 5})

    def test_return_exceptions(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")
        self.all.scatter("rank", self.ids, flatten=True, block=True)

        def fail(rank, bad):
            if rank == bad:
                raise ValueError(f"{rank} is bad!")
            return rank

        result = self.all.apply_async(fail, ipp.Reference("rank"), self.ids[1])
        with self.assertRaisesRemote(ValueError):
            result.get()
        got = result.get(return_exceptions=True)
        self.assertIsInstance(got[1], ipp.RemoteError)
        self.assertEqual(got[:1] + got[2:], self.ids[:1] + self.ids[2:])

    def test_return_exceptions_of_one(self):
        result = self.one.apply_async(lambda: 1 / 0)
        self.assertIsInstance(result.get(return_exceptions=True), ipp.RemoteError)

    def test_index_and_slice(self):
        result = self.balanced.map_async(lambda x: x * 2, range(5))
        with self.assertRaises(TypeError):
            result[1.5]  # noqa: B018
        result.get()
        self.assertEqual((result[1], result[1:3]), (2, [2, 4]))

    def test_index_while_pending(self):
        result = self.all.apply_async(nap, 0.2)
        with self.assertRaises(TimeoutError):
            result[0]  # noqa: B018
        result.get()

    def test_repr(self):
        result = self.one.apply_async(nap, 0.2)
        self.assertIn("AsyncResult", repr(result))
        self.assertIn("pending", repr(result))
        result.get()
        self.assertIn("finished", repr(result))
        failed = self.one.apply_async(lambda: 1 / 0)
        failed.wait(10)
        self.assertIn("failed", repr(failed))


class TestFuture(ViewsTest):
    """An AsyncResult is a concurrent.futures.Future."""

    def test_is_a_future(self):
        result = self.one.apply_async(nap, 0.1)
        self.assertIsInstance(result, concurrent.futures.Future)
        self.assertEqual(result.result(10), 0.1)
        self.assertTrue(result.done())
        self.assertIsNone(result.exception())

    def test_result_with_a_timeout(self):
        result = self.one.apply_async(nap, 0.4)
        with self.assertRaises(TimeoutError):
            result.result(timeout=0.01)
        self.assertEqual(result.result(), 0.4)

    def test_exception(self):
        error = self.one.apply_async(lambda: 1 / 0).exception(10)
        self.assertIsInstance(error, ipp.RemoteError)

    def test_callback(self):
        seen = []
        result = self.one.apply_async(nap, 0.1, 5)
        result.add_done_callback(lambda future: seen.append(future.result()))
        result.get()
        self.assertTrue(until(lambda: seen == [5]))

    def test_callback_when_already_done(self):
        result = self.one.apply_async(lambda: 5)
        result.get()
        seen = []
        result.add_done_callback(lambda future: seen.append(future.result()))
        self.assertEqual(seen, [5])

    def test_futures_wait(self):
        results = [self.balanced.apply_async(nap, 0.05 * i) for i in range(4)]
        done, pending = concurrent.futures.wait(results, timeout=20)
        self.assertEqual((len(done), len(pending)), (4, 0))

    def test_futures_wait_for_what_has_ended_unseen(self):
        results = [self.one.apply_async(nap, 0.0) for _ in range(3)]
        self.one.apply_async(nap, 0.0).get()  # the engine has done what it was given before
        done, _ = concurrent.futures.wait(results, timeout=20)
        self.assertEqual(len(done), 3)

    def test_as_completed(self):
        results = [self.balanced.apply_async(nap, 0.02 * i) for i in range(4)]
        got = [future.result() for future in concurrent.futures.as_completed(results, timeout=20)]
        self.assertEqual(sorted(got), [0.02 * i for i in range(4)])

    def test_futures_of_all_engines(self):
        result = self.all.apply_async(nap, 0.05)
        done, _ = concurrent.futures.wait([result], timeout=20)
        self.assertEqual(done, {result})
        self.assertEqual(result.result(), [0.05] * len(self.ids))


class TestIteration(ViewsTest):
    """for value in result."""

    def test_submission_order(self):
        naps = [0.1, 0.0, 0.05]
        self.assertEqual(list(self.balanced.map_async(nap, naps)), naps)

    def test_all_engines(self):
        self.assertEqual(list(self.all.apply(nap, 0.05)), [0.05] * len(self.ids))

    def test_one_value_is_not_iterable(self):
        with self.assertRaises(TypeError):
            list(self.one.apply_async(lambda: [1, 2]))
        self.rc.wait(timeout=10)

    def test_error(self):
        result = self.all.apply_async(lambda: 1 / 0)
        with self.assertRaisesRemote(ZeroDivisionError):
            list(result)

    def test_len(self):
        self.assertEqual(len(self.balanced.map_async(abs, range(10))), 10)
        self.assertEqual(len(self.balanced.apply_async(abs, 3)), 1)
        self.assertEqual(len(self.all.apply_async(abs, 3)), len(self.ids))
        self.assertEqual(len(self.all.map_async(abs, range(3 * len(self.ids)))), 3 * len(self.ids))


class TestParts(ViewsTest):
    """split, join and waiting for some."""

    def test_split_and_join(self):
        parent = self.all.apply_async(os.getpid)
        children = parent.split()
        self.assertEqual([len(child.msg_ids) for child in children], [1] * len(self.ids))
        self.assertEqual(children[0].split(), (children[0],))
        values = parent.get(10)
        self.assertEqual([child.get(10) for child in children], values)
        self.assertEqual(ipp.AsyncResult.join(*children).get(1), values)

    def test_split_of_a_map(self):
        result = self.balanced.map_async(lambda x: x, range(5))
        children = result.split()
        result.get(10)
        for number, child in enumerate(children):
            self.assertIs(type(child), ipp.AsyncResult)
            self.assertTrue(child.done())
            self.assertEqual(child.get(), [[number]])

    def test_join_of_nothing(self):
        with self.assertRaises(ValueError):
            ipp.AsyncResult.join()

    def test_first_exception(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")

        def fail_on_last(number, bad):

            if number == bad:
                raise ValueError
            time.sleep(0.8)
            return number

        view = self.rc[1:]
        view.scatter("number", list(range(len(view))), flatten=True, block=True)
        result = view.apply_async(fail_on_last, ipp.Reference("number"), 0)
        done, pending = result.wait(timeout=10, return_when=ipp.FIRST_EXCEPTION)
        first = result.split()[0]
        self.assertIn(first, done)
        self.assertEqual(first.msg_ids, result.msg_ids[:1])
        self.assertEqual(len(done) + len(pending), len(view))
        self.assertIs(result.wait(timeout=20), True)
        done, pending = result.wait(timeout=0, return_when=ipp.FIRST_EXCEPTION)
        self.assertEqual((len(done), pending), (len(view), set()))

    def test_first_completed(self):
        result = self.all.apply_async(nap, 0.05)
        done, pending = result.wait(timeout=10, return_when=ipp.FIRST_COMPLETED)
        self.assertTrue(done)
        self.assertEqual(len(done) + len(pending), len(self.ids))
        done, pending = result.wait(timeout=10, return_when=ipp.ALL_COMPLETED)
        self.assertEqual((len(done), len(pending)), (len(self.ids), 0))

    def test_constants(self):
        for name in ("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"):
            self.assertEqual(getattr(ipp, name), getattr(concurrent.futures, name))

    def test_get_return_when(self):
        def fail():
            raise ValueError

        result = self.balanced.map_async(lambda x: 1 / x, [1, 0, 2])
        with self.assertRaisesRemote(ZeroDivisionError):
            result.get(10, return_when=ipp.FIRST_EXCEPTION)
