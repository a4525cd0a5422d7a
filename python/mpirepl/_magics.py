"""The magics that run on the ranks."""

import builtins
import contextlib
import glob
import os
import re
import shlex
import string
import subprocess
import sys
import time
import types
from collections.abc import Iterator

import _mpirepl

import __main__
from mpirepl import _compile, _run, _sources


def run(name: str, argument: str) -> object:
    """Run one magic, or a shell command under the names ``!`` and ``!!`` (its lines returned)."""
    if name == "!":
        return _shell(argument)
    if name == "!!":
        return _shell_lines(argument)
    for kind in ("pxconfig", "pxresult"):
        if name.startswith(kind):
            return _about_px(kind, name.removeprefix(kind), argument)
    return globals()[f"_do_{name}"](argument)


def _about_px(kind: str, suffix: str, argument: str) -> None:
    from mpirepl import _px

    px = _px.of_session(suffix)
    (px.configure if kind == "pxconfig" else px.show_result)(argument)


def _shell(command: str) -> None:
    _run.flush()
    status = subprocess.call(expanded(command), shell=True, executable=_users_shell())
    vars(__main__)["_exit_code"] = status


def _shell_lines(command: str) -> list[str]:
    done = subprocess.run(
        expanded(command),
        shell=True,
        executable=_users_shell(),
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    vars(__main__)["_exit_code"] = done.returncode
    lines = done.stdout.splitlines()
    if not hasattr(builtins, "get_ipython"):
        return lines
    from IPython.utils.text import SList  # what users of IPython expect: lines.s, lines.grep()

    return SList(lines)


def _users_shell() -> str | None:
    shell = os.environ.get("SHELL", "")
    return shell if os.access(shell, os.X_OK) else None


def _filled(text: str) -> str:
    """Fill in ``{expression}`` and ``{expression:format}``."""
    formatter, pieces = string.Formatter(), []
    for literal, expression, form, conversion in formatter.parse(text):
        pieces.append(literal)
        if expression is None:
            continue
        if form and not conversion and _is_expression(f"{expression}:{form}"):
            expression, form = f"{expression}:{form}", ""  # as in "a:b".upper()
        value = formatter.convert_field(eval(expression, vars(__main__)), conversion)
        pieces.append(format(value, _filled(form)))
    return "".join(pieces)


def _is_expression(text: str) -> bool:
    try:
        compile(text.strip(), "<command>", "eval")
    except SyntaxError:
        return False
    return True


def expanded(command: str) -> str:
    """Fill in ``{expression}`` and ``$name`` as IPython does; what fails stays as it is."""
    with contextlib.suppress(Exception):
        command = _filled(command)

    def value(match: re.Match) -> str:
        if match[1]:
            return "$"
        names = vars(__main__)
        return str(names[match[2]]) if match[2] in names else match[0]

    return re.sub(r"\$(?:(\$)|([A-Za-z_]\w*))", value, command)


def _do_px(targets_and_code: str) -> object:
    """Run the code of a %px that stands among the code of rank 0."""
    from mpirepl import _px

    targets, _, line = targets_and_code.partition(" ")
    return _px.of_session().run_line(line, targets)


def _do_time(code: str) -> None:
    name = "<time>"
    source = code.encode() + b"\n"
    codes = _compile.cell(source, name, 0)
    _sources.remember(name, source)
    begin = time.perf_counter()
    try:
        _run.execute(codes, vars(__main__))
    finally:
        _run.note_time(time.perf_counter() - begin)


def _do_debug(argument: str) -> None:
    import pdb

    traceback = getattr(sys, "last_traceback", None)
    if traceback is None:
        raise ValueError(f"%debug: nothing has failed on rank {_mpirepl.rank}")
    pdb.post_mortem(traceback)


def debug_at_once() -> None:
    """Look into the error that has just been shown."""
    import pdb

    class Debugger(pdb.Pdb):
        begun = False

        def message(self, msg: str) -> None:
            """Tell where it begins as a part of the error: output would come before that."""
            if self.begun:
                super().message(msg)
            else:
                _run.emit(_run.ERROR, msg)

        def cmdloop(self, intro: str | None = None) -> None:
            self.begun = True
            super().cmdloop(intro)

    debugger = Debugger()
    debugger.reset()
    debugger.interaction(None, sys.last_traceback)


def _do_ipython(argument: str) -> None:
    from mpirepl import _rank_shell

    builtins.get_ipython = _rank_shell.get
    _rank_shell.configure(argument)


def _do_startup(file: str) -> None:
    if not os.path.isfile(file):
        raise FileNotFoundError(f"there is no start-up file {file!r} (PYTHONSTARTUP, exec_files)")
    _run_file(file, in_session=True, as_main=True)


def _run_ipython_file(path: str) -> None:
    from mpirepl import _rank_shell

    shell = _rank_shell.get()
    shell._showtraceback = lambda *error: None  # the cell shows it
    try:
        with _named_file(path):
            shell.safe_execfile_ipy(path, raise_exceptions=True)
    finally:
        del shell._showtraceback


def _do_who(types_wanted: str) -> None:
    wanted = types_wanted.split()
    names = sorted(
        name for name, value in user_names().items() if not wanted or type(value).__name__ in wanted
    )
    _run.flush()
    none = (
        "No variables match your requested type." if wanted else "Interactive namespace is empty."
    )
    _run.emit(_run.REPORT, "\t".join(names) or none)


def _do_reset(argument: str) -> None:
    from mpirepl import _past

    parts = [word for word in argument.split() if word not in ("-f", "-s")]
    if unknown := set(parts) - {"in", "out", "dhist", "array"}:
        raise ValueError(f"%reset removes in, out, dhist, array or all, but no {min(unknown)!r}")
    arrays = getattr(sys.modules.get("numpy"), "ndarray", ())
    for name, value in user_names(underscored=True).items():
        if not parts or ("array" in parts and isinstance(value, arrays)):
            del vars(__main__)[name]
    if not parts or "out" in parts:
        _past.forget_values()
    if "in" in parts:
        _past.forget_inputs()


def user_names(underscored: bool = False) -> dict[str, object]:
    """Return the names that cells have defined, with or without those that begin with _."""
    return {
        name: value
        for name, value in vars(__main__).items()
        if name not in _run.initial_names and (underscored or not name.startswith("_"))
    }


def _do_run(argument: str) -> None:
    words = shlex.split(argument)
    options = set()
    while words and re.fullmatch(r"-[a-zA-Z]+", words[0]):
        options.update(words.pop(0)[1:])
    if unknown := sorted(options - set("Geimnt")):
        raise ValueError(f"%run has no -{unknown[0]}: %prun profiles, %debug looks into errors")
    if not words:
        raise ValueError("%run needs the name of a file (%run FILE [ARGS]) or -m MODULE")
    if "G" not in options:
        words[1:] = [name for word in words[1:] for name in sorted(glob.glob(word)) or [word]]
    begin = time.perf_counter()
    with _arguments(words):
        try:
            if "m" in options:
                _run_module(words[0])
            else:
                _run_file(words[0], "i" in options, "n" not in options)
        except SystemExit as exit:  # ends the file, not the session
            if exit.code and "e" not in options:
                left = RuntimeError(f"the file has left with SystemExit: {exit.code}")
                raise left.with_traceback(exit.__traceback__) from None
    if "t" in options:
        _run.note_time(time.perf_counter() - begin)


def _into_session(names: dict[str, object]) -> None:
    vars(__main__).update(
        (name, value)
        for name, value in names.items()
        if not (name.startswith("__") and name.endswith("__"))
    )


def _run_module(name: str) -> None:
    import runpy
    from importlib.util import find_spec

    if find_spec(name) is None:
        raise ModuleNotFoundError(f"%run: there is no module {name!r}", name=name)
    _into_session(runpy.run_module(name, run_name="__main__", alter_sys=True))


def _run_file(file: str, in_session: bool, as_main: bool) -> None:
    path = os.path.expanduser(file)
    if not os.path.exists(path) and os.path.exists(path + ".py"):
        path += ".py"
    if not os.path.isfile(path):
        raise FileNotFoundError(f"%run: there is no file {file!r}")
    path = os.path.abspath(path)
    if path.endswith(".ipy"):
        _run_ipython_file(path)
        return
    with open(path, "rb") as opened:
        code = compile(opened.read(), path, "exec", 0, True)
    if in_session:
        with _named_file(path):
            exec(code, vars(__main__))
        return
    main = types.ModuleType("__main__" if as_main else os.path.splitext(os.path.basename(path))[0])
    main.__file__ = path
    main.__builtins__ = __builtins__
    _kept.append(main)
    with _in_place(main if as_main else __main__, os.path.dirname(path)):
        try:
            exec(code, vars(main))
        finally:
            _into_session(vars(main))


@contextlib.contextmanager
def _in_place(main: types.ModuleType, directory: str) -> Iterator[None]:
    """Make `main` the module that pickle finds, and let it import from its directory."""
    session = sys.modules["__main__"]
    sys.modules["__main__"] = main
    sys.path.insert(0, directory)
    try:
        yield
    finally:
        sys.modules["__main__"] = session
        with contextlib.suppress(ValueError):
            sys.path.remove(directory)


_kept: list[types.ModuleType] = []  # functions of a file that was run need its globals


@contextlib.contextmanager
def _arguments(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = list(words)
    try:
        yield
    finally:
        sys.argv = before


@contextlib.contextmanager
def _named_file(path: str) -> Iterator[None]:
    """Let a file that runs among the names of the session find its own."""
    names = vars(__main__)
    before = names.get("__file__")
    names["__file__"] = path
    try:
        yield
    finally:
        if before is None:
            names.pop("__file__", None)
        else:
            names["__file__"] = before
