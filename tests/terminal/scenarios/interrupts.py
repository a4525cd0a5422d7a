"""Ctrl-C while a cell runs, Ctrl-\\, deadlocks."""

import time

from scene import IPYTHON, PLAIN, Scene, scenario
from terminal import CTRL_BACKSLASH, CTRL_C, ENTER, Terminal, expect

from scenarios import answer_everywhere, know_rank, ranks_that_show

SOON = 20.0  # seconds; it is less than one on a quiet machine


def is_interrupted(t: Terminal, source: str, ranks: str, text: str | None = None) -> None:
    """Run a cell that prints "begun" on ranks, press Ctrl-C, and look at what comes of it."""
    t.run(source, text)
    t.reports("stdout", "begun", ranks)
    begin = time.monotonic()
    t.type(CTRL_C)
    t.reports("error", "Traceback.*", ranks)
    t.reports("error", "KeyboardInterrupt.*", ranks)
    t.number += 1
    t.prompt()
    took = time.monotonic() - begin
    expect(took < SOON, f"the prompt came after {took:.1f} s")
    expect("Out[2:" in t.cell("alive"), "the next cell does not work")


@scenario()
def ctrl_c_in_a_loop(t: Terminal):
    """Ctrl-C ends a loop of Python on all ranks."""
    t.cell("alive = 1")
    is_interrupted(t, "print('begun'); sum(0 for _ in iter(int, 1))", "0-2")


@scenario()
def ctrl_c_in_sleep(t: Terminal):
    """Ctrl-C ends time.sleep on all ranks."""
    t.cell("import time; alive = 1")
    is_interrupted(t, "print('begun'); time.sleep(1000)", "0-2")


@scenario()
def ctrl_c_in_a_subprocess(t: Terminal):
    """Ctrl-C ends waiting for a child, and the child."""
    t.cell("import subprocess; alive = 1")
    is_interrupted(t, "print('begun'); subprocess.run(['sleep', '1000'])", "0-2")


@scenario()
def ctrl_c_in_a_shell_command(t: Terminal):
    """Ctrl-C ends !commands."""
    t.cell("alive = 1")
    is_interrupted(t, "!echo begun; sleep 1000", "0-2")


@scenario()
def ctrl_c_in_os_system(t: Terminal):
    """Ctrl-C reaches children that Python waits for in C."""
    t.cell("import os; alive = 1")
    t.run("print('begun'); status = os.system('sleep 1000')")
    t.reports("stdout", "begun", "0-2")
    t.type(CTRL_C)
    t.number += 1
    t.prompt()
    expect("Out[2:" in t.cell("alive"), "the next cell does not work")


@scenario()
def ctrl_c_in_receive(t: Terminal):
    """Ctrl-C ends a receive for which nothing comes."""
    t.cell("alive = 1")
    t.magic("%guard grace 1000")
    know_rank(t)
    is_interrupted(t, "print('begun'); comm.recv(source=(rank + 1) % 3)", "0-2")


@scenario()
def ctrl_c_in_a_barrier(t: Terminal):
    """Ctrl-C ends a barrier to which one rank does not come, and what that does."""
    t.cell("import time; alive = 1")
    know_rank(t)
    source = "print('begun'); comm.Barrier() if rank < 2 else time.sleep(1000)"
    is_interrupted(t, source, "0-2")


@scenario()
def ctrl_c_on_one_rank(t: Terminal):
    """Ctrl-C concerns only the ranks that still run the cell."""
    t.cell("import time; alive = 1")
    know_rank(t)
    t.run("_ = rank == 2 and (print('begun'), time.sleep(1000))")
    t.reports("stdout", "begun", "2")
    t.type(CTRL_C)
    t.reports("error", "KeyboardInterrupt.*", "2")
    t.number += 1
    t.prompt()


@scenario()
def ctrl_c_on_rank_0(t: Terminal):
    """Rank 0, which has the terminal, is interrupted like any other."""
    t.cell("import time; alive = 1")
    know_rank(t)
    t.run("_ = rank == 0 and (print('begun'), time.sleep(1000))")
    t.reports("stdout", "begun", "0")
    t.type(CTRL_C)
    t.reports("error", "KeyboardInterrupt.*", "0")
    t.number += 1
    t.prompt()


@scenario()
def ctrl_c_that_is_caught(t: Terminal, scene: Scene):
    """A cell may catch KeyboardInterrupt and go on."""
    scene.file(
        "patient.py",
        "import time\n\ndef sleep():\n    try:\n        print('begun')\n        time.sleep(1000)\n"
        "    except KeyboardInterrupt:\n        print('caught')\n",
    )
    t.run("import patient; patient.sleep()")
    t.reports("stdout", "begun", "0-2")
    t.type(CTRL_C)
    t.reports("stdout", "caught", "0-2")
    t.number += 1
    t.prompt()
    expect("[error" not in t.text(), "it ended with an error")


@scenario()
def ctrl_c_twice(t: Terminal):
    """Ctrl-C again and again does no harm."""
    t.run("import time; print('begun'); time.sleep(1000)")
    t.reports("stdout", "begun", "0-2")
    t.type(CTRL_C * 5)
    t.number += 1
    t.prompt()
    expect("Out[2:2]: 2" in t.cell("1 + 1"), "the next cell does not work")


