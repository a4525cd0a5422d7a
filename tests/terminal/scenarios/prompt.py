"""Beginning, the prompt, and the end."""

from scene import IPYTHON, Scene, scenario
from terminal import CTRL_C, CTRL_D, ENTER, Terminal, expect

from scenarios import know_rank


@scenario()
def start(t: Terminal):
    """A banner, then the first prompt; `exit` ends the session with status 0."""
    t.prompt()
    banner = t.text().split("In [1]")[0]
    expect("mpirepl" in banner, "the banner does not say who speaks")
    expect("3" in banner, "the banner does not tell the number of ranks")
    t.type(f"exit{ENTER}")
    t.ends(0)


@scenario(options="-q")
def quiet_start(t: Terminal):
    """With -q there is no banner."""
    t.prompt()
    expect(not t.text().split("In [1]")[0].strip(), "something stands above the first prompt")


@scenario()
def values(t: Terminal):
    """The value of a cell comes from every rank, under the number of its prompt."""
    printed = t.cell("1 + 1")
    wanted = ["Out[0:1]: 2", "Out[1:1]: 2", "Out[2:1]: 2"]
    expect(printed.strip().split("\n") == wanted, f"other values came: {printed}")
    expect(t.cell("print('hello')").count("hello") == 3, "not every rank has printed")


@scenario()
def first_cell_is_a_string(t: Terminal):
    """It is a value like any other, not the docstring of a program."""
    expect(t.cell("'first'").count("'first'") == 3, "it is not shown")


@scenario(options="--fold=on")
def folded_values(t: Terminal):
    """Equal values are folded on demand."""
    expect(t.cell("1 + 1").strip() == "Out[0-2:1]: 2", "the values are not folded")


@scenario(ranks=6)
def targets_in_the_prompt(t: Terminal):
    """The prompt shows the targets when they are not all ranks, and counts cells only."""
    know_rank(t)
    t.run("%targets 0-2,5")
    t.targets = "0-2,5"
    t.prompt()
    printed = t.cell("rank")
    expect(printed.count("Out[") == 4 and "Out[5:2]: 5" in printed, f"it ran elsewhere: {printed}")
    t.run("%targets all")
    t.targets = ""
    t.prompt()


@scenario(options="--targets 1")
def targets_of_the_command_line(t: Terminal):
    """--targets holds from the first prompt on."""
    t.targets = "1"
    expect(t.cell("6 * 7").strip() == "Out[1:1]: 42", "it did not run on rank 1 alone")


@scenario()
def wrong_targets(t: Terminal):
    """A wrong target is one sentence, and the next cell works."""
    expect("'9'" in t.magic("%targets 9"), "the sentence does not quote the target")
    expect("Out[0:1]: 2" in t.cell("1 + 1"), "the next cell does not work")


@scenario()
def ctrl_c_at_the_prompt(t: Terminal):
    """Ctrl-C clears the line; the number stays."""
    t.prompt()
    t.type("print('never'")
    t.prompt("print('never'")
    t.type(CTRL_C)
    t.prompt()
    expect("Out[0:1]: 2" in t.cell("1 + 1"), "the next cell does not work")
    expect("[stdout" not in t.text(), "the line has been run")


@scenario()
def ctrl_c_often_at_the_prompt(t: Terminal):
    """Ctrl-C at an empty prompt does nothing, however often."""
    t.prompt()
    for _ in range(5):
        t.type(CTRL_C)
    expect("Out[0:1]: 2" in t.cell("1 + 1"), "the next cell does not work")


@scenario()
def ctrl_d(t: Terminal):
    """Ctrl-D on an empty line ends the session; IPython may ask whether to."""
    t.prompt()
    t.type(CTRL_D)
    t.until(
        lambda: t.status() is not None or "really want to exit" in t.visible(),
        "the end or IPython's question",
    )
    if t.status() is None:
        t.type(f"y{ENTER}")
    t.ends(0)


@scenario()
def exit_called(t: Terminal):
    """exit() ends the session."""
    t.run("exit()")
    t.ends(0)


@scenario()
def quit_called(t: Terminal):
    """quit() ends the session."""
    t.run("quit()")
    t.ends(0)


@scenario()
def quit_magic(t: Terminal):
    """%quit ends the session."""
    t.run("%quit")
    t.ends(0)


@scenario()
def exit_with_a_status(t: Terminal):
    """SystemExit on all ranks ends the session with its code."""
    t.run("import sys; sys.exit(3)")
    t.ends(3)


@scenario()
def system_exit_on_one_rank(t: Terminal):
    """SystemExit on some ranks is an error that does not end the session."""
    know_rank(t)
    printed = t.cell("import sys; _ = rank == 1 and sys.exit(5)")
    expect("[error:1]" in printed, "it is not shown as an error")
    expect("Out[1:3]: 1" in t.cell("rank"), "rank 1 does not run cells any more")


