"""What %px and its kind do, in a session of cells and in IPython shells of rank 0."""

import argparse
import shlex
import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress

import _mpirepl

from mpirepl import _output, error


class UsageError(Exception):
    """A magic was misused; the text is one sentence for the user."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise UsageError(f"{self.prog}: {message}")

    def parsed(self, line: str) -> argparse.Namespace:
        """Return the options on the line of a magic."""
        try:
            return self.parse_args(shlex.split(line))
        except ValueError as problem:  # a quotation that does not end
            self.error(str(problem))


def _flag(parser: _Parser, name: str, no: str, dest: str) -> None:
    parser.add_argument(name, dest=dest, action="store_true", default=None)
    parser.add_argument(no, dest=dest, action="store_false")


def _parser(name: str) -> _Parser:
    return _Parser(prog=name, add_help=False)


def _add_execution(parser: _Parser) -> _Parser:
    _flag(parser, "--block", "--noblock", "block")
    parser.add_argument("-a", dest="block", action="store_false")
    _flag(parser, "--stream", "--no-stream", "stream")
    _flag(parser, "--verbose", "--no-verbose", "verbose")
    parser.add_argument("-t", "--targets")
    parser.add_argument("--progress-after", type=float)
    parser.add_argument("--signal-on-interrupt")
    return parser


def _add_output(parser: _Parser) -> _Parser:
    parser.add_argument("-r", dest="groupby", action="store_const", const="order")
    parser.add_argument("-e", dest="groupby", action="store_const", const="engine")
    parser.add_argument(
        "--group-outputs", dest="groupby", choices=["engine", "order", "type"], default="type"
    )
    parser.add_argument("-o", "--out")
    parser.set_defaults(groupby="type")
    return parser


def _signal(text: str) -> object:
    return int(text) if text.isdigit() else text


class Px:
    """Runs code on the engines of a view and shows what it prints.

    Parameters
    ----------
    view : DirectView
    define : callable
        Gives a value a name for the user.
    """

    def __init__(self, view: object, define: Callable):
        self.view = view
        self.define = define
        self.verbose = False
        self.stream = False
        self.progress_after = 2.0
        self.signal_on_interrupt: object = "SIGINT"
        self.last_result = None
        self.follows_targets = False  # of the session, that is %targets

    def _targets(self, text: str) -> object:
        """Return the targets that an option names, as a view has them."""
        client = self.view.client
        if text == "all":
            return "all"
        if ":" in text:
            numbers = [int(part) if part.strip() else None for part in text.split(":")]
            return client.ids[slice(*numbers)]
        if text.lstrip("-").isdigit():
            return client._chosen(int(text))[0][0]
        try:
            return list(_mpirepl.ranks(text.strip("[] ")))
        except ValueError as problem:
            raise UsageError(str(problem)) from None

    def configure(self, line: str) -> None:
        """Set what %px uses by default."""
        args = _add_execution(_parser("%pxconfig")).parsed(line)
        if args.targets:
            self.view.targets = self._targets(args.targets)
            self.follows_targets = False
        if args.block is not None:
            self.view.block = args.block
        if args.verbose is not None:
            self.verbose = args.verbose
        if args.stream is not None:
            self.stream = args.stream
        if args.progress_after is not None:
            self.progress_after = args.progress_after
        if args.signal_on_interrupt is not None:
            self.signal_on_interrupt = _signal(args.signal_on_interrupt)

    def run_cell(self, line: str, cell: str, run_local: Callable) -> object:
        """Run a cell on the engines, with options for this once."""
        parser = _add_output(_add_execution(_parser("%%px")))
        parser.add_argument("--local", action="store_true")
        args = parser.parsed(line)
        if args.local:
            run_local(cell)
        flags = {}
        if args.targets:
            flags["targets"] = self._targets(args.targets)
        if args.block is not None:
            flags["block"] = args.block
        sig = args.signal_on_interrupt
        verbose = self.verbose
        if args.verbose is not None:
            self.verbose = args.verbose
        try:
            with self.view.temp_flags(**flags):
                return self.run(
                    cell,
                    groupby=args.groupby,
                    name=args.out,
                    stream=args.stream,
                    progress_after=args.progress_after,
                    signal_on_interrupt=None if sig is None else _signal(sig),
                )
        finally:
            self.verbose = verbose

    def run_line(self, line: str, targets: str) -> object:
        """Run one line on the engines, those of `targets` if they follow the session's targets."""
        from mpirepl import _magic_text

        spec, code = _magic_text.targets_and_rest(line, False)
        if spec is None and self.follows_targets:
            spec = targets
        return self.run_cell("" if spec is None else f"--targets {spec}", code, run_here)

    def show_result(self, line: str = "") -> None:
        """Show what the last %px has come to."""
        args = _add_output(_parser("%pxresult")).parsed(line)
        if self.last_result is None:
            raise UsageError("%pxresult: there was no %px before")
        if args.out:
            self.define(args.out, self.last_result)
            return
        self.last_result.get()
        self.last_result.display_outputs(args.groupby)

    def run(
        self,
        code: str,
        groupby: str = "type",
        name: str | None = None,
        stream: bool | None = None,
        progress_after: float | None = None,
        signal_on_interrupt: object = None,
    ) -> object:
        """Run code on the view's engines; what it prints is shown if the view blocks."""
        view = self.view
        if self.verbose:
            kind = "Parallel" if view.block else "Async parallel"
            print(f"{kind} execution on engine(s): {_shortened(view.targets)}")
        result = view.execute(code, silent=False, block=False)
        result._fname = "%px"
        self.last_result = result
        if name:
            self.define(name, result)
        if not view.block:
            return result
        stream = self.stream if stream is None else stream
        after = self.progress_after if progress_after is None else progress_after
        try:
            with result.stream_output() if stream else nullcontext():
                self._wait(result, after)
            if stream:
                _output.show_rest(result)
            else:
                result.display_outputs(groupby)
        except KeyboardInterrupt:
            sig = self.signal_on_interrupt if signal_on_interrupt is None else signal_on_interrupt
            print(
                f"Received Keyboard Interrupt. Sending signal {sig} to engines...", file=sys.stderr
            )
            view.client.send_signal(sig, targets=_positions(view), block=True)
            result.wait(1)
            if not stream:
                _output.display(result, groupby)
            return None
        self._raise(result, stream)
        return None

    @staticmethod
    def _wait(result: object, progress_after: float) -> None:
        if progress_after > 0:
            result.wait(progress_after)
        if progress_after >= 0 and not result.done():
            with suppress(ImportError):  # no tqdm, no bar
                result.wait_interactive()
        result.wait()

    @staticmethod
    def _raise(result: object, stream: bool) -> None:
        try:
            result.get()
        except error.RemoteError as problem:
            if stream:
                raise _output.show_errors(problem) from None
            raise


