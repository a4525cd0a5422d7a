"""What IPython has in its shell and is there on all ranks, as in IPython alone."""

import re

from scene import IPYTHON, Scene, scenario
from terminal import CTRL_D, ENTER, Terminal, expect

from scenarios import ranks_that_show


@scenario(IPYTHON)
def macro_magic(t: Terminal):
    """A macro runs on all ranks like the cells that it is made of, magics among them."""
    t.cell("%who int")
    t.cell("def divide(x):\nreturn 1 / x\n\n")
    t.cell("divide(0)")
    for name, number in ("names", 1), ("define", 2), ("fail", 3):
        t.run(f"%macro {name} {number}")
        t.finds_number()
    expect("] No variables match" in t.cell("names"), "its magic has not run")
    t.cell("define")
    printed = t.cell("fail")
    for line in "divide(0)", "return 1 / x":
        expect(re.search(rf"\] +{re.escape(line)}$", printed, re.MULTILINE), f"no {line} shown")
    expect(t.magic("%hist 4-6").split() == ["names", "define", "fail"], "other lines were typed")


@scenario(IPYTHON)
def traceback_magic(t: Terminal):
    """%tb shows the last error again, from the cell on."""
    t.cell("def divide(x):\nreturn 1 / x\n\n")
    t.cell("divide(0)")
    printed = t.cell("%tb")
    for line in "1 divide(0)", "2     return 1 / x":
        expect(printed.count(f"----> {line}") == 3, f"{line} is not shown: {printed}")
    t.cell("%%capture caught\ndivide(0)\n\n")
    printed = t.cell("'divide(0)' in caught.stdout, 'run_code' in caught.stdout")
    expect(printed.count("]: (True, False)") == 3, "frames of the shell are shown")


@scenario(IPYTHON)
def traceback_modes(t: Terminal):
    """%xmode says how errors look on all ranks, until it says Context again."""
    t.cell("x = 1; missing = {}")
    t.cell("%xmode Minimal")
    printed = t.cell("missing[x]")
    expect(printed == "[error:0-2] KeyError: 1", f"it is not minimal: {printed}")
    t.cell("%xmode Verbose")
    printed = t.cell("missing[x]")
    expect(re.search(r"^\[error:0-2\] +missing = {}$", printed, re.MULTILINE), "no values shown")
    t.cell("%xmode Context")
    expect("Traceback (most" in t.cell("missing[x]"), "it is not as before")


@scenario(IPYTHON)
def names_that_ipython_lists(t: Terminal):
    """%who_ls lists on all ranks what cells have defined, and no more."""
    t.cell("mine = 1")
    printed = t.cell("%who_ls")
    expect(printed.count("]: ['mine']") == 3, f"other names: {printed}")


@scenario(IPYTHON)
def alias_of_ipython(t: Terminal, scene: Scene):
    """ls prints the same on all ranks."""
    scene.file("here/one")
    scene.file("here/two")
    printed = t.cell("ls here")
    wanted = [f"[stdout:{rank}] {name}" for rank in range(3) for name in ("one", "two")]
    # The first magic of IPython loads it, which may last until the cell streams.
    expect(sorted(printed.split("\n")) == wanted, f"something else: {printed}")


@scenario(IPYTHON, environment={"EDITOR": "{home}/editor"})
def editing_what_a_cell_defines(t: Terminal, scene: Scene):
    """%edit NAME opens the cell that has defined it, and runs what has become of it."""
    scene.file("editor", '#!/bin/sh\nsed -i s/one/two/ "$1"\n', executable=True)
    t.cell("def which(): return 'one'\n")
    t.run("%edit which")
    t.finds_number()
    expect(t.cell("which()").count("]: 'two'") == 3, "it has not been edited")


