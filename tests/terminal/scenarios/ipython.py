"""What IPython has in its shell and is there on all ranks, as in IPython alone."""

import re

from scene import IPYTHON, Scene, scenario
from terminal import Terminal, expect


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
    expect(printed.split("\n") == wanted, f"something else: {printed}")
