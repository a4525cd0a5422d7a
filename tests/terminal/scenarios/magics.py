"""Magics: those on the session, those on the targets, those of IPython."""

import re

from scene import IPYTHON, Scene, scenario
from terminal import CTRL_C, CTRL_E, CTRL_X, ENTER, F2, Terminal, expect

from scenarios import know_rank

# It says when it is there, and writes the key that it gets.
KEY_EDITOR = """\
#!/bin/sh
stty raw -echo </dev/tty
echo open
key=$(dd bs=1 count=1 2>/dev/null </dev/tty | od -An -tu1)
stty sane </dev/tty
echo "key =" $key >"$1"
"""
LEAST = r"^time: min ([1-9]\d\d ms|[1-9]\S* s)"  # at least 0.1 s


@scenario(IPYTHON)
def question_mark(t: Terminal):
    """A name with a question mark shows its documentation, once."""
    t.cell("import textwrap; documented = textwrap.dedent")
    t.run("documented?")
    t.shows("Remove any common leading whitespace")
    leave_pager(t)
    expect(t.text().count("Remove any common") == 1, "it has come more than once")


@scenario(IPYTHON)
def question_mark_alone(t: Terminal):
    """A question mark shows what IPython is, once."""
    t.run("?")
    t.shows("IPython -- An enhanced Interactive Python")
    leave_pager(t)
    expect(t.text().count("An enhanced Interactive Python") == 1, "it has come more than once")


@scenario(IPYTHON)
def question_mark_behind_magics(t: Terminal):
    """%name? explains a magic, the session's own and IPython's."""
    for line in "%run?", "?%run", "%run??":
        expect(t.magic(line).startswith("%run [-inetG] FILE"), f"{line} explains another one")
    for line in "exit?", "quit?", "%quit?":
        expect(t.magic(line) == "%quit: end the session", f"{line} does not explain it")
    t.cell("quit = 42")
    t.run("quit?")
    t.shows("Type: +int")
    leave_pager(t)
    t.run("%history?")
    t.shows("Print input history")
    leave_pager(t)
    t.run("%%px?\n\n")
    t.shows("the same under IPython's name")
    leave_pager(t)
    t.run("%timeit?")
    t.shows("Time execution of a Python statement")
    leave_pager(t)


@scenario(IPYTHON)
def parallel_magic_in_a_statement(t: Terminal):
    """%px inside a statement of rank 0 runs on the targets, as under IPython."""
    t.run("%autopx")
    t.finds_number()
    t.cell("for _ in '12':\n%px print('round')\n\n")
    expect(t.text().count("[stdout:0] [stdout:2] round") == 2, "it has not run twice")
    t.run("%autopx")
    t.finds_number()
    t.run("for _ in '12':\n%px 1\n\n")
    t.shows("UsageError: %px acts on the session")
    t.finds_number()


def leave_pager(t: Terminal) -> None:
    """Leave the pager if there is one, and wait for a prompt."""
    t.until(lambda: t.last_line().startswith((":", "(END)", "In [")), "a pager or a prompt")
    if not t.last_line().startswith("In ["):
        t.type("q")
    t.finds_number()


@scenario(IPYTHON, environment={"EDITOR": "{home}/editor"})
def edit_magic(t: Terminal, scene: Scene):
    """%edit opens an editor on rank 0; what is written there runs on all ranks."""
    scene.file("editor", "#!/bin/sh\necho 'edited = 6 * 7' >\"$1\"\n", executable=True)
    t.run("%edit")
    t.finds_number()
    expect(t.cell("edited").count("]: 42") == 3, "it has not been run on all ranks")


@scenario(IPYTHON, environment={"PAGER": "{home}/pager"})
def pager(t: Terminal, scene: Scene):
    """A pager gets its keys from the terminal, as less does."""
    scene.file(
        "pager", "#!/bin/sh\ncat >/dev/null\necho more?\nread key </dev/tty\necho a $key\n", True
    )
    t.cell("import textwrap")
    t.run("textwrap??")
    t.shows("more[?]")
    t.type(f"key{ENTER}")
    t.shows("a key")
    t.finds_number()


@scenario(IPYTHON, environment={"EDITOR": "{home}/editor"})
def ctrl_c_in_an_editor(t: Terminal, scene: Scene):
    """Ctrl-C is a key for an editor that takes it as one."""
    scene.file("editor", KEY_EDITOR, executable=True)
    t.run("%edit")
    t.shows("open *$")
    t.type(CTRL_C)
    t.finds_number()
    expect(t.cell("key").count("]: 3") == 3, "the editor has not got it")


