"""What tasks print: stdout, stderr, display_outputs, stream_output, datapub."""

import os
import sys
import time

from support import ORACLE, ViewsTest, captured, decided, ipp, needs

DATAPUB = f"""
import time
from {"ipyparallel" if ORACLE else "mpirepl"}.datapub import publish_data
for i in range(5):
    publish_data(dict(i=i))
    time.sleep(0.1)
"""


class TestText(ViewsTest):
    """ar.stdout and ar.stderr."""

    def finished(self, result):
        result.wait(20)
        self.assertTrue(result.wait_for_output(10))
        return result

    def test_stdout_of_execute(self):
        result = self.finished(self.all.execute("print(5555)"))
        self.assertEqual(result.stdout, ["5555\n"] * len(self.ids))

    def test_stdout_of_apply(self):
        result = self.finished(self.one.apply_async(print, "a", "b"))
        self.assertEqual((result.stdout, result.stderr), ("a b\n", ""))

    def test_stderr(self):
        result = self.finished(self.one.execute("import sys; print('oh', file=sys.stderr)"))
        self.assertEqual((result.stdout, result.stderr), ("", "oh\n"))

    def test_nothing(self):
        result = self.finished(self.all.apply_async(abs, 1))
        self.assertEqual(result.stdout, [""] * len(self.ids))

    def test_of_a_failing_task(self):
        result = self.finished(self.one.execute("print('before'); 1/0"))
        self.assertEqual(result.stdout, "before\n")

    def test_each_task_has_its_own(self):
        results = [self.one.apply_async(print, number) for number in range(20)]
        for number, result in enumerate(results):
            self.assertEqual(self.finished(result).stdout, f"{number}\n")

    def test_without_a_newline(self):
        result = self.finished(self.one.execute("import sys; _ = sys.stdout.write('abc')"))
        self.assertEqual(result.stdout, "abc")

    def test_unicode(self):
        result = self.finished(self.one.apply_async(print, "grüße ∑ \U0001f600"))
        self.assertEqual(result.stdout, "grüße ∑ \U0001f600\n")

    def test_a_lot(self):
        code = "for i in range(20000): print('line', i)"
        result = self.finished(self.all.execute(code))
        for text in result.stdout:
            self.assertEqual(text.count("\n"), 20000)
            self.assertTrue(text.endswith("line 19999\n"))

    @decided("what is written to the descriptors counts too")
    def test_written_by_c_and_children(self):
        def write():
            import os
            import subprocess

            os.write(1, b"descriptor\n")
            subprocess.run(["echo", "child"], check=True)

        for engine in (self.ids[0], self.ids[-1]):
            result = self.finished(self.rc[engine].apply_async(write))
            self.assertEqual(result.stdout, "descriptor\nchild\n")

    def test_rank_zero_does_not_mix_with_the_program(self):
        with captured() as (out, _):
            result = self.rc[0].apply_async(print, "of the task")
            print("of the program")
            result.get()
        self.assertEqual(out.getvalue(), "of the program\n")
        self.assertEqual(self.finished(result).stdout, "of the task\n")

    def test_not_shown_by_itself(self):
        with captured() as (out, err):
            self.all.apply_sync(print, "quiet")
        self.assertEqual((out.getvalue(), err.getvalue()), ("", ""))

    def test_balanced(self):
        results = [self.balanced.apply_async(print, number) for number in range(12)]
        texts = [self.finished(result).stdout for result in results]
        self.assertEqual(texts, [f"{number}\n" for number in range(12)])


