"""The front end on IPython's terminal shell: its editor, completion, history and configuration.

The shell reads cells; they run like all others, on the targets. Magics about the editor and its
history run in the shell itself, all others of IPython on the targets (see _rank_shell.py).
"""

import ast
import asyncio
import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable

import _mpirepl
from IPython.core.debugger import InterruptiblePdb
from IPython.core.displayhook import DisplayHook
from IPython.core.error import UsageError
from IPython.core.interactiveshell import ExecutionResult
from IPython.core.macro import Macro
from IPython.core.magic import no_var_expand
from IPython.core.magics import code
from IPython.core.splitinput import LineInfo
from IPython.terminal import interactiveshell, ipapp
from prompt_toolkit.application import Application, create_app_session, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import PromptSession
from traitlets import default

import __main__
from mpirepl import _compile, _help, _past, _rank_shell, _run, _terminal
from mpirepl._ipython_editor import Hidden, SessionPrompts, in_front, knowing_values

_FRONT_MAGICS = frozenset(
    """autocall automagic bookmark clear cls colors config cpaste doctest_mode ed edit hist history
    less load loadpy logoff logon logstart logstate logstop lsmagic macro magic man more notebook
    page paste pastebin pdef pdoc pfile pinfo pinfo2 precision psearch psource pycat quickref recall
    rep rerun""".split()  # noqa: SIM905
)


class TerminalInteractiveShell(
    _rank_shell.CellTracebacks, interactiveshell.TerminalInteractiveShell
):  # by this name %config knows it
    """IPython's shell; what it would run goes to the session."""

    front = None

    @default("prompts_class")
    def _prompts_with_targets(self) -> type:
        return SessionPrompts

    @default("confirm_exit")
    def _question_at_the_end(self) -> bool:
        return False

    @default("displayhook_class")
    def _displayhook_of_nested_code(self) -> type:
        return DisplayHook  # the terminal's own goes past the capture

    @property
    def debugger_cls(self) -> type:
        """The debugger that reads by input(): a cell asks as on any rank."""
        return InterruptiblePdb

    def run_cell(self, raw_cell: str, *args: object, **options: object) -> object:
        """Have a cell run next, on the targets; inside a cell (%%capture) run it here and now."""
        if not self.front.acts:
            return super().run_cell(raw_cell, *args, **options)
        self.front.pending.append((raw_cell, False))
        return ExecutionResult(_rank_shell.info())

    def safe_execfile(self, fname: str, *where: object, **options: object) -> None:
        """Have the text of a file, such as one that has been edited, run next."""
        if not self.front.acts:
            super().safe_execfile(fname, *where, **options)
            return
        with open(fname, encoding="utf-8") as file:
            self.front.pending.append((file.read(), False))

    def auto_rewrite_input(self, cmd: str) -> None:
        """Show what %autocall has made of a line, the whole of it on the terminal."""
        with _terminal.on_terminal():
            super().auto_rewrite_input(cmd)

    def _atexit_once(self) -> None:
        """Leave the terminal alone: it is not there any more."""


class TerminalIPythonApp(ipapp.TerminalIPythonApp):
    """Reads the user's configuration and makes the shell."""

    startup: tuple = ()

    def init_shell(self) -> None:
        """Make the shell in the session's namespace."""
        # IPython takes a history that is locked for longer for a broken one, and moves it away.
        if "connection_options" not in self.config.HistoryAccessor:
            self.config.HistoryAccessor.connection_options.update({"timeout": 60})
        self.shell = TerminalInteractiveShell.instance(
            parent=self,
            profile_dir=self.profile_dir,
            ipython_dir=self.ipython_dir,
            user_module=__main__,
        )
        self.shell.configurables.append(self)
        with contextlib.suppress(Exception):  # each cell is written, and shall not wait that long
            self.shell.history_manager.db.execute("PRAGMA busy_timeout = 10000")

    def init_banner(self) -> None:
        """Leave it to the session."""

    def init_crash_handler(self) -> None:
        """Leave it to the session."""

    def init_code(self) -> None:
        """Note what has to run at the start, on all ranks."""
        files: list[str] = []
        self._exec_file = files.append
        self._run_startup_files()
        files += self.exec_files
        self.startup = (*(_terminal.call_of_file(file) for file in files), *self.exec_lines)


