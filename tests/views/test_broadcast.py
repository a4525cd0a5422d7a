"""Broadcast views: as direct views, in the order of their targets."""

from support import ORACLE, ViewsTest, ipp

COALESCING = (False,) if ORACLE else (False, True)  # ipyparallel's loses the order of targets


class TestBroadcast(ViewsTest):
    """broadcast_view(targets, is_coalescing, block)."""

    def views(self):
        for coalescing in COALESCING:
            yield self.rc.broadcast_view(is_coalescing=coalescing)

    def test_apply(self):
        for view in self.views():
            self.assertEqual(view.apply_sync(lambda x: x + 1, 2), [3] * len(self.ids))

    def test_push_pull_execute(self):
        for view in self.views():
            view.push({"a": 4}, block=True)
            view.execute("b = a + 1", block=True)
            self.assertEqual(view["b"], [5] * len(self.ids))

    def test_order_of_targets(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        for targets in (self.ids, self.ids[::-1], self.ids[::2], self.ids[::-2]):
            for coalescing in COALESCING:
                view = self.rc.broadcast_view(targets, is_coalescing=coalescing)
                self.assertEqual(view["rank"], targets)

    def test_metadata(self):
        self.all.scatter("rank", self.ids, flatten=True, block=True)
        for targets in (self.ids, self.ids[::-2]):
            view = self.rc.broadcast_view(targets, is_coalescing=COALESCING[-1])
            result = view.pull("rank", block=False)
            self.assertEqual(result.get(10), targets)
            self.assertEqual(result.engine_id, targets)
            self.assertIsInstance(result.engine_uuid, list)

    def test_errors(self):
        for view in self.views():
            with self.assertRaises(ipp.CompositeError) as caught:
                view.apply_sync(lambda: 1 / 0)
            self.assertEqual(len(caught.exception.elist), len(self.ids))

    def test_scatter_and_gather(self):
        for view in self.views():
            view.scatter("a", list(range(10)), block=True)
            self.assertEqual(view.gather("a", block=True), list(range(10)))

    def test_map(self):
        for view in self.views():
            self.assertEqual(view.map_sync(abs, [-1, -2, -3]), [1, 2, 3])

    def test_large_push(self):
        data = bytes(5_000_000)
        for view in self.views():
            view.push({"data": data}, block=True)
            self.assertEqual(
                view.apply_sync(len, ipp.Reference("data")), [5_000_000] * len(self.ids)
            )
