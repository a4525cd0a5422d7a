"""The history, which all sessions of a user share, those of IPython too."""

import signal
import sqlite3
import time

from scene import IPYTHON, PLAIN, Scene, scenario
from terminal import CTRL_C, CTRL_R, CTRL_U, END, ENTER, UP, Terminal, expect


def sources(scene: Scene) -> list[str]:
    """Return the cells in the file of the history, the oldest first."""
    with sqlite3.connect(f"file:{scene.history}?mode=ro", uri=True) as file:
        rows = file.execute("SELECT source_raw FROM history ORDER BY session, line")
        return [row[0].strip() for row in rows]


@scenario()
def history_of_the_session(t: Terminal):
    """Up brings back the cells before, the last one first."""
    t.cell("'first'")
    t.cell("'second'")
    t.prompt()
    t.type(UP)
    t.prompt("'second'")
    t.type(UP)
    t.prompt("'first'")
    t.type(ENTER)
    t.number += 1
    t.prompt()
    expect("Out[2:3]: 'first'" in t.printed(3), "another line has been run")


@scenario()
def search_in_the_history(t: Terminal, scene: Scene):
    """Ctrl-R finds a cell by a part of it."""
    t.cell("'a needle'")
    t.cell("'hay'")
    t.prompt()
    t.type(CTRL_R)
    t.shows("search")
    t.type("need")
    t.shows("search.*need")
    t.type(ENTER)
    if scene.front == IPYTHON:  # there the first Enter ends the search only
        t.type(END)
        t.prompt("'a needle'")
        t.type(ENTER)
    t.number += 1
    t.prompt()
    expect("Out[2:3]: 'a needle'" in t.text(), "the cell has not been found")


@scenario(command="")
def history_of_the_session_before(scene: Scene):
    """A second session knows the cells of the first, those with several lines as one."""
    t = scene.session(2)
    body = "return 6 * 7" if scene.front == IPYTHON else "    return 6 * 7"
    t.run(f"def f():\n{body}\n")
    t.number += 1
    t.cell("'the first session'")
    t.leave()
    t = scene.session(2)
    t.prompt()
    t.type(f"{UP}{UP}")  # `exit` is not a cell, or it is: IPython keeps it
    t.until(lambda: "'the first session'" in t.visible() or "def f" in t.visible(), "a cell")
    t.type(CTRL_C)
    t.prompt()
    expect("'the first session'" in sources(scene), "the cell is not in the file")
    expect("def f():\n    return 6 * 7" in sources(scene), "the function is not one entry")


@scenario(command="")
def two_sessions_at_once(scene: Scene):
    """Two sessions write the same history at the same time."""
    one, two = scene.session(2), scene.session(2)
    one.cell("'one begins'")
    two.cell("'two begins'")
    one.cell("'one ends'")
    two.cell("'two ends'")
    one.leave()
    two.leave()
    there = [source for source in sources(scene) if source != "exit"]
    wanted = {"'one begins'", "'two begins'", "'one ends'", "'two ends'"}
    expect(set(there) == wanted and len(there) == 4, f"other cells are there: {there}")


