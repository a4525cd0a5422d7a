"""What is shown while a cell runs, and where output goes."""

import re

from scene import PLAIN, Scene, scenario
from terminal import COLUMNS, CTRL_C, CTRL_D, CTRL_T, LINES, Terminal, expect

from scenarios import know_rank

STATUS = r"▸ cell 2 +\d+(\.\d)? s +2/3 done, waiting for 2"


@scenario()
def status_line(t: Terminal):
    """After two seconds a line at the bottom says who still runs; it goes with the cell."""
    know_rank(t)
    t.run("import time; print('output'); time.sleep(3.5 * (rank == 2))")
    t.shows(STATUS)
    expect(re.match(STATUS, t.last_line()), f"it is not the last line: {t.last_line()}")
    t.number += 1
    t.prompt()
    expect("▸" not in t.text(), "it is still there")
    expect(t.printed(2).strip().count("output") == 3, "output is missing")


@scenario()
def no_status_line_of_quick_cells(t: Terminal):
    """A cell that is done within two seconds has none."""
    t.cell("import time; time.sleep(0.7)")
    expect("▸".encode() not in t.raw, "there was one")


@scenario()
def output_above_the_status_line(t: Terminal, scene: Scene):
    """Output goes on above the status line."""
    scene.file(
        "count.py",
        "import os, time\nn = 0\nwhile not os.path.exists('stop'):\n"
        "    print('line', n)\n    n += 1\n    time.sleep(0.1)\nprint('lines', n)\n",
    )
    t.magic("%targets 1")
    t.targets = "1"
    t.run("import count")
    t.shows("▸ cell 1")
    before = t.visible().count("] line ")
    t.until(lambda: t.text().count("] line ") > before + 3, "more lines")
    scene.file("stop")
    t.number += 1
    t.prompt()
    lines = re.findall(r"^\[stdout:1\] line (\d+)$", t.printed(1), re.MULTILINE)
    expect(lines == [str(n) for n in range(len(lines))], f"lines are missing or twice: {lines}")
    expect(f"[stdout:1] lines {len(lines)}" in t.printed(1), "lines are missing")


@scenario()
def ctrl_t(t: Terminal):
    """Ctrl-T tells where all ranks are, and the cell goes on."""
    know_rank(t)
    t.run("import time; print('begun'); time.sleep(4); print('done')")
    t.reports("stdout", "begun", "0-2")
    t.type(CTRL_T)
    t.sees(r"0-2.*(sleep|<cell 2>)")
    t.reports("stdout", "done", "0-2")
    t.number += 1
    t.prompt()


@scenario()
def progress_bar(t: Terminal, scene: Scene):
    """A progress bar is seen while it moves, and stays once."""
    scene.file("bar.py", BAR)
    t.run("import bar; bar.move()")
    t.shows(r"\[stdout:2\] 10%")
    scene.file("go")
    t.number += 1
    t.prompt()
    printed = t.printed(1)
    expect(printed.count("100% done") == 3, f"it is not there once for each rank: {printed}")
    expect("10%" not in printed.replace("100%", ""), "what it was before is there, too")


BAR = r"""
import os, sys, time

def move():
    for done in range(0, 101, 10):
        sys.stdout.write(f"\r{done}% ")
        sys.stdout.flush()
        while done == 10 and not os.path.exists("go"):
            time.sleep(0.01)
    sys.stdout.write("done\n")
"""


@scenario()
def output_streams(t: Terminal, scene: Scene):
    """What a long cell prints is on the screen before it ends."""
    scene.file(
        "wait.py",
        "import os, time\nprint('early')\nwhile not os.path.exists('go'):\n"
        "    time.sleep(0.01)\nprint('late')\n",
    )
    t.run("import wait")
    t.reports("stdout", "early", "0-2")
    expect("late" not in t.printed(), "it had ended already")
    scene.file("go")
    t.number += 1
    t.prompt()
    expect(t.printed(1).count("] late") == 3, "the end is missing")


@scenario()
def thousand_lines(t: Terminal):
    """Nothing of much output is lost, and the prompt comes after the last line."""
    t.run("print('\\n'.join(f'n {i}' for i in range(1000)))")
    t.number += 1
    t.prompt()
    for rank in range(3):
        lines = re.findall(rf"^\[stdout:{rank}\] n (\d+)$", t.printed(1), re.MULTILINE)
        expect(lines == [str(i) for i in range(1000)], f"lines of rank {rank} are missing")


@scenario()
def errors_and_output_in_order(t: Terminal):
    """Standard error is on the terminal, too."""
    printed = t.cell("import sys; print('out'); print('err', file=sys.stderr)")
    expect(printed.count("] out") == 3 and printed.count("[stderr:") == 3, f"missing: {printed}")


@scenario()
def size_in_a_cell(t: Terminal):
    """Cells know how wide the terminal is, which is what pandas and tqdm go by."""
    t.cell("import shutil")
    printed = t.cell("shutil.get_terminal_size().columns")
    width = COLUMNS - len("[stdout:2] ")
    found = set(map(int, re.findall(r"Out\[0:2\]: (\d+)", printed)))
    expect(found <= {COLUMNS, width} and found, f"they think it is {found}")
    expect(f": {LINES}" in t.cell("shutil.get_terminal_size().lines"), "they think it is higher")


