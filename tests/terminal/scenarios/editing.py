"""The line editor: keys, pastes, sizes, and what comes while a line is typed."""

from scene import IPYTHON, PLAIN, Scene, scenario
from terminal import (
    BACKSPACE,
    COLUMNS,
    CTRL_A,
    CTRL_C,
    CTRL_E,
    CTRL_K,
    CTRL_U,
    CTRL_Y,
    DOWN,
    END,
    ENTER,
    HOME,
    LEFT,
    TAB,
    UP,
    Terminal,
    expect,
)

from scenarios import know_rank

SUM = "sum(globals()[f'x{i}'] for i in range(200))"

LATE = """\
import os, threading, time

stop = False

def wait():
    while not os.path.exists("go"):
        time.sleep(0.01)
    print("late")

def begin():
    threading.Thread(target=wait).start()

def pour():
    while not stop:
        print("y" * 80)
        time.sleep(0.002)

def stream():
    threading.Thread(target=pour).start()
"""


@scenario()
def keys_within_a_line(t: Terminal):
    """Home, End, arrows, Backspace and the keys of Emacs."""
    t.prompt()
    t.type(f"1 + 3{LEFT}{BACKSPACE}4{HOME}2{END}0")
    t.prompt("21 +430")
    t.type(f"{CTRL_A}{CTRL_K}{CTRL_Y}{CTRL_E}")
    t.prompt("21 +430")
    t.type(f"{CTRL_U}6 * 7{ENTER}")
    t.number += 1
    t.prompt()
    expect("Out[2:1]: 42" in t.printed(1), "another line has been run")


@scenario()
def function_of_several_lines(t: Terminal, scene: Scene):
    """A function is typed line by line; an empty line ends it."""
    indented = "return x + 1" if scene.front == IPYTHON else "    return x + 1"
    t.run(f"def f(x):\n{indented}\n")
    t.number += 1
    t.prompt()
    expect("Out[2:2]: 42" in t.cell("f(41)"), "the function is not there")


@scenario(IPYTHON)
def earlier_line_of_a_function(t: Terminal):
    """One goes up into an earlier line of a cell and mends it."""
    t.prompt()
    t.type(f"def f():{ENTER}")
    t.asks("   ...:     ")
    t.type("return x")
    t.asks("   ...:     ", "return x")
    t.type(f"{UP}{END}{LEFT}{LEFT}x=5{END}")
    t.prompt("def f(x=5):")
    t.type(f"{DOWN}{END}{ENTER}{ENTER}")
    t.number += 1
    t.prompt()
    expect("Out[2:2]: 5" in t.cell("f()"), "the line has not been mended")


@scenario()
def completion_of_a_live_object(t: Terminal):
    """Tab completes names that cells have defined, and attributes of what is there."""
    t.cell("unmistakable = ['a']")
    t.prompt()
    t.type(f"unmis{TAB}")
    t.prompt("unmistakable")
    t.type(f".appe{TAB}")
    t.until(lambda: "unmistakable.append" in t.visible(), "the attribute")
    t.type(f"{CTRL_U}1 + 1{ENTER}")
    t.number += 1
    t.prompt()


@scenario()
def completion_with_a_choice(t: Terminal, scene: Scene):
    """Tab lists what there is when it is more than one."""
    t.cell("wanted_one = wanted_two = 1")
    t.prompt()
    t.type(f"wanted_{TAB}" if scene.front == IPYTHON else f"wanted_{TAB}{TAB}")
    t.shows(r"^\s*wanted_one\s+wanted_two")
    t.type(f"o{TAB}")
    t.prompt("wanted_one")
    t.type(ENTER)
    t.number += 1
    t.prompt()


@scenario(PLAIN)
def bell(t: Terminal):
    """Keys that can do nothing are no output of rank 0."""
    t.prompt()
    t.type(f"{BACKSPACE}{CTRL_C}")
    t.cell("print('done')")
    expect("[stderr" not in t.text(), "the bell is output")


@scenario()
def completion_of_a_magic(t: Terminal):
    """Tab completes magics, ours among them."""
    t.prompt()
    t.type(f"%targ{TAB}")
    t.until(lambda: "%targets" in t.visible(), "the magic")
    t.type(CTRL_U)
    t.prompt()


def completes(t: Terminal, begun: str, completed: str) -> None:
    """Type the beginning of a line and Tab; see what comes of it, and remove that."""
    t.prompt()
    t.type(begun)
    t.prompt(begun)
    t.type(TAB)
    t.prompt(completed)
    t.type(CTRL_U)


