"""%px and its kin in an IPython shell of the program."""

import contextlib
import re
import signal
import tempfile
import time

from support import ORACLE, ViewsTest, captured, decided, ipp, needs, plain


def generate():
    """Print twice to each stream, display something, and give a value."""
    import sys

    from IPython.display import HTML, display

    print("stdout")
    print("stderr", file=sys.stderr)
    display(HTML("<b>HTML</b>"))
    print("stdout2")
    print("stderr2", file=sys.stderr)
    return 42


@needs("IPython")
class MagicsTest(ViewsTest):
    """A test with a shell."""

    @classmethod
    def setUpClass(cls):
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        settings = Config()
        settings.HistoryManager.enabled = False
        settings.InteractiveShell.colors = "NoColor"
        home = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="views-"))
        settings.InteractiveShell.ipython_dir = home
        cls.shell = InteractiveShell.instance(config=settings)
        cls.enterClassContext(cls.shell.builtin_trap)

    @classmethod
    def tearDownClass(cls):
        type(cls.shell).clear_instance()

    def activate(self, view, block=True):
        view.block = block
        view.activate()
        self.line("pxconfig", "--no-verbose")
        return view

    def line(self, name, text=""):
        return self.shell.run_line_magic(name, text)

    def cell(self, options, code):
        return self.shell.run_cell_magic("px", options, code)

    def shown(self, run, *arguments):
        with captured() as (out, err):
            run(*arguments)
        return out.getvalue(), err.getvalue()


