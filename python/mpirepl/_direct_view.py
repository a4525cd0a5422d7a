"""Views of engines that are named."""

import builtins
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from types import ModuleType

from mpirepl import _engine, _partition, serialize
from mpirepl._async_result import AsyncResult
from mpirepl._map_result import AsyncMapResult
from mpirepl._view import View, call_each, name_of, naming_items, packed


class DirectView(View):
    """A view of engines that are named: requests run on all of them.

    Indexing with names reads and writes names there: ``view['a'] = 5``.
    """

    @property
    def importer(self) -> object:
        """A context in which imports happen on the engines too."""
        return self.sync_imports(True)

    def _single(self, targets: object = None) -> bool:
        return isinstance(self.targets if targets is None else targets, int)

    def _call(
        self,
        function: Callable,
        args: tuple,
        kwargs: dict,
        block: bool | None,
        ranks: list[int],
        fname: str = "",
        single: bool = False,
        method: str = "apply",
        code: str | None = None,
        stops: bool = False,
        label: str | None = None,
    ) -> object:
        sent, argument, buffers = packed(function, args, kwargs)
        submission = self._submission(method, code, label)
        ids = self.client._submit(ranks, sent, [argument], [buffers], submission, stops)
        fname = fname or name_of(function)
        if self._blocks(block):
            return self._awaited(ids, fname, single)
        result = AsyncResult(self.client, ids, fname, single=single, owner=True)
        return self._finish(result, False)

    def _awaited(self, ids: range, fname: str, single: bool = False) -> object:
        """Wait for tasks of a blocking call; return what they have come to."""
        self._note(ids)
        return self.client._await(ids, fname, single)

    def _engines(self, targets: object = None) -> list[int]:
        """Return the ranks of the engines, at least one."""
        ranks = self._ranks(targets)
        if not ranks:
            from mpirepl.error import NoEnginesRegistered

            raise NoEnginesRegistered("this view has no engines")
        return ranks

    def _really_apply(
        self,
        f: Callable,
        args: tuple = (),
        kwargs: dict | None = None,
        targets: object = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> object:
        ranks = self._engines(targets)
        return self._call(f, args, kwargs or {}, block, ranks, single=self._single(targets))

    # Code

    def execute(
        self,
        code: str,
        silent: bool = True,
        targets: object = None,
        block: bool | None = None,
        label: str | None = None,
    ) -> AsyncResult:
        """Run code on the engines."""
        from mpirepl import _execute

        if not isinstance(code, str):
            raise TypeError(f"code to execute is a str, not {type(code).__name__}")
        ranks = self._engines(targets)
        result = self._call(
            _execute.execute,
            (code, silent),
            {},
            False,
            ranks,
            "execute",
            single=self._single(targets),
            method="execute",
            code=code,
            stops=True,
            label=label,
        )
        if self._blocks(block):
            result.get()
        return result

    def run(
        self,
        filename: str,
        targets: object = None,
        block: bool | None = None,
        label: str | None = None,
    ) -> AsyncResult:
        """Run a file of rank 0 on the engines."""
        with open(filename) as file:
            code = file.read()
        return self.execute(code + "\n", targets=targets, block=block, label=label)

    # Names

    def push(
        self,
        ns: dict,
        targets: object = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> object:
        """Define names on the engines."""
        if not isinstance(ns, dict):
            raise TypeError(f"Must be a dict, not {type(ns)}")
        for name in ns:
            if not isinstance(name, str):
                raise TypeError(f"names are strings, not {type(name).__name__}")
        try:
            return self._names_call(_engine.push, (ns,), "_push", block, targets)
        except TypeError:
            for name, value in ns.items():
                serialize.dumps(value, name)
            raise

    def _names_call(
        self, function: Callable, args: tuple, fname: str, block: bool | None, targets: object
    ) -> object:
        ranks = self._engines(targets)
        return self._call(function, args, {}, block, ranks, fname, self._single(targets))

    def update(self, ns: dict) -> object:
        """Define names on the engines."""
        return self.push(ns, block=self.block, track=self.track)

    def pull(self, names: object, targets: object = None, block: bool | None = None) -> object:
        """Return what names stand for on the engines; for several names a list each."""
        several = isinstance(names, (list, tuple, set))
        for name in names if several else [names]:
            if not isinstance(name, str):
                raise TypeError(f"keys must be str, not {type(name)!r}")
        what = list(names) if several else names
        return self._names_call(_engine.pull, (what,), "_pull", block, targets)

    def get(self, key_s: object) -> object:
        """Return what names stand for on the engines."""
        return self.pull(key_s, block=True)

    def __getitem__(self, key: object) -> object:
        return self.get(key)

    def __setitem__(self, key: str, value: object) -> None:
        self.update({key: value})

    def clear(self, targets: object = None, block: bool | None = None) -> AsyncResult:
        """Remove the names that cells and tasks have defined."""
        result = self._names_call(_engine.clear, (), "clear", False, targets)
        if self._blocks(block):
            result.get()
        return result

    # Sequences

    def scatter(
        self,
        key: str,
        seq: object,
        dist: str = "b",
        flatten: bool = False,
        targets: object = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> object:
        """Define a name as a part of a sequence on each engine."""
        ranks = self._engines(targets)
        parts = _partition.by_name(dist).parts(seq, len(ranks))
        function = _engine.CALL + serialize.dumps(_engine.push_part)[0]
        with naming_items(seq, key):
            packed = [serialize.dumps(((key, part, flatten), {}), key) for part in parts]
        ids = self.client._submit(
            ranks,
            function,
            [argument for argument, _ in packed],
            [buffers for _, buffers in packed],
            self._submission("apply"),
        )
        if self._blocks(block):
            self._awaited(ids, "scatter")
            return None
        return self._finish(AsyncResult(self.client, ids, "scatter", owner=True), False)

    def gather(
        self,
        key: str,
        dist: str = "b",
        targets: object = None,
        block: bool | None = None,
    ) -> object:
        """Return the parts of a sequence that engines have under a name, joined."""
        ranks = self._engines(targets)
        function, argument, buffers = packed(_engine.pull, (key,), {})
        ids = self.client._submit(
            ranks, function, [argument], [buffers], self._submission("apply"), gathered=True
        )
        join = _partition.by_name(dist).joined
        if self._blocks(block):
            return join(self._awaited(ids, "gather"))
        result = AsyncMapResult(self.client, ids, [], fname="gather", join=join, owner=True)
        return self._finish(result, False)

    def map(
        self,
        f: Callable,
        *sequences: Iterable,
        block: bool | None = None,
        track: bool = False,
        return_exceptions: bool = False,
        label: str | None = None,
    ) -> object:
        """Map a function over sequences, a part on each engine."""
        ranks = self._engines()
        sequences = tuple(_partition.as_sequence(s) for s in sequences)
        length = _partition.shortest(sequences, "map")
        partition = _partition.by_name("b")
        bounds = [
            (begin, end) for begin, end in partition.bounds(length, len(ranks)) if end > begin
        ]
        chunks = [
            list(zip(*(s[begin:end] for s in sequences), strict=True)) for begin, end in bounds
        ]
        return self._map_chunks(
            f, chunks, ranks[: len(chunks)], block, label, return_exceptions=return_exceptions
        )

    def _map_chunks(
        self,
        f: Callable,
        chunks: list[list],
        ranks: list[int],
        block: bool | None,
        label: str | None,
        **options: object,
    ) -> object:
        """Run a function on the items of each chunk, on an engine for each."""
        name = name_of(f)
        code, buffers = serialize.dumps(f, name)
        if buffers:
            packed = [serialize.dumps((call_each, (f, chunk), {}), name) for chunk in chunks]
            function = _engine.WHOLE
        else:
            with naming_items(chain.from_iterable(chunks), f"the items of the map of {name}"):
                packed = [serialize.dumps(chunk) for chunk in chunks]
            function = _engine.CHUNK + code
        ids: Iterable[int] = range(0)
        if chunks:
            ids = self.client._submit(
                ranks,
                function,
                [argument for argument, _ in packed],
                [beside for _, beside in packed],
                self._submission("apply", label=label),
            )
        lengths = [len(chunk) for chunk in chunks]
        result = AsyncMapResult(self.client, ids, lengths, name, owner=True, **options)
        return self._finish(result, block)

    # Modules

    @contextmanager
    def sync_imports(self, local: bool = True, quiet: bool = False) -> Iterator[None]:
        """Repeat the imports inside a ``with`` on the engines."""
        original = builtins.__import__
        wanted: list[tuple[str, tuple]] = []

        def importing(
            name: str,
            names: object = None,
            locals_: object = None,
            fromlist: tuple | None = (),
            level: int = 0,
        ) -> ModuleType:
            here = sys._getframe(1).f_globals.get("__name__", "")
            if level == 0 and not here.startswith(("importlib", "mpirepl")):
                key = (name, tuple(fromlist or ()))
                module = original(name, names, locals_, fromlist, level) if local else None
                if key not in wanted and not _is_nested(sys._getframe(1)):
                    wanted.append(key)
                    if not quiet:
                        print(f"{_said(name, fromlist)} on engine(s)")
                return module if local else ModuleType(name)
            return original(name, names, locals_, fromlist, level)

        depth = sys._getframe(2)

        def _is_nested(frame: object) -> bool:
            return frame.f_code is not depth.f_code

        builtins.__import__ = importing
        try:
            yield
        finally:
            builtins.__import__ = original
            for name, fromlist in wanted:
                listed = ", ".join(fromlist)
                code = f"from {name} import {listed}" if fromlist else f"import {name}"
                self._call(_engine.import_modules, (code,), {}, False, self._ranks()).get()

    def activate(self, suffix: str = "") -> None:
        """Make %px and its kind act on this view, with names that end in `suffix`."""
        from mpirepl import _px

        _px.activate(self, suffix)
        try:
            from mpirepl import magics
        except ImportError:
            return  # without IPython there is no shell that could have them, too
        magics.activate(self, suffix)


def _said(name: str, fromlist: tuple | None) -> str:
    return f"importing {','.join(fromlist)} from {name}" if fromlist else f"importing {name}"


class BroadcastView(DirectView):
    """A direct view under the name of the one that broadcasts, which all do here."""

    is_coalescing = False
