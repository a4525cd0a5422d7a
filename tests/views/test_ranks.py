"""Clients of some ranks, and MPI inside of tasks."""

import time
import unittest

import numpy as np
from numpy.testing import assert_array_equal
from support import ORACLE, ViewsTest, ipp, nap


def total():
    """Count the ranks with a collective."""
    from mpi4py import MPI

    return MPI.COMM_WORLD.allreduce(1)


@unittest.skipIf(ORACLE, "ipyparallel has no ranks to leave out")
class TestRanks(ViewsTest):
    """Client(ranks=...)."""

    engines = 2

    def client(self, ranks):
        client = ipp.Client(ranks=ranks)
        self.addCleanup(client.close)
        return client

    def test_without_rank_zero(self):
        client = self.client("1-")
        self.assertEqual(client.ids, self.ids[1:])
        self.assertEqual(len(client), len(self.ids) - 1)
        self.assertEqual(client[:].apply_sync(abs, -1), [1] * (len(self.ids) - 1))

    def test_target_syntax(self):
        if len(self.ids) < 5:
            self.skipTest("needs 5 engines")
        but_3 = [rank for rank in self.ids if rank != 3]
        for ranks, want in (
            ("0,2", [0, 2]),
            ("1:3", [1, 2]),
            ("all,!3", but_3),
            ("::2", self.ids[::2]),
            ("-2:", self.ids[-2:]),
        ):
            with self.subTest(ranks=ranks):
                self.assertEqual(self.client(ranks).ids, want)

    def test_index_is_a_position_in_ids(self):
        client = self.client("1-")
        self.assertEqual(client[0].targets, 1)
        self.assertEqual(client[-1].targets, self.ids[-1])
        self.assertEqual(client[:1].targets, [1])
        with self.assertRaises(IndexError):
            client[len(self.ids) - 1]

    def test_balancing_stays_among_them(self):
        client = self.client("1-")
        results = [client.load_balanced_view().apply_async(nap, 0.01) for _ in range(20)]
        client.wait(results)
        self.assertNotIn(0, {result.engine_id for result in results})

    def test_rank_zero_alone_answers_at_once(self):
        view = self.client("0")[:]
        time.sleep(0.6)  # all ranks rest longer then
        times = []
        for _ in range(20):
            begin = time.perf_counter()
            view.apply_sync(abs, -1)
            times.append(time.perf_counter() - begin)
        self.assertLess(min(times), 0.005)

    def test_queue_status(self):
        status = self.client("1-").queue_status()
        self.assertEqual(sorted(key for key in status if key != "unassigned"), self.ids[1:])

    def test_scatter_among_them(self):
        view = self.client("1-")[:]
        view.scatter("a", list(range(7)), block=True)
        self.assertEqual(view.gather("a", block=True), list(range(7)))

    def test_no_such_rank(self):
        with self.assertRaises(ValueError) as caught:
            ipp.Client(ranks=f"{len(self.ids)}")
        self.assertIn(str(len(self.ids)), str(caught.exception))


class TestCollectives(ViewsTest):
    """Functions that talk MPI among the engines."""

    def test_allreduce(self):
        def total(x):
            from mpi4py import MPI

            return MPI.COMM_WORLD.allreduce(x)

        self.all.scatter("x", self.ids, flatten=True, block=True)
        want = [sum(self.ids)] * len(self.ids)
        self.assertEqual(self.all.apply_sync(total, ipp.Reference("x")), want)

    def test_many_in_a_row(self):
        def total(x):
            from mpi4py import MPI

            return MPI.COMM_WORLD.allreduce(x)

        results = [self.all.apply_async(total, number) for number in range(50)]
        for number, result in enumerate(results):
            self.assertEqual(result.get(), [number * len(self.ids)] * len(self.ids))

    def test_in_execute(self):
        code = """
from mpi4py import MPI
import numpy as np
mine = np.full(1000, MPI.COMM_WORLD.rank, dtype=float)
all_of_it = np.empty(1000 * MPI.COMM_WORLD.size)
MPI.COMM_WORLD.Allgather(mine, all_of_it)
"""
        self.all.execute(code, block=True)
        want = np.repeat(np.arange(float(len(self.ids))), 1000)
        for got in self.all["all_of_it"]:
            assert_array_equal(got, want)

    def test_ring(self):
        def ring():
            from mpi4py import MPI

            comm = MPI.COMM_WORLD
            right, left = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
            return comm.sendrecv(comm.rank, dest=right, source=left)

        want = [self.ids[index - 1] for index in range(len(self.ids))]
        self.assertEqual(self.all.apply_sync(ring), want)

    def test_barrier_between_slow_and_quick(self):
        def meet(seconds):
            import time

            from mpi4py import MPI

            time.sleep(seconds)
            MPI.COMM_WORLD.Barrier()
            return True

        self.all.scatter("t", [0.05 * i for i in range(len(self.ids))], flatten=True, block=True)
        got = self.all.apply_sync(meet, ipp.Reference("t"))
        self.assertEqual(got, [True] * len(self.ids))

    def test_split_communicator(self):
        def parts():
            from mpi4py import MPI

            comm = MPI.COMM_WORLD
            half = comm.Split(comm.rank % 2)
            value = half.allreduce(comm.rank)
            half.Free()
            return value

        sums = [sum(self.ids[0::2]), sum(self.ids[1::2])]
        self.assertEqual(self.all.apply_sync(parts), [sums[i % 2] for i in range(len(self.ids))])

    def test_collective_next_to_transfers(self):
        def total(x):
            from mpi4py import MPI

            return MPI.COMM_WORLD.allreduce(int(x.sum()))

        data = np.arange(200_000)
        for _ in range(5):
            self.all.scatter("part", data)
            result = self.all.apply_async(total, ipp.Reference("part"))
            back = self.all.gather("part", block=False)
            self.assertEqual(result.get(), [int(data.sum())] * len(self.ids))
            assert_array_equal(back.get(), data)

    @unittest.skipIf(ORACLE, "ipyparallel hangs")
    def test_deadlock_is_broken_off(self):
        if len(self.ids) < 2:
            self.skipTest("needs 2 engines")

        def fail_on_one():
            from mpi4py import MPI

            if MPI.COMM_WORLD.rank == 1:
                raise ValueError("left")
            MPI.COMM_WORLD.Barrier()

        with self.assertRaises(ipp.CompositeError) as caught:
            self.all.apply_async(fail_on_one).get(40)
        names = [entry[0] for entry in caught.exception.elist]
        self.assertEqual(names.count("ValueError"), 1)
        self.assertEqual(names.count("DeadlockError"), len(self.ids) - 1)

        self.assertEqual(self.all.apply_sync(total), [len(self.ids)] * len(self.ids))

    @unittest.skipIf(ORACLE, "ipyparallel hangs")
    def test_deadlock_of_a_task_says_that_others_have_none(self):
        def barrier():
            from mpi4py import MPI

            MPI.COMM_WORLD.Barrier()

        with self.assertRaises(ipp.RemoteError) as caught:
            self.one.apply_async(barrier).get(40)
        self.assertEqual(caught.exception.ename, "DeadlockError")
        others = "rank 0 has" if len(self.ids) == 2 else f"ranks 0-{len(self.ids) - 2} have"
        self.assertIn(f"{others} no task\n", caught.exception.evalue)
        self.assertEqual(self.all.apply_sync(total), [len(self.ids)] * len(self.ids))