class TestPx(MagicsTest):
    """%px and %%px."""

    def test_a_client_registers_the_magics(self):
        from support import new_client

        new_client().close()
        names = self.shell.magics_manager.magics
        self.assertIn("px", names["line"])
        self.assertIn("px", names["cell"])

    def test_line(self):
        view = self.activate(self.all)
        self.line("px", "a = 5")
        self.assertEqual(view["a"], [5] * len(self.ids))
        self.line("px", "a = 10")
        self.assertEqual(view["a"], [10] * len(self.ids))

    def test_printing(self):
        self.activate(self.rc[-1:])
        out, _ = self.shown(self.line, "px", "print(5 * 2)")
        self.assertIn("[stdout:", out)
        self.assertNotIn("\n\n", out)
        self.assertTrue(out.rstrip().endswith("10"))

    def test_code_is_not_expanded(self):
        view = self.activate(self.rc[-1:])
        self.shell.user_ns["x"] = "client"
        view["x"] = "engine"
        self.line("px", 'y = f"{x}"')
        self.assertEqual(view["y"], ["engine"])

    def test_options_are_expanded(self):
        view = self.activate(self.rc[-1:])
        self.shell.user_ns.update(x="client", name="the_output")
        view["x"] = "engine"
        self.cell("-o {name}", 'y = f"{x}"')
        self.assertEqual(view["y"], ["engine"])
        self.assertIsInstance(self.shell.user_ns["the_output"], ipp.AsyncResult)

    def test_out(self):
        self.activate(self.all)
        self.cell("--out kept", "6 * 7")
        self.assertEqual(len(self.shell.user_ns["kept"].get()), len(self.ids))

    def test_block_and_noblock(self):
        view = self.activate(self.rc[-1:])
        self.line("pxconfig", "--verbose")
        for block in (True, False):
            view.block = block
            for options, start in (
                ("", "Parallel" if block else "Async"),
                ("--block", "Parallel"),
                ("--noblock", "Async"),
            ):
                out, _ = self.shown(self.cell, options, "1")
                self.assertTrue(out.startswith(start), (options, out))
            self.assertEqual(view.block, block)
        self.line("pxconfig", "--no-verbose")

    def test_nonblocking_returns_its_result(self):
        view = self.activate(self.rc[-1:], block=False)
        self.line("px", "a = 5")
        self.assertEqual(view["a"], [5])
        with captured() as (out, _):
            result = self.line("px", "print(a)")
        self.assertIsInstance(result, ipp.AsyncResult)
        self.assertNotIn("[stdout:", out.getvalue())
        failed = self.line("px", "1/0")
        with self.assertRaisesRemote(ZeroDivisionError):
            failed.get()

    def test_background_cell(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")
        self.activate(self.rc[1:])
        result = self.cell("--noblock", "import time; time.sleep(2)")
        self.assertFalse(result.ready())
        result.get()

    def test_targets_of_one_cell(self):
        view = self.rc.activate(self.ids)
        self.line("pxconfig", "--verbose")
        for code in ("pass", "1/0"):
            with captured() as (out, _), contextlib.suppress(ipp.RemoteError):
                self.cell("--targets all", code)
            self.assertIn("engine(s): all", out.getvalue())
            self.assertEqual(view.targets, self.ids)
        self.line("pxconfig", "--no-verbose")

    def test_targets_are_used(self):
        self.activate(self.all)
        self.all["where"] = 0
        self.cell(f"--targets {self.ids[-1]}", "where = 1")
        self.assertEqual(self.all["where"], [0] * (len(self.ids) - 1) + [1])
        self.cell("--targets ::2", "where = 2")
        self.assertEqual(self.all["where"][::2], [2] * len(self.ids[::2]))

    def test_block_of_one_cell(self):
        view = self.activate(self.all, block=False)
        for code in ("pass", "1/0"):
            with contextlib.suppress(ipp.RemoteError):
                self.shown(self.cell, "--block", code)
            self.assertFalse(view.block)

    def test_local(self):
        view = self.activate(self.all)
        self.cell("--local", "both = 3")
        self.assertEqual(self.shell.user_ns["both"], 3)
        self.assertEqual(view["both"], [3] * len(self.ids))

    def test_value(self):
        self.activate(self.rc[-1:])
        out, _ = self.shown(self.cell, "", "6 * 7")
        if not ORACLE:
            self.assertRegex(out, rf"(?m)^Out\[{self.ids[-1]}:\d+\]: 42$")
        self.assertRegex(out, r"Out\[\d+:\d+\]:.*42")

    def test_suffix(self):
        first = self.rc.activate(-1, "_one")
        every = self.rc.activate("all", "_all")
        names = self.shell.magics_manager.magics
        for name in ("px_one", "px_all"):
            self.assertIn(name, names["line"])
            self.assertIn(name, names["cell"])
        self.assertEqual((first.targets, every.targets), (self.ids[-1], "all"))
        self.assertTrue(first.block)
        self.line("px_all", "a = 1")
        self.line("px_one", "a = 2")
        self.assertEqual(self.all["a"], [1] * (len(self.ids) - 1) + [2])

    def test_progress_after(self):
        self.activate(self.all)
        out, err = self.shown(self.cell, "--progress-after -1", "import time; time.sleep(0.2)")
        self.assertNotIn("%|", out + err)

    @needs("tqdm")
    def test_progress_at_once(self):
        self.activate(self.all)
        out, err = self.shown(self.cell, "--progress-after 0", "import time; time.sleep(0.3)")
        self.assertIn("100%", out + err)


class TestGroups(MagicsTest):
    """--group-outputs, with and without --stream."""

    def run_it(self, options):
        view = self.activate(self.all)
        view["generate"] = generate
        return self.shown(self.cell, options, "generate()")

    def check(self, options):
        out, err = self.run_it(options)
        count = len(self.ids)
        for text in (out, err):
            self.assertNotIn("\n\n", text)
        self.assertEqual(len(re.findall(r"(?m)(?:^|\] )stdout$", out)), count, out)
        self.assertEqual(len(re.findall(r"(?m)(?:^|\] )stdout2$", out)), count, out)
        self.assertEqual(len(re.findall(r"(?m)(?:^|\] )stderr2$", err)), count, err)
        self.assertEqual(len(re.findall(r"IPython\.core\.display\.HTML", out)), count, out)
        self.assertEqual(len(re.findall(r"Out\[\d+:\d+\]:.*42", out)), count, out)
        return out

    def test_type(self):
        self.check("--group-outputs=type --no-stream")

    def test_engine(self):
        out = self.check("--group-outputs=engine --no-stream")
        if len(self.ids) > 1:
            self.assertLess(out.index("Out["), out.rindex("stdout2"))

    def test_order(self):
        self.check("--group-outputs=order --no-stream")

    def test_letters(self):
        self.check("-e --no-stream")
        self.check("-r --no-stream")

    def test_stream(self):
        self.check("--stream")

    @decided("a prefix on every line")
    def test_prefixes(self):
        out, err = self.run_it("--no-stream")
        for engine in self.ids:
            self.assertIn(f"[stdout:{engine}] stdout\n[stdout:{engine}] stdout2\n", out)
            self.assertIn(f"[stderr:{engine}] stderr\n[stderr:{engine}] stderr2\n", err)


class TestErrors(MagicsTest):
    """Failing cells."""

    code = "import time; time.sleep(0.02 * rank); raise RuntimeError(f'oops! {rank}')"

    def run_it(self, options, kind):
        view = self.activate(self.all)
        view.scatter("rank", list(range(len(view))), flatten=True, block=True)
        with captured() as (out, err), self.assertRaises(kind) as caught:
            self.cell(options, self.code)
        return caught.exception, out.getvalue(), plain(err.getvalue())

    def test_stream(self):
        error, _, err = self.run_it("--stream", ipp.error.AlreadyDisplayedError)
        self.assertEqual("\n".join(error.render_traceback()), f"{len(self.ids)} errors")
        self.assertIsInstance(error.original_error, ipp.CompositeError)
        found = err.count("RuntimeError:")
        self.assertTrue(len(self.ids) <= found <= 2 * len(self.ids), err)

    def test_no_stream(self):
        error, _, err = self.run_it("--no-stream", ipp.CompositeError)
        self.assertEqual(err.strip(), "")
        shown = plain("\n".join(error.render_traceback()))
        limit = min(len(self.ids), ipp.CompositeError.tb_limit)
        self.assertGreaterEqual(shown.count("RuntimeError:"), limit)

    def test_interrupt(self):
        for options, told in (("", "SIGINT"), ("--signal-on-interrupt 2", "2")):
            self.activate(self.rc[-1:])

            def ring(number, frame):
                raise KeyboardInterrupt

            old = signal.signal(signal.SIGALRM, ring)
            signal.setitimer(signal.ITIMER_REAL, 0.7)
            try:
                with captured() as (out, err):
                    self.cell(options, "print('in'); import time; time.sleep(5); print('out')")
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, old)
            self.assertIn(f"Sending signal {told} to engines", err.getvalue())
            self.assertNotIn("out\n", out.getvalue())
            self.assertEqual(self.all.apply_sync(abs, -1), [1] * len(self.ids))

    def test_tracebacks_in_the_shell(self):
        self.shell.user_ns["result"] = self.all.execute("1/0")
        out, err = self.shown(self.shell.run_cell, "result.get(10)")
        limit = min(len(self.ids), ipp.CompositeError.tb_limit)
        self.assertGreaterEqual((out + err).count("ZeroDivisionError"), limit)


