"""Direct views: apply, execute, run, flags, order on an engine, abort, imports, signals."""

import os
import time

from support import ViewsTest, captured, decided, ipp, nap, new_client


@ipp.interactive
def is_there(name):
    """Whether the engine's namespace has a name."""
    return name in globals()


class TestApply(ViewsTest):
    """Calling functions."""

    def test_not_blocking_by_default(self):
        result = self.rc[-1].apply(lambda: 3)
        self.assertIsInstance(result, ipp.AsyncResult)
        self.assertEqual(result.get(), 3)

    def test_blocking_view(self):
        view = self.rc[-1]
        view.block = True
        self.assertEqual(view.apply(lambda x, y=2: (x, y), 1, y=5), (1, 5))

    def test_apply_sync_on_all(self):
        self.assertEqual(self.all.apply_sync(lambda x: x * x, 7), [49] * len(self.ids))

    def test_apply_async_on_a_blocking_view(self):
        view = self.rc[-1]
        view.block = True
        self.assertIsInstance(view.apply_async(lambda: 1), ipp.AsyncResult)

    def test_keyword_named_f(self):
        self.assertEqual(self.one.apply_async(dict, f=5).get(), {"f": 5})
        self.assertEqual(self.one.apply_sync(lambda **words: words, f=5), {"f": 5})
        self.assertEqual(self.balanced.apply_async(dict, f=5).get(), {"f": 5})

    def test_builtins_and_methods(self):
        self.assertEqual(self.one.apply_sync(abs, -3), 3)
        self.assertEqual(self.one.apply_sync("a-b".split, "-"), ["a", "b"])
        self.assertEqual(self.all.apply_sync(os.getpid)[-1], self.one.apply_sync(os.getpid))

    def test_each_engine_is_a_process(self):
        self.assertEqual(len(set(self.all.apply_sync(os.getpid))), len(self.ids))

    @decided("rank 0 is the client's own process")
    def test_rank_zero_works_for_itself(self):
        self.assertEqual(self.rc[0].apply_sync(os.getpid), os.getpid())

    def test_order_of_submission_on_an_engine(self):
        for view in (self.one, self.all):
            view["seen"] = []
            for number in range(20):
                view.apply_async(ipp.interactive(lambda n: seen.append(n)), number)  # noqa: F821
            self.rc.wait(timeout=10)
        self.assertEqual(self.all["seen"], [list(range(20))] * len(self.ids))

    def test_results_of_a_rank_zero_task_come_without_asking_for_them_first(self):
        first = self.rc[0].apply_async(nap, 0.01, "first")
        second = self.one.apply_async(nap, 0.01, "second")
        self.assertEqual(second.get(), "second")
        self.assertEqual(first.get(), "first")

    def test_polling_ready_comes_to_an_end(self):
        result = self.all.apply_async(nap, 0.05)
        deadline = time.monotonic() + 10
        while not result.ready():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        self.assertEqual(result.get(), [0.05] * len(self.ids))

    def test_unicode(self):
        for text in ("é", "ßø®∫", "plain", "\x00", "\U0001f600"):
            back = self.one.apply_sync(lambda s, b: (s, s.encode() == b), text, text.encode())
            self.assertEqual(back, (text, True))

    def test_rank_zero_engine_has_a_namespace_of_its_own(self):
        import __main__

        __main__.of_the_client = "client"
        self.addCleanup(delattr, __main__, "of_the_client")
        self.all["of_the_client"] = "engine"
        self.assertEqual(__main__.of_the_client, "client")
        look = ipp.interactive(lambda: of_the_client)  # noqa: F821
        self.assertEqual(self.all.apply_sync(look), ["engine"] * len(self.ids))


class TestFlags(ViewsTest):
    """block, track, label, targets and temp_flags."""

    def test_temp_flags(self):
        view = self.rc[-1]
        view.block = True
        with view.temp_flags(block=False):
            self.assertFalse(view.block)
        self.assertTrue(view.block)

    def test_temp_flags_after_an_exception(self):
        view = self.rc[-1]
        with self.assertRaises(KeyError), view.temp_flags(block=True):
            raise KeyError
        self.assertFalse(view.block)

    def test_set_flags_returns_the_view(self):
        view = self.rc[:]
        self.assertIs(view.set_flags(block=True, label="mine"), view)
        self.assertTrue(view.block)
        self.assertEqual(view.label, "mine")

    def test_unknown_flag(self):
        with self.assertRaises(KeyError):
            self.rc[-1].set_flags(flavour=1)

    def test_label_in_metadata(self):
        for view in (self.rc[-1], self.rc.load_balanced_view()):
            result = view.set_flags(label="mine").apply_async(lambda: 1)
            result.get()
            self.assertEqual(result.label, "mine")

    def test_targets_can_be_set(self):
        view = self.rc[:]
        view.targets = [self.ids[-1]]
        self.assertEqual(view.apply_sync(lambda: 1), [1])

    def test_track(self):
        view = self.rc[-1]
        view.track = True
        result = view.apply_async(len, bytes(1 << 20))
        result.wait_for_send(10)
        self.assertTrue(result.sent)
        self.assertEqual(result.get(), 1 << 20)

    def test_sent_without_track(self):
        result = self.one.push({"x": "x" * 100_000}, block=False)
        self.assertTrue(result.wait_for_send(10) or True)
        self.assertTrue(result.sent)

    def test_repr(self):
        self.assertIn("DirectView", repr(self.all))
        self.assertIn("LoadBalancedView", repr(self.balanced))


