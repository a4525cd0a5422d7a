"""Waiting elsewhere than in the main thread: the engine of rank 0 works all the same."""

import asyncio
import contextlib
import os
import signal
import threading
import time

from support import HANG_SECONDS, ViewsTest, ipp, nap


def in_thread(function, *args, meanwhile=lambda thread: thread.join()):
    """Call a function in a thread, and return its result, or raise what it has raised."""
    outcome = []

    def run():
        try:
            outcome.append((function(*args), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    meanwhile(thread)
    thread.join(HANG_SECONDS)
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


class TestThreads(ViewsTest):
    """Blocking calls of threads, and results that nobody waits for in a call."""

    def test_main_thread_joins(self):
        self.assertEqual(in_thread(self.all.apply_sync, abs, -3), [3] * len(self.ids))

    def test_main_thread_sleeps(self):
        def sleep(thread):
            begin = time.monotonic()
            time.sleep(0.5)
            slept.append(time.monotonic() - begin)

        slept = []
        got = in_thread(self.all.apply_sync, abs, -3, meanwhile=sleep)
        self.assertEqual(got, [3] * len(self.ids))
        self.assertGreaterEqual(slept[0], 0.5)

    def test_main_thread_computes(self):
        def compute(thread):
            while thread.is_alive():
                sum(range(1000))

        self.assertEqual(in_thread(self.rc[0].apply_sync, abs, -3, meanwhile=compute), 3)

    def test_an_error_is_raised_in_the_thread(self):
        with self.assertRaisesRemote(ZeroDivisionError):
            in_thread(self.rc[0].apply_sync, lambda: 1 / 0)

    def test_balanced_tasks_that_only_this_rank_may_run(self):
        view = self.rc.load_balanced_view(0)
        self.assertEqual(in_thread(view.map_sync, abs, range(-20, 0)), list(range(20, 0, -1)))

    def test_many_threads(self):
        got = []
        threads = [
            threading.Thread(target=lambda i=i: got.append(self.all.apply_sync(abs, i)))
            for i in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(got), [[i] * len(self.ids) for i in range(20)])

    def test_event_loop(self):
        async def wait():
            return await asyncio.wait_for(
                asyncio.wrap_future(self.all.apply_async(abs, -4)), HANG_SECONDS
            )

        self.assertEqual(asyncio.run(wait()), [4] * len(self.ids))

    def test_thread_of_an_event_loop(self):
        async def wait():
            return await asyncio.gather(
                *(asyncio.to_thread(self.all.apply_sync, abs, i) for i in range(5))
            )

        self.assertEqual(asyncio.run(wait()), [[i] * len(self.ids) for i in range(5)])

    def test_callback(self):
        called = threading.Event()
        self.all.apply_async(os.getpid).add_done_callback(lambda _: called.set())
        self.assertTrue(called.wait(HANG_SECONDS))

    def test_a_thread_waits_while_the_main_thread_does(self):
        def wait_too(thread):
            self.assertEqual(self.all.apply_sync(nap, 0.05, 1), [1] * len(self.ids))

        got = in_thread(self.all.apply_sync, nap, 0.05, 2, meanwhile=wait_too)
        self.assertEqual(got, [2] * len(self.ids))


class TestInterrupts(ViewsTest):
    """What ends a task is not to end the program that waits for it."""

    def test_signal_to_all_while_they_are_waited_for(self):
        result = self.all.apply_async(nap, HANG_SECONDS)
        timer = threading.Timer(0.3, self.rc.send_signal, [signal.SIGINT])
        timer.start()
        with self.assertRaises(ipp.CompositeError) as caught:
            result.get()
        timer.join()
        self.assertEqual(
            [e[0] for e in caught.exception.elist], ["KeyboardInterrupt"] * len(self.ids)
        )

    def test_task_that_raises_it_itself(self):
        def stop():
            raise KeyboardInterrupt("mine")

        with self.assertRaisesRemote(KeyboardInterrupt):
            self.rc[0].apply_sync(stop)
        self.assertEqual(self.rc[0].apply_sync(abs, -1), 1)

    def test_handler_that_raises_while_this_ranks_task_runs(self):
        def late(*_):
            raise TooLate

        for wait in (
            lambda: self.all.apply_sync(nap, 3),
            lambda: self.rc[0].apply_sync(nap, 3),
            lambda: self.balanced.map_sync(nap, [2] * 2 * len(self.ids)),
        ):
            with self.subTest(), handler_after(0.5, late):
                begin = time.monotonic()
                with self.assertRaises(TooLate):
                    wait()
                self.assertLess(time.monotonic() - begin, 1.9)
            self.rc.wait(timeout=20)

    def test_handler_that_returns_ends_nothing(self):
        called = []
        with handler_after(0.2, lambda *_: called.append(1)):
            self.assertEqual(self.all.apply_sync(nap, 0.5, 7), [7] * len(self.ids))
        self.assertEqual(called, [1])


class TooLate(Exception):
    """What a handler raises."""


@contextlib.contextmanager
def handler_after(seconds, handler):
    """Have a handler called once, as that of SIGUSR2."""
    before = signal.signal(signal.SIGUSR2, handler)
    timer = threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGUSR2])
    timer.start()
    try:
        yield
    finally:
        timer.join()
        signal.signal(signal.SIGUSR2, before)
