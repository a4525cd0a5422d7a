"""Running code and files on engines: names, values, rich output, failures."""

import tempfile
import time

from support import ViewsTest, decided, ipp, needs


class TestExecute(ViewsTest):
    """Running code."""

    def test_indented_code(self):
        self.one.execute(
            """
            import os
            def helper(x):
                return x + 1
            """,
            block=True,
        )
        self.assertEqual(self.one["helper(4)"], 5)

    def test_pasted_prompts(self):
        self.one.execute(">>> pasted = 6\n>>> pasted += 1", block=True)
        self.assertEqual(self.one["pasted"], 7)

    def test_a_coding_cookie_means_nothing(self):
        self.one.execute("# -*- coding: latin-1 -*-\ntext = 'é'", block=True)
        self.assertEqual(self.one["text"], "é")

    def test_execute_leaves_names(self):
        self.all.execute("c = 30; d = [0, 1, 2]", block=True)
        self.assertEqual(self.all["c"], [30] * len(self.ids))
        self.assertEqual(self.one["d"], [0, 1, 2])

    def test_execute_is_asynchronous(self):
        result = self.all.execute("c = 30")
        self.assertIsInstance(result, ipp.AsyncResult)
        self.assertEqual(len(result.get()), len(self.ids))

    def test_execute_returns_its_result_when_blocking(self):
        result = self.one.execute("c = 30", block=True)
        self.assertIsInstance(result, ipp.AsyncResult)
        self.assertTrue(result.ready())

    def test_unicode(self):
        self.one.execute("a = 'é'", block=True)
        self.assertEqual(self.one["a"], "é")

    def test_functions_of_executed_code_see_its_names(self):
        self.one.execute("k = 4\ndef times(x):\n    return k * x", block=True)
        self.one.execute("k = 5\nr = times(3)", block=True)
        self.assertEqual(self.one["r"], 15)

    def test_error(self):
        with self.assertRaisesRemote(ZeroDivisionError):
            self.one.execute("1/0").get()

    def test_syntax_error(self):
        with self.assertRaisesRemote(SyntaxError):
            self.one.execute("1 +").get()

    @decided("with ipykernel 7 what waits behind a failure runs")
    def test_what_waits_behind_a_failure_is_aborted(self):
        view = self.rc[-1]
        failing = view.execute("import time; time.sleep(0.3); 1/0")
        behind = [view.execute("x = 1"), view.apply_async(lambda: 1)]
        with self.assertRaisesRemote(ZeroDivisionError):
            failing.get()
        for result in behind:
            with self.assertRaises(ipp.error.TaskAborted):
                result.get()
        time.sleep(0.3)
        self.assertEqual(view.apply_sync(lambda: 5), 5)

    def test_a_failing_apply_aborts_nothing(self):
        failing = self.one.apply_async(lambda: nap_and_fail)  # noqa: F821
        behind = self.one.apply_async(lambda: 4)
        self.assertEqual(behind.get(), 4)
        self.assertFalse(failing.successful())

    def test_last_value(self):
        result = self.all.execute("5", silent=False, block=True)
        self.assertEqual(
            [entry["data"] for entry in result.execute_result],
            [{"text/plain": "5"}] * len(self.ids),
        )

    def test_silent_by_default(self):
        result = self.all.execute("5", block=True)
        self.assertEqual(result.execute_result, [None] * len(self.ids))

    def test_reply(self):
        reply = self.one.execute("2 + 3", silent=False).get()
        self.assertEqual(str(reply), f"<ExecuteReply[{reply.execution_count}]: 5>")
        self.assertEqual(reply.execute_result["data"]["text/plain"], "5")

    def test_reply_counts(self):
        first = self.one.execute("1", silent=False).get()
        second = self.one.execute("1", silent=False).get()
        self.assertGreater(second.execution_count, first.execution_count)

    def test_stdout_of_a_reply(self):
        self.assertEqual(self.one.execute("print(5)", silent=False).get().stdout.strip(), "5")

    @needs("IPython")
    def test_rich_reply(self):
        self.one.execute("from IPython.display import HTML, Image", block=True)
        result = self.one.execute("HTML('<b>bold</b>')", silent=False)
        reply = result.get()
        result.wait_for_output(10)
        self.assertEqual(reply._repr_html_(), "<b>bold</b>")
        code = "Image(data=b'garbage', format='png', width=10)"
        result = self.one.execute(code, silent=False)
        reply = result.get()
        result.wait_for_output(10)
        data, metadata = reply._repr_png_()
        self.assertEqual(data.strip(), "Z2FyYmFnZQ==")
        self.assertEqual(metadata, {"width": 10})

    @needs("IPython")
    def test_magics_on_engines(self):
        self.all.execute("a = 5", block=True)
        result = self.all.execute("%whos", block=True)
        result.get(10)
        for text in result.stdout:
            rows = [line.split() for line in text.splitlines()]
            self.assertEqual(rows[0], ["Variable", "Type", "Data/Info"])
            self.assertIn(["a", "int", "5"], rows)

    @needs("IPython")
    def test_displayed_objects(self):
        code = "from IPython.display import display\nfor i in range(3):\n    display(i)"
        result = self.all.execute(code, block=True)
        shown = [[output["data"] for output in outputs] for outputs in result.outputs]
        self.assertEqual(shown, [[{"text/plain": str(i)} for i in range(3)]] * len(self.ids))

    @needs("IPython")
    def test_displayed_objects_of_apply(self):
        def show():
            from IPython.display import display

            [display(value) for value in (7, 8)]

        result = self.all.apply_async(show)
        result.get(10)
        self.assertTrue(result.wait_for_output(10))
        self.assertEqual(
            [outputs[0]["data"]["text/plain"] for outputs in result.outputs],
            ["7"] * len(self.ids),
        )

    @needs("IPython", "matplotlib", "matplotlib_inline")
    def test_figures(self):
        self.one.execute("%matplotlib inline", block=True).get(60)
        code = "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])"
        result = self.one.execute(code, silent=False)
        reply = result.get(60)
        self.assertTrue(result.wait_for_output(10))
        self.assertEqual(len(reply.outputs), 1)
        self.assertIn("image/png", reply.outputs[0]["data"])

    def test_run_a_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write("def g():\n    return 5\nvalue = g()")  # no newline at its end
            file.flush()
            self.all.run(file.name, block=True)
        self.assertEqual(self.all["value"], [5] * len(self.ids))
        self.assertEqual(self.one.apply_sync(lambda f: f(), ipp.Reference("g")), 5)

    def test_run_adds_a_newline(self):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write("def g():\n    return 5\n    ")
            file.flush()
            self.one.run(file.name, block=True)
        self.assertEqual(self.one.apply_sync(lambda f: f(), ipp.Reference("g")), 5)

    def test_code_without_statements(self):
        for code in ("", "\n", "   ", "# a comment\n", "\n# a comment"):
            with self.subTest(code=code):
                self.assertEqual(self.all.execute(code, block=True).successful(), True)

    def test_code_that_is_no_text(self):
        with self.assertRaises(TypeError):
            self.one.execute(5)

    def test_data_of_a_reply(self):
        reply = self.one.execute("6 * 7", silent=False).get()
        self.assertEqual(reply.data["text/plain"], "42")
        self.assertEqual(self.one.execute("a = 1", silent=False).get().data, {})

    @needs("IPython")
    def test_the_last_value_after_ipython(self):
        for code, value in (("5", 5), ("%who\n6", 6), ("7", 7)):
            self.one.execute(code, silent=False, block=True)
            self.assertEqual(self.one.execute("kept = _", block=True) and self.one["kept"], value)

    @needs("IPython")
    def test_the_shell_of_a_function(self):
        def has_shells():
            import IPython

            return get_ipython() is not None and IPython.get_ipython() is get_ipython()  # noqa: F821

        self.one.execute("%who", silent=False, block=True)
        self.assertEqual(self.one.apply_sync(has_shells), True)

    def test_queue_status_of_a_view_of_one(self):
        self.assertEqual(sorted(self.one.queue_status()), ["completed", "queue", "tasks"])

    @needs("IPython")
    def test_an_error_in_ipython_has_no_frames_of_it(self):
        with self.assertRaisesRemote(ZeroDivisionError) as caught:
            self.one.execute("%who\n1/0", silent=False, block=True)
        self.assertNotIn("interactiveshell", "\n".join(caught[0].render_traceback()))