@scenario()
def tabs_and_controls(t: Terminal):
    """Tabs go to their columns; what would move the cursor is dropped or shown."""
    printed = t.cell(r"print('a\tb', '\x1b[5A\x1b[2J', '\x07', 'end')")
    expect(len(re.findall(r"^\[stdout:\d\] a +b .*end$", printed, re.MULTILINE)) == 3, printed)


@scenario(environment={"NO_COLOR": None})
def colours_of_ranks(t: Terminal):
    """A rank has its colour, in every cell, and others have others."""
    t.cell("print('first')")
    first = [t.colour(f"[stdout:{rank}]") for rank in range(3)]
    t.cell("print('second')")
    expect([t.colour(f"[stdout:{rank}]") for rank in range(3)] == first, "colours change")
    expect(len(set(first)) == 3 and "default" not in first, f"the colours are {first}")


@scenario()
def no_colours(t: Terminal):
    """With NO_COLOR a prefix has no colour."""
    t.cell("print('first')")
    expect(t.colour("[stdout:1]") == "default", "there is a colour")


@scenario(command="mpiexec -n 2 {mpirepl} >out.txt")
def output_to_a_file(t: Terminal, scene: Scene):
    """Output to a file: the prompt stays on the terminal, the file has lines and nothing else."""
    check_redirected(t, scene)


@scenario(command="mpiexec -n 2 {mpirepl} | cat >out.txt")
def output_to_a_pipe(t: Terminal, scene: Scene):
    """So does output to a pipe."""
    check_redirected(t, scene)


def check_redirected(t: Terminal, scene: Scene) -> None:
    """Type cells whose output goes elsewhere."""
    t.prompt()
    expect("mpirepl" in t.text(), "the banner is not on the terminal")
    t.type("print('elsewhere'); 42\r")
    path = scene.home / "out.txt"
    t.until(lambda: path.read_text().count(": 42\n") == 2, "the lines in the file")
    t.type("import time; time.sleep(2.5)\r")
    t.until(lambda: "In [3]:" in t.text(), "the last prompt")
    t.number = 3
    t.type(f"x{CTRL_C}")
    t.prompt()
    t.type(CTRL_D)
    t.ends(0)
    wanted = "".join(f"[stdout:{i}] elsewhere\nOut[{i}:1]: 42\n" for i in range(2))
    expect(path.read_text() == wanted, f"the file has something else: {path.read_text()!r}")


@scenario(PLAIN, command="mpiexec -n 2 {mpirepl} 2>err.txt")
def errors_to_a_file(t: Terminal, scene: Scene):
    """2> takes the errors, the rest stays on the terminal."""
    t.cell("print('here'); 1 / 0")
    t.leave()
    errors = (scene.home / "err.txt").read_text()
    expect("[error:0-1] ZeroDivisionError: division by zero\n" in errors, "no error in the file")
    expect(
        "[stdout:1] here" in t.text() and "ZeroDivision" not in t.text(), "wrong on the terminal"
    )


@scenario(command="mpiexec -n 2 {mpirepl} 2>err.txt", environment={"NO_COLOR": None})
def errors_without_colours_to_a_file(t: Terminal, scene: Scene):
    """What is not on the terminal has no colours."""
    t.cell("print('here'); import sys; print('there', file=sys.stderr); 1 / 0")
    t.leave()
    errors = (scene.home / "err.txt").read_text()
    expect("[stderr:1] there\n[error:0-1] Traceback" in errors, f"other lines: {errors!r}")
    expect(b"\x1b[33m[stdout:1]" in t.raw, "the terminal has no colours")


@scenario(PLAIN, options="-o out.txt")
def output_option(t: Terminal, scene: Scene):
    """-o takes what would go to standard output, the prompt stays."""
    t.prompt()
    t.type("print('kept')\r")
    path = scene.home / "out.txt"
    t.until(
        lambda: path.exists() and path.read_text().count("kept\n") == 3, "the lines in the file"
    )
    t.number += 1
    t.prompt()
    expect("] kept" not in t.text(), "the terminal has them, too")


@scenario(command="")
def input_from_a_file(scene: Scene):
    """Cells from a file within a terminal: a session of a pipe, without prompt."""
    scene.file("cells.py", "6 * 7\n")
    t = scene.open(f"mpiexec -n 2 {scene.mpirepl} <cells.py")
    t.until(lambda: "Out[1:1]: 42" in t.text(), "the value")
    t.ends(0)
    expect("In [" not in t.text(), "there is a prompt")


@scenario(PLAIN, command="cat | mpiexec -n 2 {mpirepl} -i")
def prompt_without_a_terminal(t: Terminal, scene: Scene):
    """-i with a pipe: line mode with a prompt, and a sentence that says how to get more."""
    t.until(lambda: "rank 0 has no terminal" in t.text(), "the sentence")
    sees_prompt(t, scene, 1)
    t.type("6 * 7\r")
    t.until(lambda: "Out[1:1]: 42" in t.text(), "the value")
    sees_prompt(t, scene, 2)
    t.type("exit\r")
    t.until(lambda: t.processes() and len(t.processes()) == 1, "that only cat is left")
    t.type("\x04")
    t.ends(0)


def sees_prompt(t: Terminal, scene: Scene, number: int) -> None:
    """Wait for a prompt that the launcher forwards; Open MPI 5.0's keeps a line till it ends."""
    if scene.setup.stack == "debian":
        t.until(lambda: f"In [{number}]:" in t.text(), "a prompt")
