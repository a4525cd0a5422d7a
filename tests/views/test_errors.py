"""Errors: RemoteError, CompositeError, tracebacks, and what cannot be sent."""

import pickle
import threading

from support import ORACLE, ViewsTest, captured, decided, ipp


def divide():
    """Raise what many tests look at."""
    return 1 / 0


class TestRemoteError(ViewsTest):
    """An exception of one engine."""

    def fail(self, *message):
        if message:
            return super().fail(*message)
        with self.assertRaises(ipp.RemoteError) as caught:
            self.one.apply_sync(divide)
        return caught.exception

    def test_attributes(self):
        error = self.fail()
        self.assertNotIsInstance(error, ipp.CompositeError)
        self.assertEqual((error.ename, error.evalue), ("ZeroDivisionError", "division by zero"))
        self.assertIn("ZeroDivisionError", error.traceback)

    def test_engine_info(self):
        info = self.fail().engine_info
        self.assertEqual(sorted(info), ["engine_id", "engine_uuid", "method"])
        self.assertEqual((info["engine_id"], info["method"]), (self.ids[-1], "apply"))

    def test_method_of_execute(self):
        with self.assertRaises(ipp.RemoteError) as caught:
            self.one.execute("1/0").get()
        self.assertEqual(caught.exception.engine_info["method"], "execute")

    def test_text(self):
        error = self.fail()
        self.assertEqual(str(error), f"[{self.ids[-1]}:apply] ZeroDivisionError: division by zero")
        self.assertIn("ZeroDivisionError(division by zero)", repr(error))

    def test_render_traceback(self):
        lines = self.fail().render_traceback()
        self.assertIsInstance(lines, list)
        self.assertIn("ZeroDivisionError", lines[-1])
        self.assertIn("divide", "\n".join(lines))
        self.assertEqual(self.fail()._render_traceback_(), lines)

    def test_print_traceback(self):
        error = self.fail()
        with captured() as (out, _):
            error.print_traceback()
        self.assertIn("ZeroDivisionError", out.getvalue())

    def test_made_by_hand(self):
        error = ipp.RemoteError("Name", "value", "line 1\nline 2", {"engine_id": 3, "method": "x"})
        self.assertEqual(str(error), "[3:x] Name: value")
        self.assertEqual(error.render_traceback(), ["[3:x]", "line 1", "line 2"])

    def test_own_exception_class(self):
        def fail():
            class Special(Exception):
                pass

            raise Special("here")

        with self.assertRaisesRemote("Special") as caught:
            self.one.apply_sync(fail)
        self.assertEqual(caught[0].evalue, "here")

    def test_exception_that_cannot_be_pickled(self):
        def fail():
            raise ValueError(lambda: 1, open("/dev/null"))  # noqa: SIM115

        with self.assertRaisesRemote(ValueError):
            self.one.apply_sync(fail)

    def test_exception_whose_text_raises(self):
        def fail():
            class Bad(Exception):
                def __str__(self):
                    raise RuntimeError

            raise Bad

        with self.assertRaises(Exception):  # noqa: B017
            self.one.apply_async(fail).get(10)
        self.assertEqual(self.one.apply_sync(abs, -1), 1)

    def test_nested_causes(self):
        def fail():
            try:
                1 / 0  # noqa: B018
            except ZeroDivisionError as error:
                raise KeyError("outer") from error

        with self.assertRaisesRemote(KeyError) as caught:
            self.one.apply_sync(fail)
        if not ORACLE:
            self.assertIn("ZeroDivisionError", caught[0].traceback)

    def test_keyboard_interrupt_of_the_task(self):
        def fail():
            raise KeyboardInterrupt

        with self.assertRaisesRemote(KeyboardInterrupt):
            self.one.apply_sync(fail)
        self.assertEqual(self.one.apply_sync(abs, -1), 1)

    @decided("a SystemExit of a task is an error of that task")
    def test_system_exit(self):
        def leave():
            raise SystemExit(3)

        for engine in (self.ids[0], self.ids[-1]):
            with self.assertRaisesRemote(SystemExit):
                self.rc[engine].apply_sync(leave)
        self.assertEqual(self.all.apply_sync(abs, -1), [1] * len(self.ids))

    def test_recursion(self):
        def deep(n):
            f = lambda g, n: g(g, n + 1)  # noqa: E731
            return f(f, n)

        with self.assertRaisesRemote(RecursionError):
            self.one.apply_sync(deep, 0)

    def test_hierarchy(self):
        for name in ("EngineError", "TaskTimeout", "TaskAborted", "InvalidDependency"):
            self.assertTrue(issubclass(getattr(ipp.error, name), Exception))
        self.assertTrue(issubclass(ipp.CompositeError, ipp.RemoteError))
        self.assertTrue(issubclass(ipp.error.InvalidDependency, ipp.error.ImpossibleDependency))
        self.assertTrue(issubclass(ipp.error.AlreadyDisplayedError, ipp.RemoteError))