@scenario()
def completion_of_the_value_of_a_magic(t: Terminal):
    """Tab offers what a magic of the session takes, and nothing else."""
    completes(t, "%targets a", "%targets all")
    completes(t, "%targets 1,!", "%targets 1,!0")
    completes(t, "%px --targets a", "%px --targets all")
    completes(t, "%%targets a", "%%targets all")
    completes(t, "%fold of", "%fold off")
    completes(t, "%guard gr", "%guard grace")
    t.prompt()
    t.type(f"%targets {TAB}{TAB}")
    t.until(lambda: {"all", "0", "1", "2", "::2"} <= set(t.visible().split()), "the sets")
    expect(" if " not in t.visible() and "%alias" not in t.visible(), "there is something else")
    t.type(CTRL_U)
    t.prompt()


@scenario()
def completion_of_a_file(t: Terminal, scene: Scene):
    """Tab completes names of files in strings, and behind !command and %run."""
    scene.file("numbers/one two.txt")
    scene.file("zeros.py")
    completes(t, 'open("numb', 'open("numbers/')
    completes(t, "open('numbers/on", "open('numbers/one two.txt")
    completes(t, "!ls numb", "!ls numbers/")
    completes(t, "%run zer", "%run zeros.py")
    t.prompt()


@scenario(PLAIN)
def completion_of_a_key(t: Terminal):
    """Tab completes keys, and attributes of what lies below them; nothing is called for it."""
    t.cell("sizes = {'alpha': ['one'], 'beta ray': 2, 3: 4}")
    completes(t, 'sizes["al', 'sizes["alpha"]')
    completes(t, "sizes['beta r", "sizes['beta ray']")
    completes(t, "1 + sizes['alpha'].appe", "1 + sizes['alpha'].append(")
    completes(t, "print(f'{x}', sizes.ke", "print(f'{x}', sizes.keys(")
    completes(t, "exit().rea", "exit().rea")
    t.prompt()


@scenario()
def completion_of_a_module(t: Terminal, scene: Scene):
    """Tab completes modules, and what can be imported from them."""
    scene.file("zeros.py", "raise SystemExit\n")
    completes(t, "import colors", "import colorsys")
    completes(t, "import importlib.metad", "import importlib.metadata")
    completes(t, "from json import JSONEnc", "from json import JSONEncoder")
    completes(t, "import zer", "import zeros")
    t.prompt()


@scenario(PLAIN)
def completion_of_names_in_a_module_that_is_not_loaded(t: Terminal, scene: Scene):
    """Tab finds them without loading it."""
    scene.file("zeros.py", "raise SystemExit\n\n\ndef how_many():\n    pass\n")
    completes(t, "from zeros import how", "from zeros import how_many")
    t.prompt()


@scenario()
def torn_escape_sequence(t: Terminal):
    """The bytes of an arrow key arrive one by one."""
    t.cell("'the one before'")
    t.prompt()
    t.torn(UP.encode())
    t.prompt("'the one before'")
    t.type(CTRL_U)
    t.type("12")
    t.torn(LEFT.encode())
    t.prompt("1")
    t.type(f"0{ENTER}")
    t.number += 1
    t.prompt()
    expect("Out[2:2]: 102" in t.printed(2), "another line has been run")


@scenario()
def torn_character(t: Terminal):
    """The bytes of a character arrive one by one."""
    t.prompt()
    t.torn("len('grün→日本')".encode())
    t.prompt("len('grün→日本')")
    t.type(ENTER)
    t.number += 1
    t.prompt()
    expect("Out[2:1]: 7" in t.printed(1), "characters are lost")


@scenario()
def wide_characters(t: Terminal):
    """Wide characters take two columns, in the line and in what is printed."""
    t.prompt()
    t.type(f"print('日本語xy{BACKSPACE}{BACKSPACE}')")
    t.prompt("print('日本語')")
    t.type(f"{HOME}{END}{ENTER}")
    t.number += 1
    t.prompt()
    expect("[stdout:2] 日本語" in t.printed(1), "something else has been printed")


@scenario()
def line_longer_than_the_screen(t: Terminal):
    """A long line goes on in the next one, and is edited there."""
    t.prompt()
    line = "len('" + "x" * 150 + "')"
    t.type(line)
    t.prompt(line)
    t.type(f"{HOME}1 + {END}{ENTER}")
    t.number += 1
    t.prompt()
    expect("Out[2:1]: 151" in t.printed(1), "another line has been run")


@scenario()
def paste_of_200_lines(t: Terminal, scene: Scene):
    """200 lines are pasted at once, in brackets where the editor asks for them."""
    t.prompt()
    t.paste("".join(f"x{i} = {i}\n" for i in range(200)) + SUM)
    t.type(ENTER)
    t.until(lambda: t.text().count("]: 19900") == 3, "the sum on every rank")
    t.number = 2 if scene.front == IPYTHON else 202
    t.prompt()


@scenario()
def paste_of_200_lines_without_brackets(t: Terminal):
    """200 lines come as if someone typed very fast."""
    t.prompt()
    t.type("".join(f"x{i} = {i}{ENTER}" for i in range(200)))
    t.number = 201
    t.prompt()
    expect("Out[2:201]: 19900" in t.cell(SUM), "lines are lost")