class TestDisplay(ViewsTest):
    """display_outputs and stream_output."""

    def shown(self, result, *groupby):
        result.get(10, return_exceptions=True)
        result.wait_for_output(10)
        with captured() as (out, err):
            result.display_outputs(*groupby)
        return out.getvalue(), err.getvalue()

    def test_several_engines_have_prefixes(self):
        out, err = self.shown(self.all.execute("print(5555)"))
        self.assertEqual((out.count("5555"), out.count("[stdout:")), (len(self.ids),) * 2)
        self.assertNotIn("\n\n", out)
        self.assertEqual(err, "")

    @decided("a prefix on every line")
    def test_a_prefix_on_every_line(self):
        out, _ = self.shown(self.all.execute("print('a'); print('b')"))
        want = "".join(f"[stdout:{i}] a\n[stdout:{i}] b\n" for i in self.ids)
        self.assertEqual(out, want)

    @decided("a prefix on every line, single targets too")
    def test_one_engine_has_a_prefix_too(self):
        out, _ = self.shown(self.one.execute("print('a'); print('b')"))
        self.assertEqual(out, f"[stdout:{self.ids[-1]}] a\n[stdout:{self.ids[-1]}] b\n")

    def test_nothing_to_show(self):
        self.assertEqual(self.shown(self.all.execute("a = 5")), ("", ""))
        self.assertEqual(self.shown(self.one.execute("a = 5")), ("", ""))

    def test_groups(self):
        code = "import sys; print('o'); print('e', file=sys.stderr)"
        for group in ("type", "order", "engine"):
            out, err = self.shown(self.all.execute(code), group)
            self.assertEqual(out.count("[stdout:"), len(self.ids))
            self.assertEqual(err.count("[stderr:"), len(self.ids))

    def test_unknown_group(self):
        result = self.all.execute("a = 5")
        result.get()
        with self.assertRaises(ValueError):
            result.display_outputs("colour")

    def test_output_before_an_error_but_not_the_error(self):
        out, err = self.shown(self.one.execute("print(5555)\n1/0"))
        self.assertIn("5555", out)
        self.assertNotIn("ZeroDivisionError", out + err)

    @needs("IPython")
    def test_values(self):
        out, _ = self.shown(self.all.execute("6 * 7", silent=False))
        if not ORACLE:  # there it takes an IPython in the client
            for engine in self.ids:
                self.assertRegex(out, rf"(?m)^Out\[{engine}:\d+\]: 42$")

    def test_pending(self):
        result = self.one.execute("import time; time.sleep(0.3)")
        with self.assertRaises(TimeoutError):
            result.display_outputs()
        result.get()

    def test_stream_output(self):
        with captured() as (out, _):
            self.stream()
        for number in range(3):
            self.assertEqual(out.getvalue().count(f"number {number}\n"), len(self.ids))
        self.assertIn("[stdout:", out.getvalue())

    @decided("rank 0 is an engine and the client")
    def test_stream_output_is_not_taken_for_that_of_rank_0(self):
        result = self.stream()
        self.assertEqual(result.stdout, ["number 0\nnumber 1\nnumber 2\n"] * len(self.ids))

    def stream(self):
        code = (
            "import time\n"
            "for i in range(3):\n    print('number', i, flush=True)\n    time.sleep(0.05)"
        )
        result = self.all.execute(code)
        with result.stream_output():
            result.get()
            result.wait_for_output(10)
            time.sleep(0.1)
        return result

    def test_stream_of_what_is_already_there(self):
        result = self.all.execute("print('early')")
        result.get()
        result.wait_for_output(10)
        with captured() as (out, _), result.stream_output():
            pass
        self.assertEqual(out.getvalue().count("early"), len(self.ids))

    def test_output_goes_through_sys_stdout(self):
        result = self.all.execute("print('x')")
        result.get()
        result.wait_for_output(10)
        before = sys.stdout
        with captured() as (out, _):
            result.display_outputs()
        self.assertIs(sys.stdout, before)
        self.assertIn("x", out.getvalue())


class TestPublishing(ViewsTest):
    """Data that a running task publishes."""

    def test_last_state(self):
        result = self.one.execute(DATAPUB)
        self.assertIsInstance(result.data, dict)
        result.get(10)
        result.wait_for_output(10)
        self.assertEqual(result.data, {"i": 4})

    def test_all_engines(self):
        result = self.all.execute(DATAPUB)
        self.assertTrue(all(isinstance(data, dict) for data in result.data))
        result.get(10)
        result.wait_for_output(10)
        self.assertEqual(result.data, [{"i": 4}] * len(self.ids))

    def test_while_it_runs(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")
        result = self.one.execute(DATAPUB)
        seen, deadline = set(), time.monotonic() + 10
        while 4 not in seen and time.monotonic() < deadline:
            if result.data:
                seen.add(result.data["i"])
            time.sleep(0.03)
        self.assertIn(4, seen)
        self.assertGreater(len(seen), 1)
        result.get()

    def test_from_apply_with_an_array(self):
        module = "ipyparallel.datapub" if ORACLE else "mpirepl.datapub"

        def publish(name):
            import importlib

            import numpy as np

            importlib.import_module(name).publish_data({"a": np.arange(5)})

        result = self.one.apply_async(publish, module)
        result.get(10)
        result.wait_for_output(10)
        self.assertEqual(result.data["a"].tolist(), [0, 1, 2, 3, 4])

    def test_environment_of_engines(self):
        self.assertEqual(len(set(self.all.apply_sync(os.getpid))), len(self.ids))
        self.assertTrue(hasattr(ipp, "AsyncResult"))
