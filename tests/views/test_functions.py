"""How functions travel: code, closures, globals, defaults, references, cloudpickle and dill."""

import collections
import functools

from beside import by_reference, counter
from support import ViewsTest, decided, ipp, needs

Point = collections.namedtuple("Point", "x y")
FACTOR = 3


@ipp.interactive
def reads_a_global():
    """Read a name that only an engine's namespace may have."""
    return lookup  # noqa: F821


@ipp.interactive
def factorial(n):
    """Call itself, which needs its own name on the engine."""
    return 1 if n == 0 else n * factorial(n - 1)


class TestCode(ViewsTest):
    """Functions that travel as code."""

    def test_lambda(self):
        self.assertEqual(self.one.apply_sync(lambda x: x + 1, 2), 3)

    def test_closure(self):
        offset = 10
        self.assertEqual(self.one.apply_sync(lambda x: x + offset, 2), 12)

    def test_closure_over_a_function(self):
        def double(x):
            return 2 * x

        self.assertEqual(self.one.apply_sync(lambda x: double(x) + 1, 4), 9)

    def test_nested_closures(self):
        a = 1

        def outer(x):
            b = a + x

            def inner(y):
                return a + b + y

            return inner

        self.assertEqual(self.one.apply_sync(lambda: outer(2)(3)), 7)

    def test_recursive_closure(self):
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        view = self.rc[-1]
        if self.can_recurse(view):
            self.assertEqual(view.apply_sync(fib, 10), 55)

    @staticmethod
    def can_recurse(view):
        from support import ORACLE

        return not ORACLE  # ipyparallel recurses without end while it packs this

    def test_generator_in_a_closure(self):
        text = "i"
        self.assertEqual(self.one.apply_sync(lambda: [text for _ in (1, 2)]), ["i", "i"])

    def test_defaults(self):
        def echo(a=10, *, b=3):
            return a, b

        self.assertEqual(self.one.apply_sync(echo), (10, 3))
        self.assertEqual(self.one.apply_sync(echo, 1, b=2), (1, 2))

    def test_default_that_is_a_function(self):
        def foo():
            return "foo"

        def bar(f=foo):
            return f()

        self.assertEqual(self.one.apply_async(bar).get(10), "foo")

    def test_change_between_calls(self):
        def f():
            return "before"

        def another(x="default", *, y="keyword"):
            return x, y

        call = self.one.apply_sync
        self.assertEqual([call(f), call(f)], ["before", "before"])
        f.__code__ = another.__code__
        f.__defaults__ = another.__defaults__
        f.__kwdefaults__ = another.__kwdefaults__
        self.assertEqual(call(f), ("default", "keyword"))
        f.__defaults__ = ("changed",)
        self.assertEqual(call(f), ("changed", "keyword"))

    def test_name_that_changes_between_calls(self):
        def f():
            raise ValueError("somewhere")

        def where():
            with self.assertRaises(ipp.RemoteError) as caught:
                self.one.apply_sync(f)
            return str(caught.exception.traceback)

        self.assertIn("in f", where())
        f.__code__ = f.__code__.replace(co_name="other", co_qualname="other")
        self.assertIn("in other", where())

    def test_mutable_default_is_fresh_in_each_call(self):
        def appended(seen=[]):  # noqa: B006
            seen.append(1)
            return seen

        call = self.one.apply_sync
        self.assertEqual([call(appended), call(appended)], [[1], [1]])

    def test_same_code_with_other_globals(self):
        source = "def f(): return name"
        self.one.execute("name = 'engine'", block=True)
        names = {"name": "client", "__name__": "__main__"}
        exec(source, names)
        call = self.one.apply_sync
        self.assertEqual([call(names["f"]), call(names["f"])], ["engine", "engine"])

    def test_annotations_and_name(self):
        def f(a: int) -> str:
            """Say what it is."""
            return a

        def look(g):
            return g.__name__, g.__annotations__

        self.assertEqual(self.one.apply_sync(look, f), ("f", {"a": int, "return": str}))

    def test_partial(self):
        def foo(x, y, z):
            return x * y * z

        self.assertEqual(self.one.apply_sync(functools.partial(foo, 2, y=5), z=3), 30)

    def test_function_as_an_argument(self):
        self.assertEqual(self.one.apply_sync(lambda f, x: f(f(x)), lambda x: x * 3, 2), 18)

    def test_functions_inside_containers(self):
        def use(fs, table):
            return [f(1) for f in fs] + [table["g"](2)]

        functions = [lambda x: x + 1, lambda x: x + 2]
        self.assertEqual(self.one.apply_sync(use, functions, {"g": lambda x: 5 * x}), [2, 3, 10])

    def test_function_as_a_result(self):
        add = self.one.apply_sync(lambda n: lambda x: x + n, 5)
        self.assertEqual(add(1), 6)

    def test_class_and_instance(self):
        def make():
            class Thing:
                value = 3

            return Thing().value

        self.assertEqual(self.one.apply_sync(make), 3)

    def test_generator_function(self):
        def squares(n):
            for i in range(n):
                yield i * i

        self.assertEqual(self.one.apply_sync(lambda f: list(f(4)), squares), [0, 1, 4, 9])

    def test_pushed_function(self):
        def testf(x):
            return 2.0 * x

        self.one.push({"testf": testf}, block=True)
        self.one.execute("r = testf(10)", block=True)
        self.assertEqual(self.one["r"], 20.0)

    def test_pulled_functions_can_be_called(self):
        self.all.push({"testf": lambda x: 2.0 * x}, block=True)
        self.all.execute("def g(x): return x * x", block=True)
        for first, second in self.all.pull(("testf", "g"), block=True):
            self.assertEqual((first(1.0), second(10)), (2.0, 100))