class TestOthers(MagicsTest):
    """%pxresult, %pxconfig and %autopx."""

    def test_pxresult(self):
        view = self.activate(self.rc[-1], block=False)
        view.push({"a": 111, "b": 222}, block=True)
        for name, value in (("a", "111"), ("b", "222")):
            self.line("px", name)
            out, _ = self.shown(self.line, "pxresult")
            self.assertIn(value, out)

    def test_pxconfig(self):
        view = self.rc.activate(-1, "_tst")
        self.line("pxconfig_tst", "-t :")
        self.assertEqual(view.targets, self.ids)
        self.line("pxconfig_tst", "-t ::2")
        self.assertEqual(view.targets, self.ids[::2])
        self.line("pxconfig_tst", "-t 1")
        self.assertEqual(view.targets, 1)
        self.line("pxconfig_tst", "--block")
        self.assertIs(view.block, True)
        self.line("pxconfig_tst", "--noblock")
        self.assertIs(view.block, False)

    def test_autopx_blocking(self):
        view = self.activate(self.rc[-1])
        with captured() as (out, _):
            self.line("autopx")
            for code in ("a = 5\nb = 12345\nc = 0", "b *= 2", "print(b)", "b", "b / c"):
                self.shell.run_cell(code)
            self.line("autopx")
        text = out.getvalue()
        self.assertTrue(text.startswith("%autopx enabled"), text)
        self.assertTrue(text.rstrip().endswith("%autopx disabled"), text)
        self.assertIn("ZeroDivisionError", text)
        self.assertRegex(text, r"Out\[.*: 24690")
        time.sleep(0.3)
        self.assertEqual((view["a"], view["b"]), (5, 24690))
        self.assertNotIn("a", self.shell.user_ns)

    def test_autopx_not_blocking(self):
        view = self.activate(self.rc[-1], block=False)
        with captured() as (out, _):
            self.line("autopx")
            for code in ("a = 5\nb = 10\nc = 0", "print(b)", "b / c"):
                self.shell.run_cell(code)
            self.line("autopx")
        text = out.getvalue().rstrip()
        self.assertTrue(text.startswith("%autopx enabled") and text.endswith("%autopx disabled"))
        self.assertNotIn("ZeroDivisionError", text)
        with self.assertRaisesRemote(ZeroDivisionError):
            view.get_result(-1, owner=False).get()
        time.sleep(0.3)
        self.assertEqual((view["a"], view["b"]), (5, 10))