@scenario(IPYTHON)
def recall_of_the_last_value(t: Terminal):
    """%recall puts the last value into the next prompt, where it can be edited."""
    t.cell("6 * 7")
    t.run("%recall")
    t.prompt("42")
    t.type(f" + 1{ENTER}")
    t.number += 1
    t.prompt()
    expect(t.printed(2).count("]: 43") == 3, "it has not been edited")
    expect(t.cell("'_' in vars()").count("]: False") == 3, "_ has stayed in the cells' names")


@scenario(IPYTHON)
def settings_by_name(t: Terminal):
    """%config knows the shell by its own name."""
    expect(t.magic("%config TerminalInteractiveShell.editing_mode").endswith("'emacs'"), "no value")


@scenario(IPYTHON)
def files_of_ipython(t: Terminal, scene: Scene):
    """%run takes a file with magics in it."""
    scene.file("steps.ipy", "found = %who_ls str\nword = 'said'\n!echo $word\n")
    expect(t.cell("%run steps.ipy").count("] said") == 3, "its command has not run")
    expect(t.cell("word").count("]: 'said'") == 3, "its names are not there")
    scene.file("wrong.ipy", "%precision\nmissing\n")
    shown = ranks_that_show("NameError: .*", t.cell("%run wrong.ipy"))
    expect(shown == [0, 1, 2], f"its error is shown on {shown}")


@scenario(IPYTHON)
def numbers_of_cells(t: Terminal):
    """get_ipython() knows the number of the cell on all ranks."""
    t.cell("1")
    printed = t.cell("get_ipython().execution_count")
    expect(re.findall(r"]: (\d+)", printed) == ["2"] * 3, f"other numbers: {printed}")
    printed = t.cell("get_ipython().execution_count")
    expect(re.findall(r"]: (\d+)", printed) == ["3"] * 3, f"other numbers: {printed}")


@scenario(IPYTHON, command="")
def help_ends_its_line(scene: Scene):
    """Help on the session's magics, and on how to leave, ends with its line."""
    scene.configure("c.InteractiveShell.separate_in = ''\n")
    t = scene.session()
    for asked in "%targets?", "exit?":
        t.run(asked)
        t.finds_number()


@scenario(IPYTHON)
def what_is_told_of_cells(t: Terminal):
    """What is registered for cells hears on all ranks what they are, and how they have ended."""
    hear_of_cells(t)
    for source, told in ("2", "True 2 '2'"), ("x = 3", "True None 'x = 3'"):
        printed = t.cell(source)
        expect(printed.count(f"] pre {source!r}\n") == 3, f"not told before: {printed}")
        expect(printed.count(f"] post {told}") == 3, f"not told afterwards: {printed}")
    printed = t.cell("get_ipython().last_execution_result.info.raw_cell")
    expect(printed.count("]: 'x = 3'") == 3, f"another cell was the last: {printed}")


@scenario(IPYTHON)
def what_is_told_of_cells_that_fail(t: Terminal):
    """It hears of the error, too."""
    hear_of_cells(t)
    printed = t.cell("1/0")
    expect(printed.count("] post False None '1/0'") == 3, f"the error is not told: {printed}")


def hear_of_cells(t: Terminal) -> None:
    """Have what IPython says of cells printed."""
    t.cell("events = get_ipython().events")
    t.cell("events.register('pre_run_cell', lambda i: print('pre', repr(i.raw_cell)))")
    t.cell(
        "events.register('post_run_cell',"
        " lambda r: print('post', r.success, r.result, repr(r.info.raw_cell)))"
    )


@scenario(IPYTHON)
def destructors_at_the_end(t: Terminal):
    """What cells have made ends while the names are there, also where IPython has been loaded."""
    t.cell("class Named:\n    def __del__(self):\n        os.write(1, b'ended\\n')\n\n\n")
    t.cell("import os; named = Named()")
    t.cell("%timeit -n1 -r1 pass")
    t.type(CTRL_D)
    t.reports("stdout", "ended", "0-2")
    t.ends(0)
