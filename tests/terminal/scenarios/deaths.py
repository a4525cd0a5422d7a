"""What dies, and what is left: a terminal as before, and no process."""

import os
import re
import signal

from scene import Scene, scenario
from terminal import Terminal, expect

from scenarios import know_rank

# A shell; the terminal's answer to IPython would come to it when IPython has just been killed.
SHELL = {
    "command": "bash --norc --noprofile -i",
    "environment": {"PS1": "shell> ", "PROMPT_TOOLKIT_NO_CPR": "1"},
}


def is_dead(t: Terminal) -> None:
    """Wait for the end with whatever status but 0."""
    t.until(lambda: t.status() is not None, "the end")
    t.ends(t.status())
    expect(t.status() != 0, "the status is 0")


def start_children(t: Terminal) -> None:
    """Have each rank start a process that goes on, and wait for another."""
    t.cell("import subprocess; other = subprocess.Popen(['sleep', '1000'])")
    t.run("print('begun'); subprocess.run(['sleep', '1000'])")
    t.reports("stdout", "begun", "0-2")


@scenario()
def rank_0_killed(t: Terminal):
    """SIGKILL of rank 0 at the prompt."""
    t.prompt()
    t.signal(t.rank(0), signal.SIGKILL)
    is_dead(t)


@scenario()
def rank_0_killed_in_a_cell(t: Terminal):
    """SIGKILL of rank 0 in a cell."""
    t.run("import time; print('begun'); time.sleep(1000)")
    t.reports("stdout", "begun", "0-2")
    t.signal(t.rank(0), signal.SIGKILL)
    is_dead(t)


@scenario()
def other_rank_killed(t: Terminal):
    """SIGKILL of another rank at the prompt."""
    t.prompt()
    t.signal(t.rank(2), signal.SIGKILL)
    is_dead(t)


@scenario()
def other_rank_killed_in_a_cell(t: Terminal):
    """SIGKILL of another rank in a cell."""
    t.run("import time; print('begun'); time.sleep(1000)")
    t.reports("stdout", "begun", "0-2")
    t.signal(t.rank(1), signal.SIGKILL)
    is_dead(t)


@scenario()
def mpiexec_killed(t: Terminal):
    """SIGKILL of mpiexec at the prompt."""
    t.prompt()
    t.signal(t.launcher(), signal.SIGKILL)
    t.ends(137)


@scenario()
def mpiexec_killed_in_a_cell(t: Terminal):
    """SIGKILL of mpiexec in a cell."""
    t.run("import time; print('begun'); time.sleep(1000)")
    t.reports("stdout", "begun", "0-2")
    t.signal(t.launcher(), signal.SIGKILL)
    t.ends(137)


@scenario()
def mpiexec_terminated(t: Terminal):
    """SIGTERM to mpiexec at the prompt."""
    t.prompt()
    t.signal(t.launcher(), signal.SIGTERM)
    is_dead(t)


@scenario()
def mpiexec_interrupted(t: Terminal):
    """SIGINT to mpiexec from elsewhere ends the job."""
    t.prompt()
    t.signal(t.launcher(), signal.SIGINT)
    is_dead(t)


@scenario()
def segmentation_fault_of_rank_0(t: Terminal):
    """SIGSEGV of rank 0: its report, and then the end."""
    know_rank(t)
    t.run("import ctypes; rank == 0 and ctypes.string_at(0)")
    is_dead(t)
    expect("SIGSEGV" in t.text() or "Segmentation fault" in t.text(), "there is no report")


@scenario()
def segmentation_fault_of_another_rank(t: Terminal):
    """SIGSEGV of another rank: its report names it."""
    know_rank(t)
    t.run("import ctypes; rank == 2 and ctypes.string_at(0)")
    is_dead(t)
    expect(re.search(r"^mpirepl: rank 2 ", t.text(), re.MULTILINE), "there is no report of rank 2")


