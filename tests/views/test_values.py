"""Values of all kinds: exceptions that are returned, classes of the program, what is not joined."""

import collections
import dataclasses
import functools
import typing

from support import ViewsTest, decided, ipp, needs


@dataclasses.dataclass(order=True)
class Record:
    """What programs define for their data."""

    a: int
    b: list = dataclasses.field(default_factory=list)
    c: typing.ClassVar[int] = 3

    @property
    def double(self):
        """Be computed."""
        return 2 * self.a

    @staticmethod
    def more(x):
        """Belong to no instance."""
        return x + 1

    @classmethod
    def seven(cls):
        """Make one."""
        return cls(7)

    @functools.cached_property
    def kept(self):
        """Be computed once."""
        return self.a + 100


def of_main(value):
    """Have a class defined as if in ``__main__``, where programs define theirs."""
    value.__module__ = "__main__"
    for part in vars(value).values():
        if hasattr(part, "__func__"):
            part.__func__.__module__ = "__main__"
        elif callable(part):
            part.__module__ = "__main__"
    return value


class TestReturnedExceptions(ViewsTest):
    """An exception that a task returns is a value as any other."""

    def test_balanced_map(self):
        values = self.balanced.map_sync(lambda x: x or ValueError(3), range(3))
        self.assertEqual([repr(v) for v in values], ["ValueError(3)", "1", "2"])

    def test_apply(self):
        result = self.all.apply_async(lambda: ValueError("kept"))
        self.assertEqual([v.args for v in result.get(10)], [("kept",)] * len(self.all))
        self.assertTrue(result.successful())
        self.assertEqual(set(result.status), {"ok"})
        self.assertIsNone(result.exception())
        self.assertEqual(len(list(result)), len(self.all))

    def test_names(self):
        self.all.push({"problem": KeyError(1)}, block=True)
        self.assertEqual([v.args for v in self.all["problem"]], [(1,)] * len(self.all))

    def test_one_that_was_caught_is_a_value_afterwards(self):
        with self.assertRaises(ipp.RemoteError) as caught:
            self.one.apply_sync(lambda: 1 / 0)
        self.one.push({"caught": caught.exception.ename}, block=True)
        self.assertEqual(self.one["caught"], "ZeroDivisionError")
        value = self.one.apply_sync(lambda e: e, ZeroDivisionError("again"))
        self.assertIsInstance(value, ZeroDivisionError)


class TestClasses(ViewsTest):
    """Classes of a program and their instances."""

    @decided("classes travel as code")
    def test_dataclass(self):
        record = of_main(Record)
        found = self.one.apply_sync(
            lambda d: (d.a, d.b, d.double, d.more(1), d.seven().a, d.kept, d < type(d)(9)),
            record(1),
        )
        self.assertEqual(found, (1, [], 2, 2, 7, 101, True))
        fields = self.one.apply_sync(lambda d: __import__("dataclasses").asdict(d), record(1))
        self.assertEqual(fields, {"a": 1, "b": []})

    @decided("classes travel as code")
    def test_namedtuples(self):
        pair = of_main(collections.namedtuple("pair", "x y", defaults=[2]))
        found = self.one.apply_sync(lambda p: (p.x, p._replace(y=5), type(p)(3)), pair(1))
        self.assertEqual(found, (1, (1, 5), (3, 2)))

    @decided("classes travel as code")
    def test_redefinition(self):
        for answer in ("new", "newer"):
            names = {"__name__": "__main__"}
            exec(f"class R:\n    def f(self): return {answer!r}", names)
            self.one.push({"R": names["R"]}, block=True)
            self.assertEqual(self.one.apply_sync(ipp.interactive(lambda: R().f())), answer)  # noqa: F821

    @decided("classes travel as code")
    def test_instances_that_come_one_by_one_are_of_one_class(self):
        names = {"__name__": "__main__"}
        exec("class Q: pass", names)
        self.one.push({"q1": names["Q"]()}, block=True)
        self.one.push({"q2": names["Q"]()}, block=True)
        self.assertTrue(self.one["type(q1) is type(q2)"])


class TestJoined(ViewsTest):
    """What a gather joins, and what it leaves as it is."""

    def gathered(self, value, **options):
        self.all.execute(f"z = {value}", block=True)
        return self.all.gather("z", **options).get(10)

    def test_what_has_items_but_is_no_list(self):
        count = len(self.all)
        for value in ({"a": 1}, "abc", b"abc", {1, 2}, 3):
            self.assertEqual(self.gathered(repr(value)), [value] * count)
            self.assertEqual(self.gathered(repr(value), dist="r"), [value] * count)

    def test_iteration_yields_the_parts(self):
        self.all.execute("z = [1, 2]", block=True)
        self.assertEqual(list(self.all.gather("z")), [[1, 2]] * len(self.all))

    @needs("numpy")
    def test_masked_arrays(self):
        import numpy

        whole = numpy.ma.masked_array(range(8), [0, 1] * 4)
        self.all.scatter("masked", whole, block=True)
        self.assertEqual(self.all.gather("masked", block=True).mask.tolist(), [False, True] * 4)

    @needs("pandas")
    def test_rows_of_pandas(self):
        import pandas

        frame = pandas.DataFrame({"x": range(10), "y": range(10)})
        self.all.scatter("frame", frame, block=True)
        parts = self.all.gather("frame", block=True)
        self.assertEqual(sum(len(part) for part in parts), 10)
        self.assertEqual(self.all.map_sync(lambda x: 2 * x, frame.x), list(range(0, 20, 2)))

    def test_parallel_function_that_returns_dicts(self):
        sums = self.all.parallel(block=True)(lambda part: {"sum": sum(part)})
        self.assertEqual(sum(part["sum"] for part in sums(range(6))), 15)

    def test_blocking_scatter_returns_nothing(self):
        self.assertIsNone(self.all.scatter("z", [1, 2, 3], block=True))

    def test_map_by_engine(self):
        found = self.all.map_async(lambda x: x, range(2 * len(self.all))).get_dict()
        self.assertEqual(sorted(found), self.ids)
        self.assertEqual(found[self.ids[0]], [0, 1])
