"""Scatter and gather: shares, uneven lengths, flatten, distributions, arrays."""

import numpy as np
from numpy.testing import assert_array_equal
from support import ViewsTest, ipp


def shares(sequence, count):
    """Cut as NumPy's array_split does, but keep the sequence's type."""
    bounds = np.cumsum([0, *map(len, np.array_split(np.arange(len(sequence)), count))])
    return [sequence[low:high] for low, high in zip(bounds, bounds[1:], strict=False)]


def send():
    """Send a message to rank 2."""
    from mpi4py import MPI

    MPI.COMM_WORLD.send(None, dest=2)


def receive():
    """Receive a message from rank 1."""
    from mpi4py import MPI

    return MPI.COMM_WORLD.recv(source=1)


class TestScatter(ViewsTest):
    """One sequence in parts."""

    def test_list(self):
        sequence = list(range(16))
        self.all.scatter("a", sequence, block=True)
        self.assertEqual(self.all["a"], shares(sequence, len(self.ids)))

    def test_uneven_lengths(self):
        for length in (0, 1, 3, 7, 32, 101):
            sequence = np.arange(length, dtype=float)
            self.all.scatter("a", sequence, block=True)
            for part, want in zip(
                self.all["a"], np.array_split(sequence, len(self.ids)), strict=True
            ):
                assert_array_equal(part, want)

    def test_round_trip(self):
        for sequence in (list(range(16)), list("abcdefg"), [[1], [2, 3], []] * 5):
            self.all.scatter("a", sequence)
            self.assertEqual(self.all.gather("a", block=True), sequence)

    def test_shorter_than_the_engines(self):
        self.all.scatter("a", [5], block=True)
        self.assertEqual(self.all.gather("a", block=True), [5])

    def test_text_range_and_tuple(self):
        self.all.scatter("r", range(10), block=True)
        self.assertEqual(self.all["r"], shares(range(10), len(self.ids)))
        self.all.scatter("t", tuple(range(10)), block=True)
        self.assertEqual(self.all.gather("t", block=True), list(range(10)))
        self.all.scatter("s", "abcdefghij", block=True)
        self.assertEqual("".join(self.all["s"]), "abcdefghij")

    def test_flatten(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        self.assertEqual(self.all["rank"], self.ids)

    def test_flatten_leaves_longer_parts(self):
        sequence = list(range(2 * len(self.ids)))
        self.all.scatter("a", sequence, flatten=True, block=True)
        self.assertEqual(self.all["a"], shares(sequence, len(self.ids)))

    def test_one_engine(self):
        self.one.scatter("a", [1, 2, 3], block=True)
        self.assertEqual(self.one["a"], [1, 2, 3])

    def test_some_engines(self):
        view = self.rc[::2]
        view.scatter("a", list(range(9)), block=True)
        self.assertEqual(view.gather("a", block=True), list(range(9)))

    def test_targets_argument(self):
        self.all.scatter("a", [1, 2], targets=[self.ids[-1]], block=True)
        self.assertEqual(self.one["a"], [1, 2])

    def test_round_robin(self):
        self.all.scatter("a", list(range(11)), dist="r", block=True)
        count = len(self.ids)
        self.assertEqual(self.all["a"], [list(range(11))[i::count] for i in range(count)])
        self.assertEqual(self.all.gather("a", dist="r", block=True), list(range(11)))

    def test_results_are_asynchronous(self):
        scatter = self.all.scatter("a", list(range(16)), block=False)
        gather = self.all.gather("a", block=False)
        self.assertIsInstance(scatter, ipp.AsyncResult)
        self.assertNotIsInstance(scatter, ipp.AsyncMapResult)
        self.assertIsInstance(gather, ipp.AsyncMapResult)
        self.assertEqual(gather.get(), list(range(16)))

    def test_result_of_a_scatter(self):
        result = self.all.scatter("a", list(range(16)), block=False)
        self.assertEqual(result.get(), [None] * len(self.ids))

    def test_view_of_all_by_name(self):
        view = self.rc.direct_view("all")
        view.scatter("x", list(range(64)))
        self.assertEqual(view.gather("x", block=True), list(range(64)))

    def test_gather_of_an_undefined_name(self):
        with self.assertRaisesRemote(NameError):
            self.all.gather("nothing", block=True)

    def test_sent(self):
        result = self.all.scatter("x", "x" * 100_000, block=False, track=True)
        result.wait_for_send(10)
        self.assertTrue(result.sent)
        result.get()


class TestArrays(ViewsTest):
    """Arrays by Scatterv and Gatherv."""

    def test_round_trip(self):
        for sent in (
            np.arange(64),
            np.arange(101.0),
            np.arange(60, dtype="i2").reshape(20, 3),
            np.arange(10) > 4,
            np.array(["a", "bb", "ccc"] * 4),
        ):
            self.all.scatter("a", sent, block=True)
            back = self.all.gather("a", block=True)
            assert_array_equal(back, sent)
            self.assertEqual(back.dtype, sent.dtype)

    def test_not_contiguous(self):
        for sent in (np.arange(200)[::2], np.arange(60).reshape(6, 10).T, np.arange(9)[::-1]):
            self.all.scatter("a", sent, block=True)
            assert_array_equal(self.all.gather("a", block=True), sent)

    def test_object_array(self):
        sent = np.array([{"a": i} for i in range(7)], dtype=object)
        self.all.scatter("a", sent, block=True)
        assert_array_equal(self.all.gather("a", block=True), sent)

    def test_large(self):
        sent = np.random.default_rng(2).random(1_000_003)
        self.all.scatter("a", sent, block=True)
        self.all.execute("a = a * 2", block=True)
        assert_array_equal(self.all.gather("a", block=True), sent * 2)

    def test_large_parts_come_in_one_piece(self):
        sent = np.random.default_rng(2).random((300_007, 3))
        self.all.scatter("a", sent, block=True)
        for _ in range(5):  # it may be copied together when an engine is late
            back = self.all.gather("a", block=True)
            assert_array_equal(back, sent)
            if not back.flags.owndata:
                return
        self.fail("the parts were received apart and copied together")

    def test_large_parts_that_do_not_fit_together(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        for part in (
            "numpy.full(100_001, rank, dtype='i4' if rank % 2 else 'f8')",
            "numpy.full((300, 300), rank, order='F')",
            "numpy.full(20_000 * (rank % 2), rank)",
        ):
            self.all.execute(f"import numpy\npart = {part}", block=True)
            want = np.concatenate(self.all.pull("part", block=True))
            back = self.all.gather("part", block=True)
            assert_array_equal(back, want)
            self.assertEqual(back.dtype, want.dtype)

    def test_large_parts_one_of_which_fails(self):
        self.all.scatter("a", np.zeros(100_000 * len(self.ids)), block=True)
        self.one.execute("del a", block=True)
        with self.assertRaisesRemote(NameError):
            self.all.gather("a", block=True)
        self.assertEqual(self.rc[0].apply_sync(abs, -1), 1)

    def test_an_engine_that_is_late_does_not_hold_up_the_others(self):
        if len(self.ids) < 3:
            self.skipTest("needs 3 engines")
        view = self.rc[1:3]
        view.push({"a": np.ones(100_000)}, block=True)
        # The second engine comes to the gather only when the first has left it behind.
        waiting = self.rc[2].apply_async(receive)
        gather = view.gather("a", block=False)
        self.rc[1].apply_sync(send)
        waiting.get()
        self.assertEqual(gather.get().sum(), 200_000)

    def test_a_gathered_array_is_not_that_of_an_engine(self):
        self.all.scatter("a", np.zeros(100_000 * len(self.ids)), block=True)
        back = self.all.gather("a", block=True)
        self.all.execute("a[:] = 1", block=True)
        self.assertEqual(back.sum(), 0)
        back[:] = 2
        self.assertEqual(self.all.pull("float(a.max())", block=True), [1.0] * len(self.ids))

    def test_parts_of_different_lengths_made_on_the_engines(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        self.all.execute("import numpy\npart = numpy.full(rank + 1, rank)", block=True)
        want = np.concatenate([np.full(engine + 1, engine) for engine in self.ids])
        assert_array_equal(self.all.gather("part", block=True), want)

    def test_parts_of_different_types_on_the_engines(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        self.all.execute("import numpy\npart = numpy.arange(2) + (rank % 2) * 0.5", block=True)
        want = np.concatenate([np.arange(2) + (engine % 2) * 0.5 for engine in self.ids])
        assert_array_equal(self.all.gather("part", block=True), want)

    def test_scalars(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        self.assertEqual(self.all.gather("rank", block=True), self.ids)

    def test_round_robin(self):
        sent = np.arange(4 * len(self.ids))
        self.all.scatter("a", sent, dist="r", block=True)
        assert_array_equal(self.one["a"], sent[len(self.ids) - 1 :: len(self.ids)])
        assert_array_equal(self.all.gather("a", dist="r", block=True), sent)

    def test_sum_by_mpi_is_a_collective_of_all(self):
        def total(part):
            from mpi4py import MPI

            return MPI.COMM_WORLD.allreduce(float(part.sum()))

        self.all.scatter("a", np.arange(32.0), block=True)
        got = self.all.apply_sync(total, ipp.Reference("a"))
        self.assertEqual(got, [496.0] * len(self.ids))

    def test_asynchronous_chain(self):
        sent = np.arange(1000.0)
        scatter = self.all.scatter("a", sent, block=False)
        self.all.execute("a = a + 1")
        gather = self.all.gather("a", block=False)
        assert_array_equal(gather.get(), sent + 1)
        self.assertTrue(scatter.ready())