class TestAbort(ViewsTest):
    """Taking back what has not begun."""

    def test_by_result_and_by_ids(self):
        view = self.rc[-1]
        view.apply_async(nap, 0.3)
        second, third = view.apply_async(lambda: 2), view.apply_async(lambda: 3)
        view.abort(second)
        view.abort(third.msg_ids)
        for result in (second, third):
            with self.assertRaises(ipp.error.TaskAborted):
                result.get()

    def test_all_outstanding(self):
        view = self.rc[-1]
        results = [view.apply_async(nap, 0.2) for _ in range(10)]
        view.abort()
        view.wait(timeout=10)
        for result in results[5:]:
            with self.assertRaises(ipp.error.TaskAborted):
                result.get()

    def test_client_abort(self):
        blocker = self.one.apply_async(nap, 0.3)
        result = self.one.apply_async(lambda: 2)
        self.rc.abort(result.msg_ids, block=True)
        with self.assertRaises(ipp.error.TaskAborted):
            result.get()
        self.assertEqual(blocker.get(), 0.3)

    def test_result_abort(self):
        self.one.apply_async(nap, 0.3)
        result = self.one.apply_async(lambda: 2)
        result.abort()
        with self.assertRaises(ipp.error.TaskAborted):
            result.get()

    def test_abort_when_done(self):
        result = self.one.apply_async(lambda: 2)
        result.get()
        with self.assertRaises(RuntimeError):
            result.abort()

    def test_engines_go_on_afterwards(self):
        self.all.apply_async(nap, 0.1)
        self.all.apply_async(lambda: 1).abort()
        self.assertEqual(self.all.apply_sync(lambda: 2), [2] * len(self.ids))

    def test_rank_zero(self):
        blocker = self.rc[0].apply_async(nap, 0.3)
        result = self.rc[0].apply_async(lambda: 2)
        self.rc[0].abort(result)
        with self.assertRaises(ipp.error.TaskAborted):
            result.get()
        self.assertEqual(blocker.get(), 0.3)


class TestImports(ViewsTest):
    """Importing here and there."""

    def test_sync_imports(self):
        with captured() as (out, _), self.all.sync_imports():
            import colorsys  # noqa: F401
        self.assertIn("colorsys", out.getvalue())
        self.assertEqual(self.all.apply_sync(is_there, "colorsys"), [True] * len(self.ids))

    def test_quiet(self):
        with captured() as (out, _), self.all.sync_imports(quiet=True):
            import colorsys  # noqa: F401
        self.assertEqual(out.getvalue(), "")

    def test_from_import(self):
        with captured(), self.one.sync_imports():
            from colorsys import rgb_to_hsv  # noqa: F401
        self.assertTrue(self.one.apply_sync(is_there, "rgb_to_hsv"))

    def test_importer(self):
        with captured(), self.one.importer:
            import fractions  # noqa: F401
        self.assertTrue(self.one.apply_sync(is_there, "fractions"))

    def test_local_names_too(self):
        with captured(), self.all.sync_imports():
            import colorsys
        self.assertTrue(colorsys.rgb_to_hls)


class TestSignals(ViewsTest):
    """send_signal and shutdown."""

    engines = 2

    def interrupt(self, number):
        result = self.one.apply_async(nap, 20)
        time.sleep(0.5)
        start = time.monotonic()
        self.rc.send_signal(number, targets=[self.ids[-1]], block=True)
        with self.assertRaisesRemote(KeyboardInterrupt):
            result.get(10)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(self.one.apply_sync(lambda: 1), 1)

    def test_by_name(self):
        self.interrupt("SIGINT")

    def test_by_number(self):
        self.interrupt(2)

    def test_zero_does_nothing(self):
        result = self.one.apply_async(nap, 0.3)
        self.rc.send_signal(0, block=True)
        self.assertEqual(result.get(), 0.3)

    @decided("rank 0 is the client's own process")
    def test_signal_at_rank_zero_which_is_idle_is_not_the_end_of_the_client(self):
        self.one.apply_async(nap, 0.1)
        self.rc.send_signal(0, targets=0, block=True)
        self.assertEqual(self.rc[0].apply_sync(lambda: 1), 1)

    @decided("there is nothing to shut down but this client's views of the ranks")
    def test_shutdown(self):
        client = new_client()
        client.shutdown(block=True)
        self.assertEqual(self.all.apply_sync(lambda: 1), [1] * len(self.ids))
