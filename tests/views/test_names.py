"""Modules and names under which programs of ipyparallel find things."""

import importlib

from support import ViewsTest, ipp

# The places beside the module itself from which such programs import, and what they import there.
PLACES = {
    "client.asyncresult": "AsyncHubResult AsyncMapResult AsyncResult",
    "client.client": "Client",
    "client.remotefunction": "ParallelFunction RemoteFunction parallel remote",
    "client.view": "BroadcastView DirectView LoadBalancedView",
    "cluster": "Cluster",
    "controller.dependency": "Dependency depend dependent interactive require",
    "error": "CompositeError RemoteError",
    "serialize": "Reference",
    "util": "interactive",
}


class TestNames(ViewsTest):
    """What can be imported, and from where."""

    def test_datapub_of_the_engine(self):
        found = importlib.import_module(f"{ipp.__name__}.engine.datapub")
        self.assertTrue(callable(found.publish_data))

    def test_from_import(self):
        for place, names in PLACES.items():
            for name in names.split():
                with self.subTest(place, name=name):
                    found = {}
                    exec(f"from {ipp.__name__}.{place} import {name}", found)
                    self.assertIs(found[name], getattr(ipp, name))

    def test_import_as(self):
        for place, names in PLACES.items():
            with self.subTest(place):
                found = {}
                exec(f"import {ipp.__name__}.{place} as module", found)
                self.assertTrue(hasattr(found["module"], names.split()[0]))
                self.assertIs(found["module"], importlib.import_module(f"{ipp.__name__}.{place}"))

    def test_attributes(self):
        self.assertIs(ipp.util.interactive, ipp.interactive)
        self.assertIs(ipp.cluster.Cluster, ipp.Cluster)
        self.assertIs(ipp.controller.dependency.depend, ipp.depend)
        self.assertIs(ipp.client.view.DirectView, ipp.DirectView)
        self.assertIs(ipp.client.client.Client, ipp.Client)

    def test_import_on_an_engine(self):
        def there(name):
            from importlib import import_module

            return import_module(f"{name}.client.asyncresult").AsyncResult.__name__

        self.assertEqual(self.all.apply_sync(there, ipp.__name__), ["AsyncResult"] * len(self.ids))

    def test_no_such_module(self):
        for place in "client.nothing", "controller.nothing", "nothing":
            with self.subTest(place), self.assertRaises(ModuleNotFoundError):
                importlib.import_module(f"{ipp.__name__}.{place}")

    def test_version_info(self):
        self.assertEqual(ipp.version_info[:3], tuple(map(int, ipp.__version__.split(".")[:3])))

    def test_exceptions_as_messages(self):
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            content = ipp.wrap_exception({"engine_id": 1})
        error = ipp.unwrap_exception(content)
        self.assertIsInstance(error, ipp.RemoteError)
        self.assertEqual((error.ename, error.evalue), ("ZeroDivisionError", "division by zero"))

    def test_collect_exceptions(self):
        collected = ipp.error.collect_exceptions
        self.assertIs(getattr(ipp, "collect_exceptions", collected), collected)