PRESSES = """
import os, signal, threading, time


def press(rank):
    if rank == 0:
        threading.Timer(0.002, os.kill, (os.getpid(), signal.SIGINT)).start()
    time.sleep(1000)
"""


@scenario()
def ctrl_c_as_soon_as_a_cell_begins(t: Terminal, scene: Scene):
    """Ctrl-C right after Enter reaches all ranks, also those that come to the cell after it."""
    know_rank(t)
    scene.file("presses.py", PRESSES)
    t.cell("import presses, os; rank == 2 and os.nice(19)")
    for _ in range(5):
        t.run("presses.press(rank)")
        t.number += 1
        t.prompt()
        shown = ranks_that_show("KeyboardInterrupt", t.printed(t.number - 1))
        expect(shown == [0, 1, 2], f"interrupted were {shown}")


@scenario()
def deadlock(t: Terminal):
    """A deadlock is reported, and the next cell works over the same communicator."""
    know_rank(t)
    printed = t.cell("comm.recv(source=(rank + 1) % 3)")
    expect("DeadlockError" in printed, "no report")
    expect("Out[2:3]: 3" in t.cell("comm.allreduce(1)"), "the communicator is not usable")


@scenario()
def ctrl_backslash_at_the_prompt(t: Terminal):
    r"""Ctrl-\ asks; anything but yes goes on."""
    t.prompt()
    t.type(CTRL_BACKSLASH)
    t.shows(r"(?i)kill")
    t.type("n")
    expect("Out[2:1]: 2" in t.cell("1 + 1"), "the next cell does not work")


@scenario()
def ctrl_backslash_kills(t: Terminal):
    r"""Ctrl-\ and yes ends a session whose cell does not bear Ctrl-C."""
    t.run("import signal; _ = signal.signal(signal.SIGINT, signal.SIG_IGN)")
    t.number += 1
    t.run("import time; print('begun'); time.sleep(1000)")
    t.reports("stdout", "begun", "0-2")
    t.type(CTRL_BACKSLASH)
    t.shows(r"(?i)kill")
    t.type("y")
    t.until(lambda: t.status() is not None, "the end")
    t.ends(t.status())
    expect(t.status() != 0, "the status is 0")


@scenario(PLAIN)
def ctrl_c_during_the_start(t: Terminal):
    """Ctrl-C before the first prompt ends the job or is the first key, and nothing is left."""
    t.until(t.processes, "a process")
    t.type(CTRL_C)
    t.until(lambda: t.status() is not None or "In [1]:" in t.text(), "the end or a prompt")
    if t.status() is None:
        t.leave()
    else:
        t.ends(t.status())


@scenario()
def ctrl_c_at_the_end(t: Terminal):
    """Ctrl-C ends the wait for threads that cells have left, as under python."""
    t.cell("from concurrent.futures import ThreadPoolExecutor; import threading, time")
    t.cell("left = ThreadPoolExecutor().submit(time.sleep, 1000)")
    t.cell("threading._register_atexit(lambda: print('waiting'))")
    t.run("exit")
    t.reports("stdout", "waiting", "0-2")
    t.type(CTRL_C)
    t.ends(0)


@scenario()
def reading_the_terminal_itself(t: Terminal):
    """A cell and its children that open /dev/tty get an error: they would stop their rank."""
    text = t.cell("open('/dev/tty').readline()")
    expect("OSError" in text, f"there is no error: {text}")
    text = t.cell("!head -1 /dev/tty || echo none")
    expect(text.count("] none") == 3, f"head has read: {text}")
    t.cell("!stty sane </dev/tty")
    expect("Out[1:4]: 2" in t.cell("1 + 1"), "the session does not work as before")