@scenario()
def typed_ahead(t: Terminal):
    """What is typed while a cell runs is kept for the next prompt."""
    t.run("import time; print('begun'); time.sleep(2)")
    t.reports("stdout", "begun", "0-2")
    t.type(f"40 + 2{ENTER}20 + ")
    t.number += 2
    t.prompt("20 + ")
    expect("Out[2:2]: 42" in t.printed(2), "the first line has not been run")
    t.type(f"1{ENTER}")
    t.number += 1
    t.prompt()
    expect("Out[2:3]: 21" in t.printed(3), "the second line has not been kept")


@scenario()
def resized_at_the_prompt(t: Terminal):
    """The editor follows the size of the window."""
    t.prompt()
    t.resize(30, 60)
    line = "len('" + "y" * 70 + "')"
    t.type(line)
    t.prompt(line)
    t.type(f"{HOME}1 + {END}{ENTER}")
    t.number += 1
    t.prompt()
    expect("Out[2:1]: 71" in t.printed(1), "another line has been run")
    t.resize(40, 120)
    line = "len('" + "z" * 95 + "')"
    t.type(line)
    t.prompt(line)
    expect(
        any("z" * 95 in row for row in t.visible().split("\n")),
        "the line is broken at the old width",
    )
    t.type(ENTER)
    t.number += 1
    t.prompt()


@scenario()
def resized_while_a_cell_runs(t: Terminal, scene: Scene):
    """A size that changes during a cell holds at the next prompt."""
    scene.file("late.py", LATE)
    t.run("import late; late.wait()")
    t.resize(30, 60)
    scene.file("go")
    t.number += 1
    t.prompt()
    line = "len('" + "y" * 70 + "')"
    t.type(line)
    t.prompt(line)
    t.type(ENTER)
    t.number += 1
    t.prompt()
    expect("Out[2:2]: 70" in t.printed(2), "another line has been run")


@scenario()
def output_while_a_line_is_typed(t: Terminal, scene: Scene):
    """What a thread prints comes above the line, which stays intact."""
    scene.file("late.py", LATE)
    t.cell("import late; late.begin()")
    t.type("1 + 40 + 2")
    t.prompt("1 + 40 + 2")
    t.type(LEFT * 2)
    scene.file("go")
    t.until(lambda: t.text().count("] late") == 3, "the lines of all threads")
    t.prompt("1 + 40 +")
    t.type(f"{END}{BACKSPACE}1")
    t.prompt("1 + 40 + 1")
    t.type(ENTER)
    t.number += 1
    t.prompt()
    expect("Out[2:2]: 42" in t.printed(2), "another line has been run")


@scenario()
def output_while_a_line_of_several_rows_is_typed(t: Terminal, scene: Scene):
    """A line that is wider than the terminal stays intact too, and is there only once."""
    scene.file("late.py", LATE)
    t.cell("import late; late.begin()")
    line = "first = '" + "abcdefghi " * (3 * COLUMNS // 10) + "'"
    t.type(line)
    t.prompt(line)
    t.type(LEFT * (COLUMNS + COLUMNS // 2))  # to a row in the middle
    scene.file("go")
    t.until(lambda: t.text().count("] late") == 3, "the lines of all threads")
    t.type(END)
    t.prompt(line)
    expect(t.text().count("first = ") == 1, "a part of the line is there twice")
    t.type(f"; print(len(first)){ENTER}")
    t.number += 1
    t.prompt()
    expect(f"[stdout:2] {len(line) - 10}" in t.printed(2), "another line has been run")


@scenario()
def much_output_while_a_line_is_typed(t: Terminal, scene: Scene):
    """A rank that prints without end does not keep a user from typing."""
    scene.file("late.py", LATE)
    know_rank(t)
    t.cell("import late; _ = rank == 1 and late.stream()")
    for key in "40 + 2":
        t.type(key)
    t.until(lambda: "40 + 2" in t.visible(), "the line")
    t.type(ENTER)
    t.until(lambda: "Out[2:3]: 42" in t.text(), "the value")
    t.type(f"late.stop = True{ENTER}")
    t.number += 2
    t.prompt()


@scenario()
def a_line_of_several_rows(t: Terminal):
    """A line goes on where the terminal ends, and keys move in all of its rows."""
    t.prompt()
    line = "first = '" + "abcdefghi " * (2 * COLUMNS // 10) + "'"
    t.type(line)
    t.prompt(line)
    t.type(f"{HOME}{'1' * COLUMNS};{END}; print(len(first))")
    t.prompt(f"{'1' * COLUMNS};{line}; print(len(first))")
    t.type(ENTER)
    t.number += 1
    t.prompt()
    expect(f"[stdout:2] {len(line) - 10}" in t.printed(1), "another line has been run")