@scenario(IPYTHON, command="", environment={"EDITOR": "{home}/editor"})
def editor_of_the_line(scene: Scene):
    """F2 has the line edited, Ctrl-X Ctrl-E runs it too; the editor has the terminal for itself."""
    scene.file("editor", KEY_EDITOR, executable=True)
    scene.configure("c.TerminalInteractiveShell.extra_open_editor_shortcuts = True\n")
    t = scene.session()
    t.prompt()
    t.type("key = 0")
    t.prompt("key = 0")
    t.type(F2)
    t.until(lambda: t.last_line() == "open", "the editor")
    t.type(CTRL_C)
    t.prompt("key = 3")
    t.type(f" + 1{ENTER}")
    t.number += 1
    expect(t.cell("key").count("]: 4") == 3, "it is not the edited line that has been run")
    t.prompt()
    t.type(CTRL_X + CTRL_E)
    t.until(lambda: t.last_line() == "open", "the editor")
    t.type("A")
    t.number += 1
    expect(t.cell("key").count("]: 65") == 3, "the edited line has not been run")


@scenario(IPYTHON)
def timeit_magic(t: Terminal):
    """%timeit measures on every rank."""
    t.run("%timeit -n 10 -r 2 sum(range(10))")
    t.number += 1
    t.prompt()
    expect(t.printed(1).count("per loop") == 3, "not every rank has measured")


@scenario(IPYTHON)
def prun_magic(t: Terminal):
    """%prun profiles on every rank."""
    t.cell("x = 1")
    t.run("%prun sum(range(10))")
    t.number += 1
    t.prompt()
    expect(t.printed(2).count("{built-in method builtins.sum}") == 3, "not every rank has profiled")


@scenario(IPYTHON)
def capture_magic(t: Terminal):
    """%%capture runs its cell once on every rank, and shows nothing."""
    t.cell("times = []")
    t.cell("%%capture caught\nprint('not to be seen'); times.append(1)\n\n")
    expect("] not to be seen" not in t.text(), "it is shown")
    printed = t.cell("len(times), caught.stdout")
    expect(printed.count("]: (1, 'not to be seen\\n')") == 3, f"something else: {printed}")


@scenario(IPYTHON)
def alias_magic(t: Terminal):
    """%alias defines an alias on every rank."""
    t.run("%alias tell echo told")
    t.finds_number()
    printed = t.cell("tell twice")
    expect(printed.count("] told twice") == 3, f"not every rank knows it: {printed}")


@scenario(IPYTHON)
def store_magic(t: Terminal):
    """%store keeps rank 0's value, and %store -r brings it to every rank."""
    t.cell("import mpirepl; kept = mpirepl.rank + 5")
    t.run("%store kept")
    t.shows("Stored 'kept'")
    t.cell("del kept")
    t.run("%store -r kept")
    t.finds_number()
    expect(t.cell("kept").count("]: 5") == 3, "it is not on all ranks")


@scenario(IPYTHON)
def log_magic(t: Terminal, scene: Scene):
    """%logstart writes cells and rank 0's values into a file."""
    t.run("%logstart -o log.py")
    t.shows("State *: active")
    t.cell("6 * 7")
    t.cell("kept = 1")
    log = (scene.home / "log.py").read_text()
    expect("6 * 7\n#[Out]# 42\nkept = 1\n" in log, f"something else is in the file: {log}")


@scenario(IPYTHON)
def pdb_magic(t: Terminal):
    """After %pdb an error leads into the debugger on each rank that has it."""
    t.cell("%pdb on")
    t.run("%%targets 1\nvalue = 41; 1 / (value - 41)\n\n")
    t.asks("[stdin:1] (Pdb) ")
    t.shows(r"ZeroDivisionError: division by zero\n.*> <cell 2>\(2\)<module>\(\)\n.*-> value = 41")
    t.type(f"p value + 1{ENTER}")
    t.shows("^.stdout:1. 42")
    t.asks("[stdin:1] (Pdb) ")
    t.type(f"q{ENTER}")
    t.finds_number()


@scenario(IPYTHON)
def parallel_magic(t: Terminal):
    """%%px with options leaves the names of the shell alone; a view's own magics are there."""
    t.cell("import mpirepl; 40 + 2")
    t.cell("%%px --group-outputs=engine\n5\n\n")
    t.shows(r"Out\[1:\d+\]: 5")
    expect("Out[0:3]: 42" in t.cell("_"), "rank 0's _ is something else")
    t.cell("%%targets 0\nmpirepl.Client()[1:].activate('mine')\n\n")
    t.cell("%%targets 0\n%pxmine print('mine')\n\n")
    t.shows("AsyncResult")
    t.run("%%px --never\n\n")
    t.shows(r"^.error:0. UsageError: %%px: unrecognized arguments: --never$")
    t.finds_number()