class FrontEnd:
    """Reads cells for a session with IPython's editor."""

    editor = _terminal.PROMPT

    def __init__(self, session: object):
        from IPython import __version__

        self.name = f", IPython {__version__}"
        self.session = session
        self.pending: list[tuple[str, bool]] = []  # cells, and whether they are none of the user's
        self.hidden = False  # the cell that has been read is none of the user's
        self.acts = False  # a magic runs in the shell itself
        self._ranks_know = False
        self._line = 0
        self._typed = ""  # the cell that has been read, before its macro was put in
        self._interrupts = 0
        path, self._wishes = _mpirepl.terminal
        reading = io.TextIOWrapper(io.FileIO(path, "r"))
        os.set_blocking(reading.fileno(), False)  # Ctrl-C discards keys that it is about to read
        writing = io.TextIOWrapper(io.FileIO(path, "w"))
        colours = ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None
        self._answers = InMemoryHistory()
        self._input = create_input(reading)
        self._output = Vt100_Output.from_pty(
            writing, term=os.environ.get("TERM"), default_color_depth=colours
        )
        self._app = create_app_session(input=self._input, output=self._output)
        self._app.__enter__()  # for good: it ends when it is forgotten
        # Output of other threads shall go the way of all output, not past it.
        interactiveshell.patch_stdout = lambda raw: contextlib.nullcontext()
        code.ipython_input_pat = re.compile(r"<cell (\d+)>$")  # %edit knows what a cell defines
        Buffer._open_file_in_editor = in_front(Buffer._open_file_in_editor)  # F2 and others
        TerminalInteractiveShell.front = self
        with _rank_shell.keeping_names(), _terminal.on_terminal():
            app = self._make_app(colours is not None)
        self.shell = app.shell
        _rank_shell.use(self.shell)
        _past.begin(self.shell.cache_size)
        _run.on_value = self.showed
        self.pending += [(cell, True) for cell in app.startup]
        self._stubs = {"line": set(), "cell": set()}
        self._register(_help.SESSION_MAGICS | _help.RANK_MAGICS, "line")
        self._register(_help.CELL_MAGICS, "cell")
        self.shell.Completer.completions = knowing_values(self.shell.Completer.completions)

    @staticmethod
    def _make_app(colourless: bool) -> TerminalIPythonApp:
        hook = sys.excepthook
        app = TerminalIPythonApp.instance(log_level=30)
        app.config.TerminalInteractiveShell.simple_prompt = False
        app.config.TerminalInteractiveShell.term_title = False
        if colourless:
            app.config.InteractiveShell.colors = "NoColor"
        app.initialize([])
        sys.excepthook = hook
        return app

    def _register(self, helps: dict[str, str], kind: str) -> None:
        """Let the editor complete and explain the session's own magics, which come first."""
        for name, text in helps.items():
            if name not in self.shell.magics_manager.magics[kind]:
                self.shell.register_magic_function(self._magic(kind, name, text), kind, name)
                self._stubs[kind].add(name)

    def _magic(self, kind: str, name: str, text: str) -> Callable:
        """Return what runs where the session has not taken a magic of its own: in a statement."""

        @no_var_expand
        def magic(*arguments: str) -> object:
            if (kind, name, _run.targets) != ("line", "px", "0") or _mpirepl.size == 1:
                raise UsageError(f"%{name} acts on the session: put it before any code of the cell")
            from mpirepl import _px

            return _px.of_session().run_line(*arguments, self.session.targets)

        magic.__doc__ = text
        return magic

    def _configuration(self) -> str:
        """Return what the user has configured as JSON, as far as that can hold it."""
        config: dict[str, dict] = {}
        for section, values in self.shell.config.items():
            for name, value in values.items():
                with contextlib.suppress(TypeError):
                    json.dumps(value)  # it fails for what JSON cannot hold
                    config.setdefault(section, {})[name] = value
        app = self.shell.parent  # its configuration may hold no lists, but what to add to them
        config["RankShell"] = {
            "extensions": [*app.extensions, *app.extra_extensions],
            "cache_size": self.shell.cache_size,
        }
        return json.dumps(config)

    @property
    def magics(self) -> set[str]:
        """The line magics that IPython has; extensions add to them."""
        return self.shell.magics_manager.magics["line"].keys() - self._stubs["line"]

    @property
    def interactivity(self) -> str:
        """Which statements of a cell show their values."""
        return self.shell.ast_node_interactivity

    @property
    def change(self) -> Callable | None:
        """What changes the tree of a cell, if the user has asked for that."""
        return self.shell.transform_ast if self.shell.ast_transformers else None

    @property
    def cell_magics(self) -> set[str]:
        """The cell magics that IPython has."""
        return self.shell.magics_manager.magics["cell"].keys() - self._stubs["cell"]

    def read(self) -> str | None:
        """Return the next cell; None when the user leaves."""
        while not self.pending:
            self.shell.execution_count = self.session.number + 1
            try:
                with _terminal.editing(_terminal.PROMPT):
                    _terminal.write(self.shell.separate_in)
                    self._prepare(self.shell.pt_app)
                    text = self.shell.prompt_for_code()
            except EOFError:
                if self._may_leave():
                    return None
                continue
            except KeyboardInterrupt:
                continue
            if text and text.strip():
                self._remember(text)
                self.pending.append((text, False))
        if not self._ranks_know:  # before the first cell: the first prompt need not wait for it
            self._ranks_know = True
            telling = _compile.call_of_magic("ipython", self._configuration())
            self.pending.insert(0, (telling, True))
        self._typed, self.hidden = self.pending.pop(0)
        return self._with_macro(self._typed)

    @staticmethod
    def _with_macro(text: str) -> str:
        """Return what a line stands for that begins with the name of a macro: cells, with magics.

        IPython would put it in after the session has looked for its own, and for the source lines.
        """
        if "\n" in text.rstrip("\n"):
            return text
        macro = vars(__main__).get(LineInfo(text).ifun)
        return macro.value if isinstance(macro, Macro) else text

    def _may_leave(self) -> bool:
        if not self.shell.confirm_exit:
            return True
        with _terminal.on_terminal():
            return self.shell.ask_yes_no("Do you really want to exit ([y]/n)?", "y", "n")

    def _remember(self, text: str) -> None:
        """Write a cell into IPython's history file."""
        history = self.shell.history_manager
        self._line += 1
        with history.db_input_cache_lock:
            history.db_input_cache.append((self._line, text.rstrip("\n"), text.rstrip("\n")))
        with contextlib.suppress(Exception):
            history.writeout_cache()

    def _prepare(self, editor: PromptSession) -> None:
        """Have the editor do what the session wants from it, and forget keys before a Ctrl-C."""
        interrupts = _mpirepl.interrupts()
        if interrupts != self._interrupts:
            clear_typeahead(self._input)
            self._interrupts = interrupts

        def begin() -> None:
            asyncio.get_running_loop().add_reader(self._wishes, self._obey, editor.app)

        editor.app.pre_run_callables.append(begin)

    def _obey(self, app: Application) -> None:
        """Make room for output, draw the line anew where the cursor is now, or give up."""
        wanted = os.read(self._wishes, 4096)
        if b"c" in wanted and not app.is_done:
            app.exit(exception=KeyboardInterrupt, style="class:aborting")
        if b"r" in wanted:
            app.output.write_raw("\r")
            app.output.erase_down()
            app.renderer.reset()
            app.invalidate()
        if b"m" in wanted:
            run_in_terminal(_mpirepl.make_room)

    def ask(self, prompt: str, hidden: bool) -> str:
        """Ask for a line of input of a cell; raise EOFError or KeyboardInterrupt."""
        history = None if hidden else self._answers
        editor = PromptSession(input=self._input, output=self._output, history=history)
        self._prepare(editor)
        return editor.prompt(ANSI(prompt), input_processors=[Hidden()] if hidden else [])

    def took(self, number: int, text: str) -> None:
        """Note that a cell has got this number: In, _i and their like."""
        text = text.rstrip("\n")
        self.shell.history_manager.input_hist_raw.append(self._typed.rstrip("\n"))
        _past.took(number, text)
        self.shell.logger.log(text + "\n", text + "\n")

    def showed(self, value: object, previous: object, text: str) -> None:
        """Note the value of a cell on this rank: Out, __ and their like, and for %hist -o."""
        _past.showed(value, previous, text)
        self.shell.history_manager.output_hist_reprs[self.session.number] = text
        if self.shell.logger.log_output:
            self.shell.logger.log_write(text, "output")

    def transform(self, source: bytes) -> bytes:
        """Replace IPython's own syntax with calls, and keep the numbers of its lines."""
        text = source.decode("utf-8", "surrogateescape")
        blank = re.match(r"(?:[ \t]*\n)*", text)[0]  # where magics have been; IPython removes it
        text = blank + self.shell.transform_cell(text[len(blank) :])
        return text.encode("utf-8", "surrogateescape")

    def run_own(self, source: bytes) -> bool:
        """Run a cell that is no more than a magic about the editor, and tell whether it was one."""
        if b"get_ipython" not in source:
            return False
        try:
            call = _only_call(ast.parse(source))
        except SyntaxError:
            return False
        if call is None or not _is_for_front(*call):
            return False
        if text := self._explained(*call):
            _terminal.tell(text.rstrip("\n") + "\n")
            return True
        method, *arguments = call
        with _terminal.on_terminal(), _past.last_value_in(self.shell.user_ns):
            self.acts = True
            try:
                value = getattr(self.shell, method)(*arguments)
                if value is not None:
                    print(repr(value) if isinstance(value, str) else value)
            except Exception as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            finally:
                self.acts = False
        return True

    def _explained(self, _: str, magic: str = "", argument: str = "") -> str | None:
        """Return the help that a call asks for, if that is on the session's own magics or on exit.

        IPython would explain its own magics of the same names.
        """
        if magic not in ("pinfo", "pinfo2") or self.session.leaves(argument.lstrip("%")):
            return None
        leaving = argument in ("exit", "quit") and argument not in vars(__main__)
        return _help.find("%quit" if leaving else argument)


def _is_for_front(method: str, magic: str = "", argument: str = "") -> bool:
    """Tell whether a call is about the editor: what it defines or restores is for the ranks."""
    if method != "run_line_magic":
        return method == "show_usage"
    if magic == "alias":
        return not argument
    if magic == "store":
        return "-r" not in argument.split()
    return magic in _FRONT_MAGICS


def _only_call(tree: ast.Module) -> tuple[str, ...] | None:
    """Return method and arguments if a cell is one call as magics become: of a few strings."""
    match tree.body:
        case [ast.Expr(ast.Call(func=ast.Attribute(attr=method), args=[*arguments]))] if all(
            isinstance(argument, ast.Constant) for argument in arguments
        ):
            values = [argument.value for argument in arguments]
            if len(values) < 3 and all(isinstance(value, str) for value in values):
                return method, *values
    return None