class TestGlobals(ViewsTest):
    """Functions of __main__ find their globals in the engine's namespace."""

    def test_engine_namespace(self):
        self.all["lookup"] = 5
        self.assertEqual(self.all.apply_sync(reads_a_global), [5] * len(self.ids))

    def test_undefined(self):
        for engine in (self.ids[0], self.ids[-1]):
            with self.assertRaisesRemote(NameError):
                self.rc[engine].apply_sync(reads_a_global)

    def test_client_values_do_not_go_along(self):
        import __main__

        __main__.lookup = "client"
        self.addCleanup(delattr, __main__, "lookup")
        with self.assertRaisesRemote(NameError):
            self.all.apply_sync(reads_a_global)
        self.all["lookup"] = "engine"
        self.assertEqual(self.all.apply_sync(reads_a_global), ["engine"] * len(self.ids))

    def test_pushed_function_finds_globals_later(self):
        self.one["f"] = reads_a_global
        with self.assertRaisesRemote(NameError):
            self.one.execute("b = f()").get()
        self.one.execute("lookup = 5\nb = f()", block=True)
        self.assertEqual(self.one["b"], 5)

    def test_assigning_globals(self):
        def assign(value):
            global assigned
            assigned = value

        self.all.apply_sync(ipp.interactive(assign), 8)
        self.assertEqual(self.all["assigned"], [8] * len(self.ids))

    def test_recursion_after_push(self):
        self.all["factorial"] = factorial
        self.assertEqual(self.all.apply_sync(factorial, 5), [120] * len(self.ids))

    def test_function_of_a_module_goes_by_reference(self):
        self.assertEqual(self.one.apply_sync(by_reference, 2), 4)
        self.assertEqual(self.one.apply_sync(by_reference.__module__.upper), "BESIDE")

    def test_function_of_a_module_keeps_its_module_state(self):
        first = self.one.apply_sync(counter)
        self.assertEqual(self.one.apply_sync(counter), first + 1)

    def test_function_of_the_standard_library(self):
        import textwrap

        self.assertEqual(self.one.apply_sync(textwrap.dedent, "  a"), "a")