@scenario()
def unknown_magics(t: Terminal):
    """A magic that does not exist is told of in a line, and the session goes on."""
    t.run("%nowhere")
    t.shows(r"^mpirepl: there is no magic %nowhere: did you mean %where[?]")
    t.finds_number()
    t.run("%%nowhere\n1\n\n")
    t.shows(r"^mpirepl: there is no magic %%nowhere")
    t.finds_number()
    t.run("%unheard_of")
    t.shows(r"^mpirepl: there is no magic %unheard_of \(%lsmagic")
    t.finds_number()
    expect("Out[2:1]: 42" in t.cell("6 * 7"), "the session does not go on")


@scenario(IPYTHON)
def magic_that_rank_0_does_not_know(t: Terminal, scene: Scene):
    """Where rank 0 is no target it must know a magic all the same, and the answer says so."""
    scene.file(
        "extending.py",
        "def load_ipython_extension(shell):\n"
        "    shell.register_magic_function(print, 'line_cell', 'extmag')\n",
    )
    t.magic("%targets 1")
    t.targets = "1"
    t.cell("%load_ext extending")
    for asked in "%extmag it", "%%extmag it\n1\n\n":
        t.run(asked)
        t.shows(r"^mpirepl: there is no magic %+extmag .*; load extensions on rank 0, too$")
        t.finds_number()
    t.cell("%%targets 0\n%load_ext extending\n\n")
    expect("[stdout:1] it" in t.cell("%extmag it"), "it does not run")


@scenario(IPYTHON)
def deleting_magic(t: Terminal):
    """%xdel deletes a name on every rank."""
    t.cell("doomed = 1")
    expect("Error" not in t.cell("%xdel doomed"), "it fails")
    expect("[error:0-2] NameError" in t.cell("doomed"), "the name is there still")


@scenario(IPYTHON)
def gui_magic(t: Terminal):
    """A magic that is about windows, such as %matplotlib, does no harm to ranks without them."""
    printed = t.cell("%gui")
    expect("Error" not in printed, f"it fails: {printed}")


@scenario(IPYTHON)
def autocall_magic(t: Terminal):
    """%autocall shows what it has made of a line, and that runs."""
    t.cell("def double(x): return 2 * x\n\n")
    t.run("%autocall 1")
    t.finds_number()
    t.run("double 21")
    t.shows(r"^------> double\(21\)\s+Out\[0:\d+\]: 42")
    t.finds_number()


@scenario()
def time_magic(t: Terminal):
    """%time prints the wall time of a line over the ranks."""
    t.cell("import time")
    printed = t.cell("%time time.sleep(0.1)")
    expect(re.search(LEAST, printed, re.MULTILINE), f"no time: {printed}")


@scenario()
def time_of_a_cell(t: Terminal):
    """%%time prints that of a cell, which two empty lines end, as in IPython."""
    t.cell("import time")
    t.run("%%time\ntime.sleep(0.1)\n\n")
    t.shows(LEAST)
    t.finds_number()


@scenario()
def run_magic(t: Terminal, scene: Scene):
    """%run runs a file on the targets; its names are there afterwards."""
    scene.file("script.py", "import sys\nword = sys.argv[1]\nprint('the script')\n")
    printed = t.cell("%run script.py yes")
    expect(printed.count("] the script") == 3, f"not every rank has run it: {printed}")
    expect("Out[2:2]: 'yes'" in t.cell("word"), "its names are not there")


@scenario(IPYTHON)
def autoreload(t: Terminal, scene: Scene):
    """%autoreload 2: a module that has changed is new on all ranks."""
    scene.file("changing.py", "def answer(): return 'old'\n")
    t.run("%load_ext autoreload")
    t.finds_number()
    t.run("%autoreload 2")
    t.finds_number()
    t.cell("import changing")
    expect(t.cell("changing.answer()").count("'old'") == 3, "not the old one on all ranks")
    scene.file("changing.py", "def answer(): return 'a new one'\n")
    expect(t.cell("changing.answer()").count("'a new one'") == 3, "not the new one on all ranks")


@scenario()
def shell_command(t: Terminal):
    """!command runs on the targets."""
    printed = t.cell("!echo from the $((6 * 7))")
    expect(printed.count("] from the 42") == 3, f"not on every rank: {printed}")


@scenario(IPYTHON)
def shell_command_with_a_value_of_ipython(t: Terminal):
    """The lines are IPython's list, with the forms that its users know."""
    t.cell("lines = !echo one; echo two")
    expect(t.cell("lines.s, lines.grep('t')").count("('one two', ['two'])") == 3, "another list")


@scenario()
def shell_command_with_a_value(t: Terminal):
    """name = !command keeps its lines."""
    t.cell("lines = !echo one; echo two")
    expect("['one', 'two']" in t.cell("list(lines)"), "other lines")