LATE = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
typedef int (*Sleep)(clockid_t, int, const struct timespec *, struct timespec *);
double now(void) {
    struct timespec read;
    clock_gettime(CLOCK_MONOTONIC, &read);
    return read.tv_sec + 1e-9 * read.tv_nsec;
}
int clock_nanosleep(clockid_t id, int flags, const struct timespec *time, struct timespec *rest) {
    for (double end = now() + 1.2; time->tv_sec > 500 && now() < end;) continue;
    return ((Sleep)dlsym(RTLD_NEXT, "clock_nanosleep"))(id, flags, time, rest);
}
"""


@scenario(command="")
def ctrl_c_at_the_moment_of_going_to_sleep(scene: Scene):
    """A signal that comes after Python has looked, and before the system call, is not lost."""
    t = scene.open(f"mpiexec -n 2 {scene.replacing(LATE)}")
    t.run("import time; print('begun'); time.sleep(1000)")
    t.reports("stdout", "begun", "0-1")
    t.type(CTRL_C)
    t.reports("error", "KeyboardInterrupt", "0-1")
    t.number += 1
    t.prompt()


@scenario()
def ctrl_c_at_a_slow_terminal(t: Terminal, scene: Scene):
    """What is still to be shown after Ctrl-C does not keep the prompt away for long."""
    scene.file(
        "flood.py",
        "import itertools, os, time\nnote = open(f'shown-{os.getpid()}', 'w')\nprint('begun')\n"
        "while not os.path.exists('go'):\n    time.sleep(0.01)\n"
        "for i in itertools.count():\n    print('x' * 60)\n    note.truncate(i)\n",
    )
    t.run("import flood")
    t.reports("stdout", "begun", "0-2")
    scene.file("go")
    sizes: list = [None]
    while sizes[-1] != sizes[0] or len(sizes) < 2:  # until nothing moves: nobody reads meanwhile
        time.sleep(0.5)
        shown = [file.stat().st_size for file in sorted(scene.home.glob("shown-*"))]
        sizes = [*sizes[-1:], shown]
    before = len(t.raw)
    t.type(CTRL_C)
    t.number += 1
    t.prompt()
    expect(len(t.raw) - before < 1 << 20, f"{len(t.raw) - before} bytes came before the prompt")


@scenario()
def ctrl_c_right_behind_an_answer(t: Terminal):
    """Whichever question it meets, that is given up, and nothing typed before is read later."""
    for answers in range(1, 16):
        t.run("words = [input('word? ') for _ in range(9)]")
        t.asks("[stdin:0] word? ")
        for _ in range(answers % 6):
            t.type(f"early{ENTER}")
            time.sleep(0.05 * (answers % 2))
        t.type(f"late{ENTER}{CTRL_C}")
        t.number += 1
        t.prompt()
        interrupted = ranks_that_show("KeyboardInterrupt", t.printed(t.number - 1))
        expect(interrupted == [0, 1, 2], f"interrupted on {interrupted}")


@scenario()
def ctrl_c_after_a_debugger(t: Terminal):
    """The handler that pdb leaves behind takes Ctrl-C neither from rank 0 nor from later cells."""
    know_rank(t)
    t.cell("import pdb, time; alive = 1")
    for stop in "breakpoint()", "pdb.set_trace()":
        t.run(f"rank == 0 and {stop}; _ = rank and time.sleep(1000)")
        t.asks("[stdin:0] (Pdb) ")
        t.type(f"c{ENTER}")
        t.sees("1/3 done, waiting for 1-2")
        t.type(CTRL_C)
        t.reports("error", "KeyboardInterrupt", "1-2")
        t.number += 1
        t.run(f"{stop}; alive")
        answer_everywhere(t, "(Pdb)", "c")
        t.number += 1
        is_interrupted(t, "print('begun'); time.sleep(1000)", "0-2")


@scenario(IPYTHON, command="")
def ctrl_c_while_ipython_loads(scene: Scene):
    """There is nothing to interrupt yet: the prompt comes as if nothing had been pressed."""
    scene.configure("open('begun', 'w')\nimport time\ntime.sleep(1)\n")
    t = scene.session()
    t.until((scene.home / "begun").exists, "the beginning")
    t.type(CTRL_C)
    t.prompt()
    expect(t.cell("6 * 7").count("]: 42") == 3, "the session does not work")


@scenario(command="")
def ctrl_c_in_a_program_before_the_prompt(scene: Scene):
    """Ctrl-C interrupts the program of -i, and the prompt comes."""
    scene.file("loop.py", "import time\nprint('begun', flush=True)\ntime.sleep(1000)\n")
    t = scene.session(2, "-i loop.py")
    t.reports("stdout", "begun", "0-1")
    t.type(CTRL_C)
    t.prompt()
    expect(t.ranks_with("error", "KeyboardInterrupt") == set(), "it has come behind the prompt")
    expect(t.text().count("] KeyboardInterrupt") == 1, "not on both ranks")


@scenario(PLAIN)
def ctrl_c_again_while_a_key_is_slow(t: Terminal, scene: Scene):
    """What makes readline give up is not lost when Ctrl-C is pressed before it is read."""
    scene.file(
        "slow.py", "import time\n\n\ndef __dir__():\n    time.sleep(1.5)\n    return ['one']\n"
    )
    t.cell("import slow")
    t.prompt()
    t.type("slow.\t")
    for _ in range(3):
        time.sleep(0.3)
        t.type(CTRL_C)
    t.shows("KeyboardInterrupt")
    expect(t.cell("6 * 7").count("]: 42") == 3, "the prompt is dead")


@scenario(IPYTHON)
def ctrl_c_after_a_debugger_for_an_error(t: Terminal):
    """The debugger that %pdb begins at the end of a cell leaves Ctrl-C alone, too."""
    know_rank(t)
    t.cell("import time; alive = 1")
    t.cell("%pdb on")
    t.run("_ = rank == 0 and 1 / 0; _ = rank and time.sleep(1000)")
    t.until(lambda: t.last_line().startswith("[stdin:0] "), "the debugger")
    t.type(f"c{ENTER}")
    t.sees("1/3 done, waiting for 1-2")
    t.type(CTRL_C)
    t.number += 1
    t.prompt()
    expect("[error:1-2] KeyboardInterrupt" in t.printed(4), "the others have not been interrupted")