@scenario()
def closed_window(t: Terminal):
    """The window is closed at the prompt."""
    t.prompt()
    t.close()
    t.nothing_is_left()


@scenario()
def closed_window_in_a_cell(t: Terminal):
    """The window is closed while a cell runs."""
    t.run("import time; print('begun'); time.sleep(1000)")
    t.reports("stdout", "begun", "0-2")
    t.close()
    t.nothing_is_left()


@scenario(**SHELL)
def closed_window_with_a_shell(t: Terminal, scene: Scene):
    """The window is closed; a shell with job control was around the session."""
    t.asks("shell> ")
    t.type(f"mpiexec -n 2 {scene.mpirepl}\r")
    t.prompt()
    t.close()
    t.nothing_is_left()


@scenario(**SHELL)
def shell_after_mpiexec_was_killed(t: Terminal, scene: Scene):
    """A shell takes the terminal back as it was, and the user sees what he types."""
    t.asks("shell> ")
    t.type(f"mpiexec -n 2 {scene.mpirepl}\r")
    t.prompt()
    t.signal(t.launcher(), signal.SIGKILL)
    t.asks("shell> ")
    t.type("echo one; exit 0\r")
    t.ends(0)
    expect("\none\n" in t.text(), "the shell does not work as before")


LATE = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
pid_t tcgetpgrp(int fd) {
    pid_t (*look)(int) = (pid_t (*)(int))dlsym(RTLD_NEXT, "tcgetpgrp");
    pid_t seen = look(fd);
    usleep(500000);
    return seen;
}
"""


@scenario(**SHELL)
def shell_that_takes_the_terminal_first(t: Terminal, scene: Scene):
    """Who would put the terminal back is too late: the shell's prompt and modes are let alone."""
    t.asks("shell> ")
    shells = t.processes()
    t.type(f"mpiexec -n 2 {scene.replacing(LATE)}\r")
    t.prompt()
    t.signal(t.launcher(), signal.SIGKILL)
    t.until(lambda: t.processes() == shells, "the end of all but the shell")
    t.asks("shell> ")
    t.type("echo one; exit 0\r")
    t.ends(0)
    expect(t.text().count("shell> ") == 2, "the shell had to show its prompt again")
    expect("\none\n" in t.text(), "the shell does not work as before")


@scenario()
def children_of_a_killed_mpiexec(t: Terminal):
    """What cells have started ends with mpiexec, however it dies."""
    start_children(t)
    t.signal(t.launcher(), signal.SIGKILL)
    t.ends(137)


@scenario()
def children_of_a_killed_rank_0(t: Terminal):
    """What cells have started ends with a session that loses rank 0."""
    start_children(t)
    t.signal(t.rank(0), signal.SIGKILL)
    is_dead(t)


@scenario()
def children_of_another_killed_rank(t: Terminal):
    """What cells have started ends with a session that loses a rank."""
    start_children(t)
    t.signal(t.rank(2), signal.SIGKILL)
    is_dead(t)


@scenario()
def children_in_a_closed_window(t: Terminal):
    """What cells have started ends with the window."""
    start_children(t)
    t.close()
    t.nothing_is_left()


@scenario()
def children_of_a_session_that_ends(t: Terminal):
    """What a cell has left running on purpose goes on, as after python."""
    t.cell("import subprocess; other = subprocess.Popen(['sleep', '1000'])")
    pids = [int(pid) for pid in re.findall(r"pid=(\d+)", t.cell("print(f'pid={other.pid}')"))]
    t.run("exit")
    t.until(lambda: t.status() is not None, "the end")
    expect(len(pids) == 3, f"these are not the children of three ranks: {pids}")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    t.ends(0)


@scenario()
def abort(t: Terminal):
    """MPI_Abort does not end an interactive session."""
    know_rank(t)
    t.run("rank == 1 and comm.Abort(3)")
    t.number += 1
    t.prompt()
    expect("Out[1:3]: 1" in t.cell("rank"), "rank 1 is gone")