@scenario()
def shell_command_that_is_a_value(t: Terminal):
    """!!command shows its lines as a value."""
    t.cell("!!echo one; echo two")
    expect("Out[2:2]: ['one', 'two']" in t.cell("_"), "other lines")


@scenario()
def reset_asks(t: Terminal):
    """%reset asks before it removes anything."""
    t.cell("kept = 1")
    t.run("%reset")
    t.until(lambda: re.search(r"\(y/\[n\]\)", t.last_line()), "the question")
    t.type(f"n{ENTER}")
    t.finds_number()
    expect("]: 1" in t.cell("kept"), "it has removed the names")
    t.run("%reset")
    t.until(lambda: re.search(r"\(y/\[n\]\)", t.last_line()), "the question")
    t.type(f"y{ENTER}")
    t.finds_number()
    expect("NameError" in t.cell("kept"), "it has not removed the names")


@scenario()
def targets_of_one_cell(t: Terminal):
    """%%targets and %px choose the ranks of one cell."""
    know_rank(t)
    printed = t.cell("%px --targets 1 rank")
    expect(printed.strip() == "Out[1:2]: 1", f"it ran elsewhere: {printed}")
    t.run("%%targets 0,2\nrank\n\n")
    t.shows(r"^Out\[2:3\]: 2")
    t.finds_number()
    expect("Out[1:3]" not in t.text(), "it ran on rank 1, too")


@scenario()
def unknown_magic(t: Terminal):
    """A magic that does not exist is one sentence."""
    t.run("%targetz")
    t.shows("mpirepl: there is no magic %targetz")
    t.finds_number()
    expect("Out[2:" in t.cell("1 + 1"), "the next cell does not work")


@scenario()
def where_magic(t: Terminal):
    """%where at the prompt: all are idle."""
    expect("idle" in t.magic("%where"), "they are not idle")


@scenario(IPYTHON)
def magic_of_the_session_on_rank_0(t: Terminal):
    """A magic of IPython that is none of ours acts on rank 0 or on the ranks, once each."""
    t.run("%lsmagic")
    t.shows("%targets")
    t.finds_number()


@scenario(IPYTHON)
def broken_off_line(t: Terminal):
    """Ctrl-C in a cell of several lines that is not complete clears it."""
    t.prompt()
    t.type(f"def f():{ENTER}")
    t.asks("   ...:     ")
    t.type(CTRL_C)
    t.prompt()


@scenario(IPYTHON)
def magic_asks(t: Terminal, scene: Scene):
    """A magic of the editor asks as in IPython, which asks again after Ctrl-C."""
    scene.file("big.py", "x = 1\n" * 50_000)
    question = "Continue (y/[N]) ? "
    t.run("%load big.py")
    t.until(lambda: t.last_line().endswith(question.rstrip()), "the question")
    t.type(f"n{ENTER}")
    t.shows("^Operation cancelled")  # the next prompt may be there already
    t.prompt()
    t.run("%load big.py")
    t.until(lambda: t.last_line().endswith(question.rstrip()), "the question again")
    before = t.text().count(question.rstrip())
    t.type(CTRL_C)
    t.until(lambda: t.text().count(question.rstrip()) > before, "the question after Ctrl-C")
    t.until(lambda: t.last_line().endswith(question.rstrip()), "it below")
    t.type(f"n{ENTER}")
    t.prompt()
    expect(t.cell("1 + 1").count(": 2") == 3, "the next cell does not work")


@scenario(IPYTHON)
def cpaste(t: Terminal):
    """%cpaste reads lines to --, and runs them on the ranks."""
    t.run("%cpaste")
    t.asks(":")
    t.type(f"pasted = 20{ENTER}")
    t.asks(":")
    t.type(f"pasted += 1{ENTER}")
    t.asks(":")
    t.type(f"--{ENTER}")
    t.finds_number()
    expect(t.cell("2 * pasted").count(": 42") == 3, "it has not run on all ranks")


@scenario()
def marks_under_an_error(t: Terminal):
    """The marks stand under what has failed."""
    printed = t.cell("1/0")
    source = re.search(r"\] ( +)1/0$", printed, re.MULTILINE)
    marks = re.search(r"\] ( +)~\^~$", printed, re.MULTILINE)
    expect(source and marks and source[1] == marks[1], f"they stand elsewhere: {printed}")


@scenario()
def line_of_an_error_below_a_magic(t: Terminal):
    """The magic is a line of its cell, also in a traceback."""
    t.run("%%targets 1\nfirst = 1\n1/0\n\n")
    t.shows(r'"<cell 1>", line 3, in <module>\n.error:1. +1/0')
    t.finds_number()