class TestReferences(ViewsTest):
    """Names of engines as arguments."""

    def test_argument(self):
        self.one["a"] = 123
        self.assertEqual(self.one.apply_sync(lambda x: x, ipp.Reference("a")), 123)

    def test_expression(self):
        self.one["g"] = list(range(5))
        self.assertEqual(self.one.apply_sync(lambda x: x, ipp.Reference("g[1] + 10")), 11)

    def test_keyword(self):
        self.one["a"] = 128
        self.assertEqual(self.one.apply_sync(lambda x=5: x, x=ipp.Reference("a")), 128)

    def test_inside_list_and_dict(self):
        self.one["a"] = 128
        a = ipp.Reference("a")
        self.assertEqual(self.one.apply_sync(lambda x: x, [a]), [128])
        self.assertEqual(self.one.apply_sync(lambda x: x, {"foo": a}), {"foo": 128})
        self.assertEqual(self.one.apply_sync(lambda x=5: x, x=[a]), [128])
        self.assertEqual(self.one.apply_sync(lambda x=5: x, x={"foo": a}), {"foo": 128})

    def test_inside_tuple(self):
        self.one["a"] = 128
        self.assertEqual(self.one.apply_sync(lambda x: x, (1, ipp.Reference("a"))), (1, 128))

    def test_as_the_function(self):
        self.all.scatter("n", self.ids, flatten=True, block=True)
        self.all.execute("f = lambda x: n * x", block=True)
        got = self.all.apply_sync(ipp.Reference("f"), 5)
        self.assertEqual(got, [5 * engine for engine in self.ids])

    def test_as_the_mapped_function(self):
        self.all.execute("f = lambda x, y: x * y", block=True)
        got = self.all.map_sync(ipp.Reference("f"), range(10), range(10, 20))
        self.assertEqual(got, [x * (x + 10) for x in range(10)])

    def test_as_items_of_a_map(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        items = [ipp.Reference("rank")] * len(self.ids)
        got = self.all.map_async(lambda x: x * 2, items).get(10)
        self.assertEqual(got, [2 * engine for engine in self.ids])

    def test_what_it_means_may_change(self):
        for added in (1, 100):
            self.one.execute(f"def changing(x): return x + {added}", block=True)
            self.assertEqual(self.one.apply_sync(ipp.Reference("changing"), 1), 1 + added)

    def test_of_an_undefined_name(self):
        with self.assertRaisesRemote(NameError):
            self.one.apply_sync(lambda x: x, ipp.Reference("elvis_has_left"))

    def test_with_a_balanced_view(self):
        self.all["a"] = 6
        self.assertEqual(self.balanced.apply_sync(lambda x: x, ipp.Reference("a")), 6)

    def test_name_must_be_text(self):
        with self.assertRaises(TypeError):
            ipp.Reference(5)


class TestPicklers(ViewsTest):
    """use_cloudpickle, use_dill and use_pickle."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.all.use_pickle)

    @needs("cloudpickle")
    def test_cloudpickle_takes_the_client_values_along(self):
        import __main__

        self.all["lookup"] = "engine"
        self.assertEqual(self.all.apply_sync(reads_a_global), ["engine"] * len(self.ids))
        self.all.use_cloudpickle()
        __main__.lookup = "client"
        self.addCleanup(delattr, __main__, "lookup")
        self.assertEqual(self.all.apply_sync(reads_a_global), ["client"] * len(self.ids))
        self.all.execute("del lookup", block=True)
        self.assertEqual(self.all.apply_sync(reads_a_global), ["client"] * len(self.ids))
        self.all.use_pickle()
        with self.assertRaisesRemote(NameError):
            self.all.apply_sync(reads_a_global)

    @needs("cloudpickle")
    def test_push_and_pull_with_cloudpickle(self):
        self.all.use_cloudpickle()
        self.all.push({"key": "pushed"}, block=True)
        self.assertEqual(self.all.pull("key", block=True), ["pushed"] * len(self.ids))
        self.all.use_pickle()
        self.assertEqual(self.all.pull("key", block=True), ["pushed"] * len(self.ids))

    @needs("cloudpickle")
    def test_cloudpickle_with_maps(self):
        self.all.use_cloudpickle()
        k = 4
        self.assertEqual(self.all.map_sync(lambda x: k * x, range(5)), [0, 4, 8, 12, 16])
        got = self.rc.load_balanced_view().map_sync(lambda x: k * x, range(5))
        self.assertEqual(got, [0, 4, 8, 12, 16])

    @needs("cloudpickle")
    def test_cloudpickle_with_local_classes(self):
        class Local:
            def __init__(self, value):
                self.value = value

        self.all.use_cloudpickle()
        self.assertEqual(self.one.apply_sync(lambda thing: thing.value, Local(6)), 6)

    @needs("dill")
    def test_dill_finds_globals_on_the_engine(self):
        self.all.use_dill()
        self.all.execute("foo = 5", block=True)
        self.all["bar"] = eval("lambda: 2 * foo", {"foo": 1})
        self.assertEqual(self.all.apply_sync(ipp.Reference("bar")), [10] * len(self.ids))

    @needs("dill")
    def test_dill(self):
        self.all.use_dill()
        k = 3
        self.assertEqual(self.all.apply_sync(lambda x: k * x, 5), [15] * len(self.ids))

    @decided("ipyparallel's namedtuples need the module on the engine")
    def test_namedtuple_of_a_module(self):
        def swap(p):
            return type(p)(p.y, p.x)

        self.assertEqual(self.one.apply_sync(swap, Point(1, 2)), Point(2, 1))

    def test_namedtuple_result(self):
        def make(x, y):
            import collections

            return tuple(collections.namedtuple("Pair", "x y")(x, y))

        self.assertEqual(self.one.apply_sync(make, 1, 2), (1, 2))
