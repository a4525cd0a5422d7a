"""Scenarios: functions with a scene, that is a home directory and the terminals opened in it."""

from __future__ import annotations

import inspect
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stack import Setup
from terminal import Terminal

PLAIN, IPYTHON = "plain", "ipython"
FRONT_ENDS = (PLAIN, IPYTHON)


@dataclass
class Scenario:
    """A story about one session; with two front ends it is told twice."""

    name: str
    front: str
    tell: Callable[..., None]
    ranks: int
    options: str
    command: str | None
    environment: dict[str, str | None]
    answers: bool

    @property
    def title(self) -> str:
        """Its name on the command line."""
        return f"{self.name}/{self.front}" if self.front else self.name


SCENARIOS: list[Scenario] = []


def scenario(
    *fronts: str,
    ranks: int = 3,
    options: str = "",
    command: str | None = None,
    environment: dict[str, str | None] | None = None,
    answers: bool = True,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a scenario of a function that takes a terminal `t`, a `scene`, or both.

    Parameters
    ----------
    fronts
        The front ends of the prompt; both when none is named.
    ranks, options
        Of mpirepl, that the terminal runs under mpiexec.
    command
        What it runs instead; ``{mpirepl}`` stands for mpirepl and the option for the front end. An
        empty command opens no terminal: the scenario does so itself.
    environment
        Variables that the command has besides the usual ones, or, if None, has not.
    answers
        Whether the terminal tells its cursor's position.
    """

    def add(tell: Callable[..., None]) -> Callable[..., None]:
        name = tell.__name__.replace("_", "-")
        for front in fronts or FRONT_ENDS:
            SCENARIOS.append(
                Scenario(name, front, tell, ranks, options, command, environment or {}, answers)
            )
        return tell

    return add


@dataclass
class Scene:
    """A home directory and the terminals opened in it; `front` is the front end meant."""

    setup: Setup
    base: Path
    mark: str
    story: Scenario
    terminals: list[Terminal] = field(default_factory=list)

    @property
    def front(self) -> str:
        """The front end that the scenario is told of."""
        return self.story.front

    @property
    def home(self) -> Path:
        """The home and working directory of all commands."""
        return self.base / "home"

    @property
    def temporary(self) -> Path:
        """TMPDIR: what a killed mpiexec leaves there would stop a later one with its number."""
        return self.base / "tmp"

    @property
    def mpirepl(self) -> str:
        """How mpirepl is called for the front end that is meant."""
        return "mpirepl --plain" if self.front == PLAIN else "mpirepl"

    def session(self, ranks: int = 3, options: str = "") -> Terminal:
        """Open a terminal with a session on so many ranks."""
        return self.open(f"mpiexec -n {ranks} {self.mpirepl} {options}")

    def open(self, command: str) -> Terminal:
        """Open a terminal in which this command runs."""
        name = f"terminal-{len(self.terminals)}"
        notes = self.base / name
        notes.mkdir()
        answers = self.story.answers
        terminal = Terminal(command, notes, self._environment(), f"{self.mark}-{name}", answers)
        self.terminals.append(terminal)
        return terminal

    def file(self, name: str, text: str = "", executable: bool = False) -> Path:
        """Write a file into the home directory."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if executable:
            path.chmod(0o755)
        return path

    def replacing(self, source: str) -> str:
        """How mpirepl is called so that functions of this C source replace a library's."""
        code, library = self.file("replacing.c", source), self.home / "replacing.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, code], check=True)
        return f"env LD_PRELOAD={library} {self.mpirepl}"

    @property
    def history(self) -> Path:
        """The history, which IPython and mpirepl share."""
        return self.home / ".ipython" / "profile_default" / "history.sqlite"

    def configure(self, text: str) -> None:
        """Write the user's configuration of IPython."""
        self.file(".ipython/profile_default/ipython_config.py", f"c = get_config()\n{text}")

    def _environment(self) -> dict[str, str]:
        home = str(self.home)
        wanted = self.setup.environment | {
            "HOME": home,
            "PWD": home,
            "TMPDIR": str(self.temporary),
            "IPYTHONDIR": f"{home}/.ipython",
            "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_DATA_HOME": f"{home}/.local/share",
            "XDG_STATE_HOME": f"{home}/.local/state",
            "XDG_CACHE_HOME": f"{home}/.cache",
            "TERM": "xterm-256color",
            "NO_COLOR": "1",
            "SHELL": "/bin/sh",
            "INPUTRC": "/dev/null",
        }
        for name in ("COLORTERM", "COLUMNS", "LINES", "EDITOR", "VISUAL", "PAGER"):
            wanted.pop(name, None)
        for name, value in self.story.environment.items():
            wanted.pop(name, None)
            if value is not None:
                wanted[name] = value.replace("{home}", home)
        return wanted


def play(story: Scenario, setup: Setup, base: Path, mark: str) -> None:
    """Tell a scenario once, and see that its terminals are left as they were found.

    Raises
    ------
    Exception
        What went wrong, with notes that describe the terminals.
    """
    scene = Scene(setup, base, mark, story)
    scene.home.mkdir()
    scene.temporary.mkdir()
    try:
        if story.command is None:
            scene.session(story.ranks, story.options)
        elif story.command:
            scene.open(story.command.replace("{mpirepl}", scene.mpirepl))
        given = {"t": next(iter(scene.terminals), None), "scene": scene}
        story.tell(*(given[name] for name in inspect.signature(story.tell).parameters))
        for terminal in scene.terminals:
            terminal.leave()
    except BaseException as error:
        for terminal in scene.terminals:
            error.add_note(terminal.describe())
        raise
    finally:
        for terminal in scene.terminals:
            terminal.put_away()