class TestCompositeError(ViewsTest):
    """Exceptions of several engines."""

    def fail(self, *message):
        if message:
            return super().fail(*message)
        with self.assertRaises(ipp.CompositeError) as caught:
            self.all.apply_sync(divide)
        return caught.exception

    def test_a_list_view_of_one_engine(self):
        with self.assertRaises(ipp.CompositeError):
            self.rc[-1:].apply_sync(divide)

    def test_elist(self):
        error = self.fail()
        self.assertEqual(len(error.elist), len(self.ids))
        self.assertEqual([entry[0] for entry in error.elist], ["ZeroDivisionError"] * len(self.ids))
        self.assertEqual([entry[3]["engine_id"] for entry in error.elist], self.ids)
        self.assertEqual({entry[3]["method"] for entry in error.elist}, {"apply"})

    def test_args_are_the_names(self):
        error = self.fail()
        self.assertEqual(list(error.args), ["ZeroDivisionError"] * len(self.ids))
        self.assertIsNone(error.ename)

    @decided("ipyparallel's cannot be unpickled")
    def test_pickled(self):
        error = self.fail()
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(again), again.elist), (str(error), error.elist))

    def test_only_the_failing_ones(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        result = self.all.apply_async(lambda r: 1 / r, ipp.Reference("rank"))
        with self.assertRaises(ipp.CompositeError) as caught:
            result.get()
        self.assertEqual([entry[3]["engine_id"] for entry in caught.exception.elist], [0])

    def test_raise_exception(self):
        with self.assertRaises(ipp.RemoteError) as caught:
            self.fail().raise_exception()
        self.assertNotIsInstance(caught.exception, ipp.CompositeError)
        self.assertEqual(caught.exception.ename, "ZeroDivisionError")
        with self.assertRaises(IndexError):
            self.fail().raise_exception(len(self.ids))

    def test_text_names_engines(self):
        text = str(self.fail())
        self.assertIn("one or more exceptions", text)
        shown = min(len(self.ids), ipp.CompositeError.tb_limit)
        self.assertEqual(text.count("ZeroDivisionError: division by zero"), shown)

    def test_render_traceback(self):
        error = self.fail()
        lines = error.render_traceback()
        hidden = len(self.ids) - ipp.CompositeError.tb_limit
        if hidden > 0:
            self.assertIn(f"{hidden} more exceptions", lines[-1])
        self.assertIn("ZeroDivisionError", "\n".join(error.render_traceback(0)))
        with self.assertRaises(IndexError):
            error.render_traceback(len(self.ids))

    def test_truncation(self):
        results = [self.balanced.apply_async(divide) for _ in range(10)]
        with self.assertRaises(ipp.CompositeError) as caught:
            self.rc.get_result(results).get()
        error = caught.exception
        self.assertEqual(len(error.elist), 10)
        self.assertIn("6 more exceptions", error.render_traceback()[-1])
        with captured() as (out, _):
            error.print_traceback()
        self.assertEqual(out.getvalue().count("division by zero"), 4)
        self.assertIn("6 more exceptions", str(error).splitlines()[-1])

    def test_tb_limit_can_be_set(self):
        error = self.fail()
        error.tb_limit = 1
        self.assertEqual(str(error).count("ZeroDivisionError:"), 1)

    def test_of_a_map(self):
        with self.assertRaises(ipp.CompositeError):
            self.balanced.map_sync(lambda x: 1 / x, [1, 0])


class TestUnpicklable(ViewsTest):
    """What cannot be sent harms nothing."""

    def alive(self):
        self.assertEqual(self.all.apply_sync(abs, -2), [2] * len(self.ids))
        self.assertEqual(self.balanced.map_sync(abs, [-1, 2]), [1, 2])

    @decided("the error names the object and its path")
    def test_argument(self):
        with self.assertRaises(Exception) as caught:
            self.one.apply_async(len, {"deep": [1, threading.Lock()]}).get(10)
        text = str(caught.exception)
        self.assertIn("lock", text)
        self.assertIn("deep", text)
        self.assertIn("1", text)
        self.alive()

    @decided("the error names the object and its path")
    def test_keyword_argument(self):
        with self.assertRaises(Exception) as caught:
            self.one.apply_async(dict, handle=threading.Lock()).get(10)
        self.assertIn("handle", str(caught.exception))
        self.alive()

    @decided("the error names the object and its path")
    def test_push(self):
        with self.assertRaises(Exception) as caught:
            self.all.push({"good": 1, "bad": [threading.Lock()]}, block=True)
        self.assertIn("bad", str(caught.exception))
        self.assertIn("lock", str(caught.exception))
        self.alive()

    @decided("the error names the object and its path")
    def test_attribute_of_an_object(self):
        from beside import Vector

        with self.assertRaises(Exception) as caught:
            self.one.apply_async(len, [Vector(1, threading.Lock())]).get(10)
        self.assertIn("items", str(caught.exception))
        self.alive()

    @decided("ipyparallel hangs")
    def test_item_of_a_map(self):
        items = [1, threading.Lock(), 3]
        with self.assertRaises(Exception):  # noqa: B017
            self.balanced.map_async(abs, items).get(10)
        self.alive()

    @decided("ipyparallel hangs")
    def test_scatter(self):
        with self.assertRaises(Exception):  # noqa: B017
            self.all.scatter("a", [threading.Lock() for _ in self.ids], block=True)
        self.alive()

    def test_result(self):
        with self.assertRaises(Exception) as caught:
            self.all.apply_async(threading.Lock).get(20)
        self.assertIn("pickle", str(caught.exception))
        self.alive()

    @decided("the error names the object and its path")
    def test_result_names_the_place(self):
        def make():
            import threading

            return {"a": 1, "there": [threading.Lock()]}

        with self.assertRaises(ipp.RemoteError) as caught:
            self.one.apply_sync(make)
        self.assertIn("there", str(caught.exception))
        self.alive()

    def test_pull(self):
        self.all.execute("import threading; x = threading.Lock()", block=True)
        with self.assertRaises(Exception):  # noqa: B017
            self.all.pull("x", block=True)
        self.alive()

    @decided("ipyparallel loses the task")
    def test_argument_that_cannot_be_unpickled(self):
        from beside import Refuses

        results = [self.balanced.apply_async(len, [item]) for item in (1, Refuses(), 2)]
        self.assertEqual((results[0].get(10), results[2].get(10)), (1, 1))
        with self.assertRaises(ipp.RemoteError):
            results[1].get(10)
        self.alive()

    @decided("ipyparallel loses the task")
    def test_result_that_cannot_be_unpickled(self):
        def make():
            from beside import Refuses

            return Refuses()

        with self.assertRaises(Exception):  # noqa: B017
            self.one.apply_async(make).get(10)
        self.alive()

    @decided("ipyparallel loses the task")
    def test_module_that_an_engine_has_not(self):
        import sys
        import types

        module = types.ModuleType("only_here")
        exec("class Thing:\n    pass", module.__dict__)
        sys.modules["only_here"] = module
        self.addCleanup(sys.modules.pop, "only_here")
        with self.assertRaises(ipp.RemoteError) as caught:
            self.one.apply_async(repr, module.Thing()).get(10)
        self.assertIn("only_here", str(caught.exception))
        self.alive()
