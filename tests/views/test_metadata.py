"""What is known of a task: times, engines, status; progress, and bars that show it."""

from datetime import datetime

from support import ViewsTest, captured, ipp, nap, needs

KEYS = {
    *("msg_id", "label", "status", "engine_id", "engine_uuid", "follow", "after"),
    *("submitted", "started", "completed", "received", "data"),
    *("execute_input", "execute_result", "error", "stdout", "stderr", "outputs"),
}


class TestMetadata(ViewsTest):
    """What is known of a task."""

    def test_before_completion(self):
        result = self.all.apply_async(nap, 0.3)
        self.assertEqual(result.completed, [None] * len(self.ids))
        self.assertEqual(result["completed"], [None] * len(self.ids))
        self.assertIsInstance(result.submitted[0], datetime)
        result.get()
        self.assertTrue(all(isinstance(stamp, datetime) for stamp in result.completed))

    def test_one_engine_has_scalars(self):
        result = self.one.apply_async(nap, 0.2)
        self.assertIsNone(result["completed"])
        self.assertIsNone(result.received)
        result.get()
        self.assertIsInstance(result.completed, datetime)
        self.assertEqual(result.completed, result["completed"])
        self.assertEqual(result.engine_id, self.ids[-1])

    def test_a_list_view_has_lists(self):
        result = self.rc[-1:].apply_async(lambda: 1)
        result.get()
        self.assertEqual(result.engine_id, [self.ids[-1]])

    def test_order_of_the_times(self):
        result = self.one.apply_async(nap, 0.05)
        result.get()
        stamps = [result.submitted, result.started, result.completed, result.received]
        self.assertEqual(stamps, sorted(stamps))
        self.assertGreaterEqual((result.completed - result.started).total_seconds(), 0.04)

    def test_all_keys(self):
        result = self.one.apply_async(lambda: 1)
        result.get()
        for key in KEYS:
            with self.subTest(key=key):
                self.assertIn(key, result.metadata)
                self.assertIn(key, dir(result))
                self.assertEqual(result[key], getattr(result, key))

    def test_values(self):
        result = self.one.execute("print('x')\n2 + 2", silent=False)
        result.get()
        result.wait_for_output(10)
        self.assertEqual(result.msg_id, result.msg_ids[0])
        self.assertEqual(result.status, "ok")
        self.assertIn("2 + 2", result.execute_input)
        self.assertEqual((result.stdout, result.stderr), ("x\n", ""))
        self.assertEqual(result.execute_result["data"]["text/plain"], "4")
        self.assertIsNone(result.error)

    def test_status_of_an_error(self):
        result = self.one.apply_async(lambda: 1 / 0)
        result.wait(10)
        self.assertEqual(result.status, "error")

    def test_unknown(self):
        for result in (self.all.apply_async(nap, 0.1), self.one.apply_async(lambda: 1)):
            for _ in range(2):
                self.assertFalse(hasattr(result, "foo"))
                self.assertFalse(hasattr(result, "__length_hint__"))
                with self.assertRaises(KeyError):
                    result["foo"]  # noqa: B018
                self.rc.wait(result)

    def test_engine_uuid(self):
        result = self.all.apply_async(lambda: 1)
        result.get()
        self.assertEqual(len(set(result.engine_uuid)), len(self.ids))
        again = self.all.apply_async(lambda: 1)
        again.get()
        self.assertEqual(again.engine_uuid, result.engine_uuid)

    def test_dir(self):
        names = dir(self.one.apply_async(lambda: 1))
        self.assertTrue({"stdout", "get", "wait", "wall_time"} <= set(names))

    def test_msg_ids_are_unique(self):
        ids = [i for _ in range(20) for i in self.all.apply_async(abs, 1).msg_ids]
        self.assertEqual(len(set(ids)), 20 * len(self.ids))
        self.assertTrue(all(isinstance(i, str) for i in ids))


class TestTimes(ViewsTest):
    """wall_time, serial_time, elapsed, progress, wait_interactive."""

    def test_pending(self):
        for view in (self.balanced, self.all):
            result = view.apply_async(nap, 0.3)
            for name in ("wall_time", "serial_time"):
                with self.assertRaises(TimeoutError):
                    getattr(result, name)
            result.get()

    def test_one(self):
        result = self.balanced.apply_async(nap, 0.25)
        result.get()
        self.assertTrue(0.2 < result.wall_time < 30)
        self.assertTrue(0.2 < result.serial_time < 30)

    def test_all(self):
        result = self.all.apply_async(nap, 0.1)
        result.get()
        self.assertGreater(result.serial_time, 0.09 * len(self.ids))
        self.assertGreater(result.wall_time, 0.09)
        self.assertLess(result.wall_time, 30)

    def test_speedup_is_a_number(self):
        result = self.balanced.map_async(nap, [0.05] * (2 * len(self.ids)))
        result.get()
        self.assertGreater(result.serial_time / result.wall_time, 0)

    def test_timedelta(self):
        result = self.all.apply_async(nap, 0.05)
        result.get()
        seconds = result.timedelta(result.submitted, result.received)
        self.assertAlmostEqual(seconds, result.wall_time, 3)

    def test_elapsed(self):
        for view in (self.balanced, self.all):
            result = view.apply_async(nap, 0.2)
            self.assertTrue(0 <= result.elapsed < 1)
            result.get()
            self.assertEqual(result.elapsed, result.wall_time)

    def test_progress(self):
        result = self.all.map_async(nap, [0.1] * (2 * len(self.ids)))
        self.assertEqual(len(result), 2 * len(self.ids))
        self.assertEqual(result.progress, 0)
        result.get()
        self.assertEqual(result.progress, len(result))

    @needs("tqdm")
    def test_wait_interactive_shows_a_bar(self):
        result = self.all.map_async(nap, [0.1] * (2 * len(self.ids)))
        with captured() as (out, err):
            result.wait_interactive()
        self.assertTrue(result.ready())
        self.assertIn("100%", out.getvalue() + err.getvalue())

    @needs("tqdm")
    def test_wait_interactive_with_a_timeout(self):
        result = self.rc[-1].apply_async(nap, 2)
        with captured():
            result.wait_interactive(timeout=0.2, interval=0.05)
        if len(self.ids) > 1:
            self.assertFalse(result.ready())
        result.get()

    @needs("tqdm")
    def test_wait_interactive_until_the_first_exception(self):
        if len(self.ids) < 3:
            self.skipTest("needs 3 engines")
        view = self.rc[1:]
        view.scatter("number", list(range(len(view))), flatten=True, block=True)

        def fail(number):
            import time

            if number == 0:
                raise ValueError
            time.sleep(3)

        result = view.apply_async(fail, ipp.Reference("number"))
        with captured():
            result.wait_interactive(timeout=60, return_when=ipp.FIRST_EXCEPTION)
        self.assertFalse(result.ready())
        result.wait()

    def test_memory_of_dropped_results_is_given_back(self):
        for _ in range(500):
            self.one.apply_async(bytes, 10_000)
        self.rc.wait(timeout=20)
        self.rc.purge_local_results("all")
        self.assertEqual((len(self.rc.results), len(self.rc.outstanding)), (0, 0))