def _positions(view: object) -> object:
    """Return a view's targets as a client takes them."""
    ids = view.client.ids
    return [ids.index(rank) for rank in view._ranks()]


def _shortened(targets: object) -> str:
    if isinstance(targets, list) and len(targets) > 10:
        return f"[{', '.join(map(str, targets[:4]))}, ..., {', '.join(map(str, targets[-4:]))}]"
    return str(targets)


_of_session: dict[str, Px] = {}  # by suffix
_KINDS = ("pxresult", "pxconfig", "px")


def of_session(suffix: str = "") -> Px:
    """Return the one that %%px with options, and this suffix, acts on in a session of cells."""
    if suffix not in _of_session:
        from mpirepl.client import Client

        activate(Client().direct_view(block=True), suffix)
        _of_session[suffix].follows_targets = True
    return _of_session[suffix]


def activate(view: object, suffix: str) -> None:
    """Let %px and its kind, with this suffix, act on a view in a session of cells."""
    import __main__

    _of_session[suffix] = Px(view, vars(__main__).__setitem__)


def configured() -> tuple[str | None, bool]:
    """Return the ranks that %px begins with, None for those of %targets, and whether it blocks."""
    px = _of_session.get("")
    if px is None:
        return None, True
    ranks = None if px.follows_targets else ",".join(map(str, px.view._ranks()))
    return ranks, bool(px.view.block)


def base_of(name: str) -> str | None:
    """Return px, pxresult or pxconfig if a magic is that with the suffix of a view."""
    for kind in _KINDS:
        if name.startswith(kind) and name != kind and name[len(kind) :] in _of_session:
            return kind
    return None


def run_here(code: str) -> None:
    """Run a cell on rank 0 too."""
    import __main__

    exec(compile(code, "<%%px --local>", "exec"), vars(__main__))