@scenario()
def error_on_one_rank(t: Terminal):
    """An error on one rank does not end the session, nor does it count at its end."""
    know_rank(t)
    printed = t.cell("1 / (rank - 1)")
    expect("[error:1] ZeroDivisionError" in printed, "no error of rank 1")
    expect("Out[0:2]: -1.0" in printed, "the others have no value")
    expect("[error:0" not in printed, "others have an error too")
    t.type(f"exit{ENTER}")
    t.ends(0)


@scenario()
def syntax_error(t: Terminal):
    """A SyntaxError comes once, and the next cell works."""
    printed = t.cell("1 +* 2")
    expect(printed.count("SyntaxError") == 1, f"not one SyntaxError: {printed}")
    expect("Out[0:2]: 2" in t.cell("1 + 1"), "the next cell does not work")


@scenario(command="{mpirepl}")
def without_mpiexec(t: Terminal):
    """One rank without a launcher: the terminal is its own."""
    expect("Out[0:1]: 2" in t.cell("1 + 1"), "a cell does not work")
    t.run("import time; print('begun'); time.sleep(1000)")
    t.sees(r"\[stdout:0\] begun")
    t.type(CTRL_C)
    t.sees("KeyboardInterrupt")
    t.number += 1
    t.prompt()


@scenario(environment={"TERM": "dumb"})
def dumb_terminal(t: Terminal):
    """On a dumb terminal there is a prompt, and nothing that it would not understand."""
    expect("Out[2:1]: 2" in t.cell("1 + 1"), "a cell does not work")
    expect(b"\x1b[" not in t.raw, "it was sent escape sequences")


@scenario(IPYTHON, answers=False)
def terminal_that_does_not_answer(t: Terminal):
    """A terminal that does not tell its cursor's position has a prompt, too."""
    t.until(lambda: "In [1]:" in t.text(), "the prompt")
    t.type(f"1 + 1{ENTER}")
    t.until(lambda: "Out[2:1]: 2" in t.text(), "the value")
    t.until(lambda: "In [2]:" in t.text(), "the next prompt")
    t.type(f"exit{ENTER}")
    t.ends(0)


@scenario(environment={"HOME": "/proc/nowhere", "IPYTHONDIR": "/proc/nowhere/.ipython"})
def no_home(t: Terminal):
    """Where no history can be written there is a session without one."""
    expect("Out[2:1]: 2" in t.cell("1 + 1"), "a cell does not work")


@scenario(command="")
def after_a_script(scene: Scene):
    """-i: the names of a script are there at the prompt."""
    scene.file("script.py", "import sys\nwords = sys.argv[1:]\nprint('the script')\n")
    t = scene.session(2, "-i script.py one two")
    t.prompt()
    expect("[stdout:1] the script" in t.text(), "the script has not printed")
    expect("Out[1:1]: ['one', 'two']" in t.cell("words"), "its names are not there")


@scenario(command="mpiexec -n 2 {mpirepl} -i -c 'answer = 42'")
def after_code(t: Terminal):
    """-i: so are those of -c."""
    expect("Out[1:1]: 42" in t.cell("answer"), "the names are not there")


@scenario(command="mpiexec -n 2 {mpirepl} -i -c '1 / 0'")
def after_an_error(t: Terminal):
    """-i: also after an error, as under python."""
    t.prompt()
    expect("ZeroDivisionError" in t.text(), "the error is not shown")
    expect("Out[1:1]: 2" in t.cell("1 + 1"), "a cell does not work")


@scenario(IPYTHON)
def error_in_the_front_end(t: Terminal):
    """When IPython's editor fails, Python's takes its place, and says so."""
    t.cell("get_ipython().prompt_for_code = lambda: 1 / 0")
    expect("ZeroDivisionError" in t.text(), "it does not say what has happened")
    expect("Out[1:" in t.cell("1 + 1"), "the session does not go on")


@scenario()
def many_cells(t: Terminal):
    """A hundred cells, one after the other."""
    t.prompt()
    for number in range(100):
        t.type(f"n = {number}{ENTER}")
        t.number += 1
        t.prompt()
    expect("Out[2:101]: 99" in t.cell("n"), "the last cell has not been run")
    expect(len(t.raw) < 1_000_000, "the prompt writes too much")


@scenario(command="mpiexec -n 2 {mpirepl} -i -c 'import sys; sys.exit(3)'")
def after_an_exit(t: Terminal):
    """-i: also after sys.exit, as under python; the session has a status of its own."""
    expect("Out[1:1]: 2" in t.cell("1 + 1"), "a cell does not work")
    t.type(CTRL_D)
    t.ends(0)


@scenario()
def signs_of_interactive_use(t: Terminal):
    """The ranks have Python's prompts, by which libraries know that somebody sits there."""
    printed = t.cell("import sys; sys.ps1, sys.ps2")
    expect(printed.count("]: ('In : ', '...: ')") == 3, f"not on all ranks: {printed}")
