"""The client: engines, views by index, waiting, history, results, queue status."""

import asyncio
import concurrent.futures
import threading
import warnings

from support import ORACLE, ViewsTest, decided, ipp, nap, new_client, until


class TestEngines(ViewsTest):
    """Which engines there are."""

    def test_ids_and_len(self):
        self.assertEqual(self.rc.ids, list(range(len(self.rc))))

    @decided("engines are ranks")
    def test_all_ranks_are_engines_by_default(self):
        from mpi4py import MPI

        self.assertEqual(self.rc.ids, list(range(MPI.COMM_WORLD.size)))

    @decided("engines are ranks")
    def test_engine_id_is_rank(self):
        def rank():
            from mpi4py import MPI

            return MPI.COMM_WORLD.rank

        self.assertEqual(self.all.apply_sync(rank), self.ids)

    def test_ids_are_a_fresh_list(self):
        ids = self.rc.ids
        self.assertIsNot(ids, self.rc.ids)
        ids.clear()
        self.assertEqual(self.rc.ids, self.ids)

    def test_iteration_gives_single_engine_views(self):
        views = list(self.rc)
        self.assertEqual([view.targets for view in views], self.ids)
        self.assertTrue(all(isinstance(view, ipp.DirectView) for view in views))
        self.assertEqual([view.apply_sync(lambda: 3) for view in views], [3] * len(self.ids))

    def test_several_clients(self):
        other = new_client()
        self.addCleanup(other.close)
        other[:].push({"shared": 5}, block=True)
        self.assertEqual(self.one["shared"], 5)
        self.assertEqual(other.ids, self.ids)

    def test_close_leaves_other_clients_alone(self):
        other = new_client()
        other[-1].apply_sync(lambda: 1)
        other.close()
        self.assertEqual(self.one.apply_sync(lambda: 2), 2)

    def test_attributes_can_be_set_on_a_client(self):
        other = new_client()
        self.addCleanup(other.close)
        other.remark = "mine"
        self.assertEqual(other.remark, "mine")
        self.assertIn("remark", vars(other))

    @decided("ipyparallel's needs a cluster's connection file")
    def test_subclass(self):
        class Mine(ipp.Client):
            def double(self, number):
                return self[-1].apply_sync(lambda n: 2 * n, number)

        client = Mine()
        self.assertEqual(client.double(4), 8)
        client.close()

    @decided("there are no profiles")
    def test_unknown_options_are_ignored_with_one_warning(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client = ipp.Client(profile="mpi", cluster_id="mine", sshserver="host")
        self.assertEqual(len(caught), 1, [str(warning.message) for warning in caught])
        self.assertEqual(client.ids, self.ids)
        client.close()

    @decided("a Cluster is the ranks that are there")
    def test_cluster_of_the_ranks(self):
        cluster = ipp.Cluster(n=len(self.ids), engines="mpi")
        with cluster as client:
            self.assertEqual(client.ids, self.ids)
            self.assertEqual(client[:].apply_sync(lambda: 1), [1] * len(self.ids))

    @decided("a Cluster is the ranks that are there")
    def test_cluster_step_by_step(self):
        cluster = ipp.Cluster(n=len(self.ids))
        cluster.start_cluster_sync()
        client = cluster.connect_client_sync()
        client.wait_for_engines(len(self.ids))
        self.assertEqual(client.ids, self.ids)
        client.close()
        cluster.stop_cluster_sync()
        self.assertEqual(self.one.apply_sync(lambda: 1), 1)

    @decided("a Cluster is the ranks that are there")
    def test_cluster_by_controller_and_engines(self):
        cluster = ipp.Cluster(engines="mpi")
        cluster.start_controller_sync()
        engines = cluster.start_engines_sync(n=len(self.ids))
        self.assertEqual(cluster.connect_client_sync().ids, self.ids)
        cluster.stop_engines_sync(engines)
        cluster.stop_controller_sync()
        self.assertEqual(self.one.apply_sync(lambda: 1), 1)
        with self.assertRaisesRegex(RuntimeError, "mpiexec -n 999 "):
            cluster.start_engines_sync(999)

    @decided("a Cluster is the ranks that are there")
    def test_cluster_by_its_async_methods(self):
        async def main():
            cluster = ipp.Cluster()
            await cluster.start_controller()
            engines = await cluster.start_engines(1)
            ids = (await cluster.connect_client()).ids
            await cluster.stop_engines(engines)
            await cluster.stop_controller()
            self.assertIs(await cluster.start_cluster(len(self.ids)), cluster)
            await cluster.stop_cluster()
            return ids

        self.assertEqual(asyncio.run(main()), [0])
        self.assertEqual(ipp.Cluster.start_engines.__name__, "start_engines")

    @decided("a Cluster is the ranks that are there")
    def test_engines_cannot_be_restarted(self):
        with self.assertRaisesRegex(NotImplementedError, "start the session anew"):
            ipp.Cluster().restart_engines_sync()
        with self.assertRaisesRegex(NotImplementedError, "start the session anew"):
            asyncio.run(ipp.Cluster().restart_engines())

    @decided("a Cluster is the ranks that are there")
    def test_start_and_connect(self):
        client = ipp.Cluster(n=len(self.ids), engines="mpi").start_and_connect_sync()
        self.assertEqual(client.ids, self.ids)

    @decided("a Cluster is the ranks that are there")
    def test_cluster_of_too_many_says_how_to_start_them(self):
        wanted = len(self.ids) + 3
        with self.assertRaises(Exception) as caught, ipp.Cluster(n=wanted) as client:
            client.wait_for_engines(wanted, timeout=1)
        self.assertIn(f"mpiexec -n {wanted}", str(caught.exception))


class TestIndexing(ViewsTest):
    """Views by int, slice and list."""

    engines = 2

    def test_int(self):
        self.assertEqual(self.rc[self.ids[1]].targets, self.ids[1])

    def test_negative_int(self):
        self.assertEqual(self.rc[-1].targets, self.ids[-1])
        self.assertEqual(self.rc[-2].targets, self.ids[-2])

    def test_slices(self):
        for part in (slice(None), slice(None, None, 2), slice(1, None, 3), slice(None, -1)):
            with self.subTest(part=part):
                view = self.rc[part]
                self.assertIsInstance(view, ipp.DirectView)
                self.assertEqual(view.targets, self.ids[part])

    def test_list(self):
        view = self.rc[[self.ids[1], self.ids[0]]]
        self.assertEqual(view.targets, [self.ids[1], self.ids[0]])
        view.scatter("place", [10, 20], flatten=True, block=True)
        self.assertEqual(self.rc[:2]["place"], [20, 10])

    def test_none_is_a_type_error(self):
        with self.assertRaises(TypeError):
            self.rc[None]

    def test_no_such_engine_is_an_index_error(self):
        with self.assertRaises(IndexError):
            self.rc[len(self.ids)]

    def test_len_of_views(self):
        self.assertEqual(len(self.one), 1)
        self.assertEqual(len(self.all), len(self.ids))
        self.assertEqual(len(self.rc[:2]), 2)
        self.assertEqual(len(self.rc[:1]), 1)
        self.assertEqual(len(self.rc.direct_view("all")), len(self.ids))
        self.assertEqual(len(self.balanced), len(self.ids))

    def test_targets_of_direct_views(self):
        self.assertEqual(self.rc.direct_view().targets, "all")
        self.assertEqual(self.rc.direct_view("all").targets, "all")
        self.assertEqual(self.rc.direct_view(-1).targets, self.ids[-1])
        self.assertEqual(self.rc.direct_view([0, 1]).targets, self.ids[:2])

    def test_targets_of_balanced_views(self):
        self.assertIsNone(self.balanced.targets)
        self.assertIsNone(self.rc.load_balanced_view("all").targets)
        self.assertEqual(self.rc.load_balanced_view(-1).targets, [self.ids[-1]])
        self.assertEqual(self.rc.load_balanced_view([0, 1]).targets, self.ids[:2])

    def test_view_of_all_by_name_works(self):
        view = self.rc.direct_view("all")
        self.assertEqual(view.apply_sync(lambda: 1), [1] * len(self.ids))
        self.assertEqual(view.map_sync(lambda x: 2 * x, range(9)), [2 * x for x in range(9)])

    def test_a_list_of_one_engine_gives_a_list(self):
        self.assertEqual(self.rc[-1:].apply_sync(lambda: 42), [42])
        self.assertEqual(self.rc[[self.ids[-1]]].apply_sync(lambda: 42), [42])
        self.assertEqual(self.one.apply_sync(lambda: 42), 42)

    def test_block_as_an_option_of_a_view(self):
        self.assertTrue(self.rc.direct_view(block=True).block)
        self.assertTrue(self.rc.load_balanced_view(block=True).block)
        self.assertTrue(self.rc.broadcast_view(block=True).block)

    def test_views_know_their_client(self):
        for view in (self.one, self.all, self.balanced):
            self.assertIs(view.client, self.rc)


class TestWaiting(ViewsTest):
    """wait, wait_for_engines, outstanding, history."""

    def test_wait_says_whether_all_is_done(self):
        result = self.one.apply_async(nap, 0.3)
        self.assertFalse(self.rc.wait(result, timeout=0.01))
        self.assertTrue(self.rc.wait(result, timeout=10))
        self.assertTrue(result.ready())

    def test_wait_times_out_while_rank_0_works(self):
        for _ in range(5):
            result = self.all.apply_async(nap, 0.2)
            self.assertFalse(self.rc.wait(result, timeout=0.05))
            result.get()

    def test_wait_for_everything(self):
        results = [self.one.apply_async(nap, 0.05) for _ in range(3)]
        self.assertTrue(self.rc.wait(timeout=10))
        self.assertTrue(all(result.ready() for result in results))

    def test_wait_for_message_ids(self):
        result = self.one.apply_async(nap, 0.1)
        self.assertTrue(self.rc.wait(result.msg_ids, timeout=10))
        self.assertTrue(self.rc.wait(result.msg_ids[0], timeout=10))

    def test_wait_for_an_index_of_the_history(self):
        result = self.one.apply_async(nap, 0.1)
        self.assertTrue(self.rc.wait(-1, timeout=10))
        self.assertTrue(result.ready())

    def test_wait_takes_foreign_futures(self):
        future = concurrent.futures.Future()
        threading.Timer(0.1, future.set_result, ["there"]).start()
        self.assertTrue(self.rc.wait([future]))
        self.assertEqual(future.result(), "there")

    def test_view_wait(self):
        result = self.one.apply_async(nap, 0.1)
        self.assertTrue(self.one.wait(timeout=10))
        self.assertTrue(result.ready())
        self.assertTrue(self.one.wait([result], timeout=10))

    def test_wait_interactive(self):
        self.one.apply_async(nap, 0.1)
        self.rc.wait_interactive()
        self.assertEqual(self.rc.outstanding, set())

    def test_wait_for_engines(self):
        self.assertIsNone(self.rc.wait_for_engines(len(self.ids)))
        future = self.rc.wait_for_engines(len(self.ids), block=False)
        self.assertIsInstance(future, concurrent.futures.Future)
        self.assertTrue(future.done())
        with self.assertRaises(TimeoutError):
            self.rc.wait_for_engines(len(self.ids) + 1, timeout=0.05)

    def test_outstanding(self):
        result = self.one.apply_async(nap, 0.3)
        self.assertIsInstance(self.rc.outstanding, set)
        self.assertIn(result.msg_ids[0], self.rc.outstanding)
        result.get()
        self.assertNotIn(result.msg_ids[0], self.rc.outstanding)

    def test_history(self):
        before = len(self.rc.history)
        first = self.one.apply_async(lambda: 1)
        second = self.all.apply_async(lambda: 2)
        self.assertEqual(self.rc.history[before:], first.msg_ids + second.msg_ids)

    def test_history_of_a_view(self):
        view = self.rc[-1]
        results = [view.apply_async(lambda: 1) for _ in range(3)]
        self.assertEqual(list(view.history), [result.msg_ids[0] for result in results])

    def test_signal_handlers_run_in_a_blocked_wait(self):
        import signal

        class Alarm(Exception):
            pass

        def ring(number, frame):
            raise Alarm

        old = signal.signal(signal.SIGALRM, ring)
        result = self.rc[-1].apply_async(nap, 3)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            with self.assertRaises(Alarm):
                result.get()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        if len(self.ids) > 1:
            self.assertFalse(result.ready())
        self.assertEqual(result.get(), 3)


class TestResults(ViewsTest):
    """What a client remembers of results."""

    def test_get_result_by_id(self):
        result = self.one.apply_async(nap, 0.1, "there")
        again = self.rc.get_result(result.msg_ids[0], owner=False)
        self.assertEqual(again.get(), "there")
        self.assertEqual(result.get(), "there")

    def test_get_result_by_index(self):
        result = self.one.apply_async(nap, 0.1, "there")
        again = self.rc.get_result(-1, owner=False)
        self.assertEqual(again.msg_ids, result.msg_ids)
        self.assertEqual(again.get(), "there")

    def test_get_result_of_a_result(self):
        result = self.one.apply_async(nap, 0.1, 7)
        self.assertEqual(self.rc.get_result(result).msg_ids, result.msg_ids)
        self.assertEqual(self.rc.get_result([result]).msg_ids, result.msg_ids)

    def test_get_result_of_a_list(self):
        results = [self.one.apply_async(nap, 0.01, number) for number in range(3)]
        ids = [result.msg_ids[0] for result in results]
        together = self.rc.get_result(ids, owner=False)
        self.assertEqual(together.get(), [0, 1, 2])

    def test_get_result_of_another_client(self):
        result = self.one.apply_async(nap, 0.5, 5)
        self.assertNotIsInstance(self.rc.get_result(result, owner=False), ipp.AsyncHubResult)
        theirs = new_client().get_result(result.msg_ids[0], owner=False)
        self.assertIsInstance(theirs, ipp.AsyncHubResult)
        self.assertEqual(theirs.get(10), 5)

    def test_get_result_of_the_same_task_twice(self):
        result = self.one.apply_async(nap, 0.01, 6)
        names = result.msg_ids * 2
        del result  # nobody holds the task now
        self.assertEqual(self.rc.get_result(names).get(), [6, 6])
        self.assertEqual(self.one.apply_sync(nap, 0.0, 7), 7)

    @decided("rank 0 works while it waits")
    def test_get_result_of_a_call_that_is_being_waited_for(self):
        seen = []

        def look():
            until(lambda: len(self.rc.history) > before)
            seen.append(self.rc.get_result(self.rc.history[before]))

        before = len(self.rc.history)
        thread = threading.Thread(target=look)
        thread.start()
        self.assertEqual(self.one.apply_sync(nap, 0.3, "there"), "there")
        thread.join()
        self.assertEqual(seen[0].get(5), "there")

    def test_get_result_on_a_view(self):
        view = self.rc[-1]
        view.apply_async(nap, 0.01, "first")
        view.apply_async(nap, 0.01, "second")
        self.assertEqual(view.get_result(-2, owner=False).get(), "first")
        self.assertEqual(view.get_result(-1, owner=False).get(), "second")

    def test_a_fetched_result_leaves_the_caches(self):
        result = self.one.apply_async(lambda: 1)
        result.get()
        result.wait_for_output()
        self.assertNotIn(result.msg_ids[0], self.rc.results)
        self.assertNotIn(result.msg_ids[0], self.rc.metadata)

    def test_metadata_of_an_unknown_id_is_made(self):
        entry = self.rc.metadata["of my own"]
        self.assertIn("of my own", self.rc.metadata)
        self.assertIsNone(entry["completed"])
        self.rc.purge_local_results("of my own")
        self.assertNotIn("of my own", self.rc.metadata)

    def test_purge_by_id(self):
        self.rc.results["of my own"] = 5
        self.rc.metadata["of my own"]  # noqa: B018
        self.rc.purge_local_results("of my own")
        self.assertNotIn("of my own", self.rc.results)
        self.assertNotIn("of my own", self.rc.metadata)

    def test_purge_while_outstanding(self):
        result = self.one.apply_async(nap, 0.3)
        with self.assertRaises(RuntimeError):
            self.rc.purge_local_results(result)
        with self.assertRaises(RuntimeError):
            self.rc.purge_local_results("all")
        result.get()
        self.rc.purge_local_results(result)

    def test_purge_all(self):
        for _ in range(3):
            self.all.apply_sync(lambda: 1)
        self.rc.wait(timeout=10)
        self.rc.purge_local_results("all")
        self.assertEqual(len(self.rc.results), 0)
        self.assertEqual(len(self.rc.metadata), 0)

    @decided("ipyparallel fails at this itself")
    def test_purge_by_engine(self):
        result = self.rc[-1].apply_async(nap, 0.3)
        with self.assertRaises(RuntimeError):
            self.rc.purge_results(targets=-1)
        self.rc.purge_results(targets=0)
        result.get()
        self.rc.purge_results(targets=-1)

    def test_purge_of_nothing_in_particular(self):
        for purge in self.rc.purge_results, self.rc.purge_local_results:
            with self.assertRaises(ValueError):
                purge()

    def test_clear_one_engine(self):
        self.all.push({"a": 5}, block=True)
        self.rc.clear(targets=self.ids[-1], block=True)
        self.assertEqual(self.rc[:-1].pull("a", block=True), [5] * (len(self.ids) - 1))
        with self.assertRaisesRemote(NameError):
            self.one.get("a")

    def test_clear_all(self):
        self.all.push({"a": 5}, block=True)
        self.rc.clear(block=True)
        for engine in self.ids:
            with self.assertRaisesRemote(NameError):
                self.rc[engine].get("a")

    def test_clear_of_a_view(self):
        self.all.push({"a": 5}, block=True)
        self.one.clear(block=True)
        with self.assertRaisesRemote(NameError):
            self.one.get("a")

    def test_clear_leaves_the_program_alone(self):
        import __main__

        self.rc.clear(block=True)
        self.assertTrue(callable(__main__.main))

    def test_result_status(self):
        quick, slow = self.one.apply_async(abs, -1), self.one.apply_async(nap, 0.5, 2)
        quick.wait()
        names = quick.msg_ids + slow.msg_ids
        status = self.rc.result_status(names)
        self.assertEqual(status["completed"], quick.msg_ids)
        self.assertEqual(status["pending"], slow.msg_ids)
        slow.wait()
        status = self.rc.result_status(names, status_only=False)
        self.assertEqual(status["completed"], names)
        self.assertEqual([status[name] for name in names], [1, 2])

    def test_cluster_of_a_client(self):
        if ORACLE:
            self.skipTest("it has started one already")
        rc = ipp.Cluster(n=str(len(self.ids))).start_and_connect_sync()
        self.assertEqual(rc.ids, list(range(len(self.ids))))
        rc.cluster.stop_cluster_sync()
        self.assertIsNone(ipp.Client().cluster)

    def test_nothing_comes_of_blocking_requests_to_engines(self):
        self.assertIsNone(self.rc.send_signal(0, block=True))
        self.assertIsNone(self.rc.clear(block=True))

    def test_queue_status(self):
        status = self.rc.queue_status()
        self.assertEqual(status.pop("unassigned"), 0)
        self.assertEqual(sorted(status), self.ids)
        for entry in status.values():
            self.assertEqual(sorted(entry), ["completed", "queue", "tasks"])

    def test_queue_status_of_one_engine(self):
        self.assertEqual(
            sorted(self.rc.queue_status(targets=self.ids[-1])), ["completed", "queue", "tasks"]
        )

    def test_waiting_for_what_nobody_has_submitted(self):
        self.assertTrue(self.rc.wait("nosuch"))

    def test_queue_status_with_names(self):
        done = self.one.apply_async(lambda: 1)
        self.rc.wait([done.msg_ids[0]], timeout=10)
        waiting = [self.one.apply_async(nap, 0.5) for _ in range(2)]
        last = self.ids[-1]
        everywhere = self.rc.queue_status(verbose=True)
        self.assertEqual(everywhere.pop("unassigned"), [])
        self.assertEqual(sorted(everywhere), self.ids)
        here = self.rc.queue_status(last, verbose=True)
        names = [result.msg_ids[0] for result in waiting]
        self.assertTrue(set(here["queue"]) <= set(names))
        self.assertIn(names[-1], here["queue"])
        self.assertIn(done.msg_ids[0], here["completed"])
        self.assertEqual(here["tasks"], [])
        self.rc.wait(waiting)

    def test_queue_status_counts_what_waits(self):
        results = [self.one.apply_async(nap, 0.3) for _ in range(3)]
        last = self.ids[-1]
        queued = until(lambda: self.rc.queue_status()[last]["queue"] > 0, 2)
        self.assertTrue(queued or ORACLE)
        before = self.rc.queue_status()[last]["completed"]
        self.rc.wait(results)
        self.assertTrue(until(lambda: self.rc.queue_status()[last]["queue"] == 0, 5))
        self.assertGreater(self.rc.queue_status()[last]["completed"], before)