@scenario(command="")
def history_that_is_locked(scene: Scene):
    """A session waits for another program that has the history for itself, and loses nothing."""
    t = scene.session(2)
    t.cell("'before'")
    t.leave()
    locked = sqlite3.connect(scene.history, isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    begin = time.monotonic()
    t = scene.session(2)
    t.until(lambda: time.monotonic() - begin > 8, "what is longer than sqlite's patience")
    locked.close()
    t.cell("'afterwards'")
    expect({"'before'", "'afterwards'"} <= set(sources(scene)), "cells are lost")
    expect("-corrupt" not in str(list(scene.history.parent.iterdir())), "it was moved away")


@scenario(command="")
def history_of_ipython(scene: Scene):
    """A cell of IPython comes back in mpirepl, and the other way round."""
    ipython = scene.open("python3 -m IPython")
    ipython.run("'typed in IPython'")
    ipython.number += 1
    ipython.leave()
    t = scene.session(2)
    t.prompt()
    find(t, "'typed in IPython'")
    t.type(CTRL_U)
    t.cell("'typed in mpirepl'")
    t.leave()
    ipython = scene.open("python3 -m IPython")
    ipython.prompt()
    find(ipython, "'typed in mpirepl'")
    ipython.type(CTRL_U)


def find(t: Terminal, source: str) -> None:
    """Go up, over an `exit` if it is in the history, to a cell."""
    t.type(UP)
    t.until(lambda: source in t.visible() or "]: exit" in t.visible(), "a cell")
    if source not in t.visible():
        t.type(UP)
    t.prompt(source)


@scenario()
def history_before_the_cell_runs(t: Terminal, scene: Scene):
    """A cell is in the file while it runs; nothing that happens takes it away."""
    t.run("import time; print('begun'); time.sleep(1000)")
    t.reports("stdout", "begun", "0-2")
    wanted = "import time; print('begun'); time.sleep(1000)"
    expect(wanted in sources(scene), "it is not in the file while it runs")
    t.signal(t.rank(0), signal.SIGKILL)
    t.until(lambda: t.status() is not None, "the end")
    expect(wanted in sources(scene), "it is not in the file afterwards")
    t.ends(t.status())


@scenario()
def cell_that_kills_itself_is_in_the_history(t: Terminal, scene: Scene):
    """So is the last cell of a session that dies of it."""
    source = "import os; os.kill(os.getpid(), 9)"
    t.run(source)
    t.until(lambda: t.status() is not None, "the end")
    expect(source in sources(scene), "it is not in the file")
    t.ends(t.status())


@scenario(IPYTHON)
def names_of_the_cells_before(t: Terminal):
    """_i, _ii and _i1 are what was typed before, as in IPython, on all ranks."""
    t.cell("first = 1")
    t.cell("second = 2")
    printed = t.cell("print(_i, _ii, _i1, In[2], _i3, sep='|')")
    wanted = "second = 2|first = 1|first = 1|second = 2|print(_i, _ii, _i1, In[2], _i3, sep='|')"
    expect(f"[stdout:0] {wanted}" in printed and f"[stdout:1] {wanted}" in printed, printed)


@scenario(IPYTHON)
def names_of_the_values_before(t: Terminal):
    """Out, _1 and __ are what was shown before, on each rank its own; %reset forgets them."""
    t.cell("import mpirepl; mpirepl.rank + 5")
    t.cell("_ * 2")
    printed = t.cell("Out[1], _1, __, Out[2]")
    expect("Out[0:3]: (5, 5, 5, 10)" in printed, printed)
    expect("Out[1:3]: (6, 6, 6, 12)" in printed, printed)
    t.cell("%reset -f")
    expect("Out[1:5]: 0" in t.cell("len(Out)"), "values are left")


@scenario(IPYTHON)
def names_of_values_that_are_not_there(t: Terminal):
    """Before there are values, and after %reset, _, __ and ___ are empty, as in IPython."""
    expect(t.cell("_, __, ___").count(": ('', '', '')") == 3, "they are something else")
    expect(t.cell("__, ___").count(": ('', '')") == 3, "they are something else then")
    t.cell("%reset -f out")
    expect(t.cell("_, __, ___").count(": ('', '', '')") == 3, "values are left")


@scenario(PLAIN)
def name_of_a_value_that_is_not_there(t: Terminal):
    """Without IPython _ is not defined before there is a value, as in python."""
    expect("[error:0-2] NameError: name '_'" in t.cell("_"), "it is defined at the start")
    t.cell("%reset -f out")
    expect("NameError" in t.cell("_"), "it is defined")


@scenario(IPYTHON)
def history_with_values(t: Terminal):
    """%hist -o prints rank 0's values under their cells."""
    t.cell("import mpirepl; mpirepl.rank + 41")
    t.cell("x = 1")
    t.cell("'text'")
    printed = t.magic("%hist -o")
    wanted = ["import mpirepl; mpirepl.rank + 41", "41", "x = 1", "'text'", "'text'"]
    expect(printed.split("\n") == wanted, f"something else: {printed}")


@scenario(IPYTHON, command="")
def few_values_are_kept(scene: Scene):
    """Of the values before no more are kept than IPython's configuration says."""
    scene.configure("c.InteractiveShell.cache_size = 3\n")
    t = scene.session(2)
    t.prompt()
    for i in range(3):
        t.cell(f"{i} + 40")
    expect("Out is full" in t.cell("'more'"), "nothing is said")
    printed = t.cell("print(sorted(Out))")
    expect("[stdout:0] [3, 4]" in printed and "[stdout:1] [3, 4]" in printed, printed)


@scenario()
def history_magic(t: Terminal):
    """%history prints the cells so far."""
    t.cell("'the first'")
    expect("'the first'" in t.magic("%history"), "it does not print the cell")


@scenario(IPYTHON)
def hist_magic(t: Terminal):
    """%hist is the same under IPython's other name."""
    t.cell("'the first'")
    t.run("%hist")
    t.shows("^'the first'$")
    t.finds_number()
