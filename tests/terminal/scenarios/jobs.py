"""A shell with job control around the session."""

from scene import Scene, scenario
from terminal import CTRL_Z, ENTER, Terminal, expect

SHELL = {"command": "bash --norc --noprofile -i", "environment": {"PS1": "shell> "}}


def begin(t: Terminal, scene: Scene) -> None:
    """Start a session from the shell."""
    t.asks("shell> ")
    t.type(f"mpiexec -n 2 {scene.mpirepl}{ENTER}")
    t.prompt()


def begin_behind(t: Terminal, scene: Scene) -> None:
    """Start a session in the background, and wait until it would have a prompt."""
    t.asks("shell> ")
    t.type(f"mpiexec -n 2 {scene.mpirepl} &{ENTER}")
    t.until(lambda: sum("mpirepl" in name for name in t.names()) > 3, "the ranks and the keeper")


def leave_shell(t: Terminal) -> None:
    """Leave the session and then the shell."""
    t.prompt()
    t.type(f"exit{ENTER}")
    t.asks("shell> ")
    t.type(f"echo $?; jobs; exit 0{ENTER}")
    t.ends(0)
    expect("\n0\n" in t.text(), "the status was not 0, or the shell does not echo")


@scenario(**SHELL)
def session_from_a_shell(t: Terminal, scene: Scene):
    """The shell has the terminal as before when the session has ended."""
    begin(t, scene)
    expect("Out[1:1]: 2" in t.cell("1 + 1"), "a cell does not work")
    leave_shell(t)


@scenario(**SHELL)
def begun_in_the_background(t: Terminal, scene: Scene):
    """With & the terminal stays the shell's, and fg brings the prompt."""
    begin_behind(t, scene)
    t.type(f"echo one{ENTER}")
    t.until(lambda: "\none\n" in t.text(), "the shell's echo")
    expect("In [1]" not in t.text(), "the prompt is there already")
    t.type(f"fg{ENTER}")
    t.prompt()
    expect("Out[1:1]: 2" in t.cell("1 + 1"), "a cell does not work")
    leave_shell(t)


@scenario(**SHELL)
def closed_window_of_a_background_job(t: Terminal, scene: Scene):
    """A job that has never been in front ends with the window, also when its shell has left."""
    begin_behind(t, scene)
    t.type(f"disown{ENTER}")
    t.type(f"echo one{ENTER}")
    t.until(lambda: "\none\n" in t.text(), "the shell's echo")
    t.close()
    t.nothing_is_left()


@scenario(**SHELL)
def suspended_at_the_prompt(t: Terminal, scene: Scene):
    """Ctrl-Z gives the terminal back to the shell, fg comes back to the same line."""
    begin(t, scene)
    t.cell("kept = 42")
    t.type("ke")
    t.prompt("ke")
    t.type(CTRL_Z)
    t.asks("shell> ")
    t.type(f"echo the shell is back{ENTER}")
    t.until(lambda: "\nthe shell is back\n" in t.text(), "the shell's echo")
    t.asks("shell> ")
    t.type(f"fg{ENTER}")
    t.prompt("ke")
    expect("the shell is back" in t.visible(), "the shell's lines are gone from the screen")
    t.type(f"pt{ENTER}")
    t.number += 1
    t.prompt()
    expect("Out[1:2]: 42" in t.printed(2), "the line or the name is lost")
    leave_shell(t)


@scenario(**SHELL)
def suspended_in_a_cell(t: Terminal, scene: Scene):
    """Ctrl-Z while a cell runs; after fg the cell ends as it would have."""
    begin(t, scene)
    scene.file(
        "wait.py",
        "import os, time\nprint('early')\nwhile not os.path.exists('go'):\n"
        "    time.sleep(0.01)\nprint('late')\n",
    )
    t.run("import wait")
    t.reports("stdout", "early", "0-1")
    t.type(CTRL_Z)
    t.asks("shell> ")
    t.type(f"fg{ENTER}")
    scene.file("go")
    t.until(lambda: t.text().count("] late") == 2, "the end of the cell")
    t.number += 1
    leave_shell(t)


@scenario(**SHELL)
def output_while_suspended(t: Terminal, scene: Scene):
    """What a stopped job prints does not run over the shell; fg shows it."""
    begin(t, scene)
    scene.file(
        "wait.py",
        "import os, time\nprint('early')\nwhile not os.path.exists('go'):\n"
        "    time.sleep(0.01)\nfor i in range(2000):\n    print('late', i)\n"
        "open(f'done-{os.getpid()}', 'w').close()\n",
    )
    t.run("import wait")
    t.reports("stdout", "early", "0-1")
    t.type(CTRL_Z)
    t.asks("shell> ")
    scene.file("go")
    t.until(lambda: len([*scene.home.glob("done-*")]) == 2, "the end of the cell")
    t.type(f"echo the shell is undisturbed{ENTER}")
    t.until(lambda: "\nthe shell is undisturbed\n" in t.text(), "the shell's echo")
    t.asks("shell> ")
    expect("] late" not in t.text(), "the output runs over the shell")
    t.type(f"fg{ENTER}")
    t.number += 1
    t.prompt()
    for rank in range(2):
        expect(f"[stdout:{rank}] late 1999" in t.text(), "output is lost")
    leave_shell(t)


@scenario(**SHELL)
def suspended_twice(t: Terminal, scene: Scene):
    """It can be done again."""
    begin(t, scene)
    for _ in range(2):
        t.type(CTRL_Z)
        t.asks("shell> ")
        t.type(f"fg{ENTER}")
        t.prompt()
        expect("Out[1:" in t.cell("1 + 1"), "a cell does not work")
    leave_shell(t)


@scenario()
def ctrl_z_without_a_shell(t: Terminal):
    """Where nobody could continue the job Ctrl-Z does nothing."""
    t.prompt()
    t.type(CTRL_Z)
    expect("Out[1:1]: 2" in t.cell("1 + 1"), "the next cell does not work")
