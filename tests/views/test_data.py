"""Push and pull: names, attributes, arrays, buffers, pandas, copies."""

import array
import collections

import numpy as np
from beside import Vector
from numpy.testing import assert_array_equal
from support import ViewsTest, decided, ipp, needs


class TestPushPull(ViewsTest):
    """Moving values between the client and the engines."""

    def test_one_engine(self):
        data = {"a": 10, "b": 1.05, "c": list(range(10)), "d": {"e": (1, 2), "f": "hi"}}
        view = self.rc[-1]
        view.block = True
        view.push({"data": data})
        self.assertEqual(view.pull("data"), data)

    def test_all_engines(self):
        self.all.push({"a": 10, "b": 20}, block=True)
        self.assertEqual(self.all.pull("a", block=True), [10] * len(self.ids))

    def test_several_names(self):
        self.all.push({"a": 10, "b": 20}, block=True)
        self.assertEqual(self.all.pull(("a", "b"), block=True), [[10, 20]] * len(self.ids))
        self.assertEqual(self.one.pull(["a", "b"], block=True), [10, 20])

    def test_asynchronous(self):
        push = self.all.push({"a": 10}, block=False)
        pull = self.all.pull("a", block=False)
        self.assertIsInstance(push, ipp.AsyncResult)
        self.assertIsInstance(pull, ipp.AsyncResult)
        self.assertEqual(pull.get(), [10] * len(self.ids))

    def test_push_gives_nothing(self):
        self.assertEqual(self.all.push({"a": 10}, block=True), [None] * len(self.ids))
        self.assertEqual(self.all.push({"a": 10}, block=False).get(), [None] * len(self.ids))

    def test_push_targets(self):
        self.all.push({"a": 1}, block=True)
        self.all.push({"a": 2}, targets=[self.ids[-1]], block=True)
        self.assertEqual(self.one["a"], 2)
        self.assertEqual(self.all["a"], [1] * (len(self.ids) - 1) + [2])

    def test_pull_targets(self):
        self.all.push({"a": 1}, block=True)
        self.assertEqual(self.all.pull("a", targets=self.ids[-1], block=True), 1)
        self.assertEqual(self.all.pull("a", targets=[self.ids[-1]], block=True), [1])

    def test_dictionary_interface(self):
        self.all["a"] = [1, 2]
        self.assertEqual(self.all["a"], [[1, 2]] * len(self.ids))
        self.all.update({"b": 3})
        self.assertEqual(self.all.get("b"), [3] * len(self.ids))

    def test_get_of_one_engine(self):
        self.one["a"] = 5
        self.assertEqual(self.one.get("a"), 5)

    def test_undefined_name(self):
        with self.assertRaisesRemote(NameError):
            self.one.pull("nothing", block=True)
        with self.assertRaisesRemote(NameError):
            self.all["nothing"]  # noqa: B018

    def test_not_a_dictionary(self):
        with self.assertRaises(TypeError):
            self.one.push([1, 2])

    def test_name_that_is_no_text(self):
        with self.assertRaises(TypeError):
            self.one.pull(5)

    def test_attributes(self):
        self.one.execute("class A: pass\na = A()\na.b = 128", block=True)
        self.assertEqual(self.one["a.b"], 128)
        self.one["a.b"] = 0
        self.assertEqual(self.one["a.b"], 0)
        self.assertEqual(self.one.apply_sync(lambda x: x.b, ipp.Reference("a")), 0)

    def test_order_of_pushes(self):
        for number in range(30):
            self.all.push({"a": number}, block=False)
        self.assertEqual(self.all["a"], [29] * len(self.ids))

    def test_engines_do_not_share(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        self.all.execute("x = rank * 10", block=True)
        self.assertEqual(self.all["x"], [10 * engine for engine in self.ids])

    def test_push_is_a_copy(self):
        values = [1, 2, 3]
        self.all.push({"values": values}, block=True)
        self.all.execute("values.append(4)", block=True)
        self.assertEqual(values, [1, 2, 3])
        self.assertEqual(self.all["values"], [[1, 2, 3, 4]] * len(self.ids))

    def test_pull_is_a_copy(self):
        self.all["values"] = [1]
        for values in self.all["values"]:
            values.append(2)
        self.assertEqual(self.all["values"], [[1]] * len(self.ids))

    def test_object_of_a_module(self):
        self.all["v"] = Vector(1, 2)
        self.assertEqual(self.all["v"], [Vector(1, 2)] * len(self.ids))

    def test_shared_parts_stay_shared(self):
        inner = [1]
        self.assertTrue(self.one.apply_sync(lambda pair: pair[0] is pair[1], (inner, inner)))

    def test_many_kinds(self):
        values = [
            None, True, 2**70, 1.5, 2j, b"bytes", bytearray(b"array"), "text", (1,), {1, 2},
            frozenset([3]), range(4), slice(1, 2), Ellipsis, collections.OrderedDict(a=1),
        ]  # fmt: skip
        for value in values:
            with self.subTest(value=value):
                self.assertEqual(self.one.apply_sync(lambda x: x, value), value)


class TestArrays(ViewsTest):
    """NumPy and the buffer protocol."""

    def test_dtypes(self):
        values = np.random.default_rng(1).random((100, 100)) * 100
        for name in ("int32", "uint8", "float32", "float64", "complex128", "bool", ">i4"):
            sent = values.astype(name)
            back = self.one.apply_sync(lambda x: x, sent)
            assert_array_equal(back, sent)
            self.assertEqual(back.dtype, sent.dtype)

    def test_shapes_and_orders(self):
        base = np.arange(60.0).reshape(3, 4, 5)
        for sent in (base, np.asfortranarray(base), base[::2, 1:, ::-1], base[0, 0, 0], base[:0]):
            back = self.one.apply_sync(lambda x: x, sent)
            assert_array_equal(back, sent)
            self.assertEqual(np.shape(back), np.shape(sent))

    def test_object_dtype(self):
        sent = np.array([{"a": 5}, None], dtype=object)
        assert_array_equal(self.one.apply_sync(lambda x: x, sent), sent)

    def test_structured_with_objects(self):
        sent = np.array([(0, {"b": 10})], dtype=[("i", int), ("o", object)])
        assert_array_equal(self.one.apply_sync(lambda x: x, sent), sent)

    def test_record_array(self):
        sent = np.array(
            [(1, "hi", 0.0), (2**30, "there", 2.5), (-99999, "world", -12345.6789)],
            [("n", int), ("s", "|S10"), ("f", float)],
        )
        self.one["records"] = sent
        back = self.one["records"]
        self.assertEqual(back.dtype, sent.dtype)
        assert_array_equal(back, sent)

    def test_large(self):
        sent = np.arange(1_000_000.0)
        self.all.push({"x": sent}, block=True)
        sums = self.all.apply_sync(lambda x: float(x.sum()), ipp.Reference("x"))
        self.assertEqual(sums, [sent.sum()] * len(self.ids))
        for back in self.all["x"]:
            assert_array_equal(back, sent)

    @decided("ipyparallel cannot pack NumPy's functions")
    def test_functions_of_numpy(self):
        self.assertEqual(self.one.apply_sync(np.sum, np.arange(4)), 6)
        self.assertEqual(self.all.map_sync(np.sqrt, [1.0, 4.0]), [1.0, 2.0])

    def test_results_can_be_written(self):
        back = self.one.apply_sync(lambda: __import__("numpy").zeros(100_000))
        back[0] = 1
        self.assertEqual(back[0], 1)

    def test_arguments_can_be_written_on_the_engine_after_push(self):
        self.all.push({"x": np.zeros(100_000)}, block=True)
        self.all.execute("x = x.copy() if not x.flags.writeable else x\nx[0] = 7", block=True)
        self.assertEqual([x[0] for x in self.all["x"]], [7] * len(self.ids))

    def test_bytes_and_their_kin(self):
        for size in (0, 1, 100_000):
            data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            for sent in (data, bytearray(data), array.array("B", data)):
                back = self.one.apply_sync(lambda x: x, sent)
                self.assertEqual(bytes(back), data)

    def test_memoryview(self):
        sent = memoryview(b"abc" * 1000)
        self.assertEqual(bytes(self.one.apply_sync(bytes, sent)), bytes(sent))

    def test_many_arrays_in_one_argument(self):
        arrays = {f"a{i}": np.full(1000 + i, i) for i in range(50)}
        back = self.one.apply_sync(lambda x: x, arrays)
        self.assertEqual(sorted(back), sorted(arrays))
        for name, sent in arrays.items():
            assert_array_equal(back[name], sent)

    def test_the_sender_may_change_it_after_a_blocking_call(self):
        sent = np.zeros(500_000)
        self.all.push({"x": sent}, block=True)
        sent[:] = 1
        self.assertEqual([x.sum() for x in self.all["x"]], [0.0] * len(self.ids))

    def test_masked_array(self):
        sent = np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])
        back = self.one.apply_sync(lambda x: x, sent)
        self.assertEqual(back.tolist(), [1, None, 3])

    @needs("pandas")
    def test_pandas(self):
        import pandas as pd

        series = pd.Series(range(10), name="ten")
        frame = pd.DataFrame({"a": np.arange(1000.0), "b": ["x", "y"] * 500})
        self.all.push({"series": series, "frame": frame}, block=True)
        for back in self.all["series"]:
            pd.testing.assert_series_equal(back, series)
        for back in self.all["frame"]:
            pd.testing.assert_frame_equal(back, frame)
