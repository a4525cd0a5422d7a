"""What cells ask: input(), getpass, debuggers, on any rank."""

from scene import IPYTHON, Scene, scenario
from terminal import BACKSPACE, CTRL_C, CTRL_D, ENTER, LEFT, UP, Terminal, expect

from scenarios import answer_everywhere, know_rank


@scenario(ranks=4)
def input_on_rank_3(t: Terminal):
    """The question tells its rank, the answer goes there."""
    know_rank(t)
    t.run("name = input('name? ') if rank == 3 else None")
    t.asks("[stdin:3] name? ")
    t.type(f"Ada{ENTER}")
    t.number += 1
    t.prompt()
    expect("Out[3:3]: 'Ada'" in t.cell("name"), "rank 3 has another answer")


@scenario()
def input_on_all_ranks(t: Terminal):
    """One question at a time, in the order of the ranks."""
    know_rank(t)
    t.run("name = input('name? ')")
    for rank in range(3):
        t.asks(f"[stdin:{rank}] name? ")
        expect(f"[stdin:{rank + 1}]" not in t.text(), "two questions at once")
        t.type(f"number {rank}{ENTER}")
    t.number += 1
    t.prompt()
    printed = t.cell("name")
    wanted = [f"Out[{rank}:3]: 'number {rank}'" for rank in range(3)]
    expect(printed.strip().split("\n") == wanted, f"other answers: {printed}")


@scenario()
def input_while_rank_0_waits(t: Terminal):
    """Rank 0 waits in MPI meanwhile."""
    know_rank(t)
    t.run("word = comm.bcast(input('word? ') if rank == 2 else None, root=2)")
    t.asks("[stdin:2] word? ")
    t.type(f"yes{ENTER}")
    t.number += 1
    t.prompt()
    expect(t.cell("word").count("'yes'") == 3, "not all have the answer")


@scenario()
def answer_is_edited(t: Terminal):
    """The answer is edited like any line."""
    t.magic("%targets 1")
    t.targets = "1"
    t.run("word = input('word? ')")
    t.asks("[stdin:1] word? ")
    t.type("acx")
    t.asks("[stdin:1] word? ", "acx")
    t.type(f"{BACKSPACE}{LEFT}b{ENTER}")
    t.number += 1
    t.prompt()
    expect("'abc'" in t.cell("word"), "the keys have done something else")


@scenario(IPYTHON)
def answers_have_a_history(t: Terminal):
    """Up brings the last answer back, as a debugger's user expects, and no cell."""
    t.magic("%targets 1")
    t.targets = "1"
    t.run("a, b = input('one? '), input('two? ')")
    t.asks("[stdin:1] one? ")
    t.type(f"first{ENTER}")
    t.asks("[stdin:1] two? ")
    t.type(f"{UP}{ENTER}")
    t.number += 1
    t.prompt()
    expect("('first', 'first')" in t.cell("a, b"), "it was something else")


@scenario()
def question_of_several_lines(t: Terminal):
    """A prompt of several lines asks in its last one; an empty prompt asks, too."""
    t.magic("%targets 1")
    t.targets = "1"
    t.run(r"a = input('one\ntwo? '); b = input()")
    t.asks("[stdin:1] two? ")
    expect("one" in t.printed(), "the first line is not shown")
    t.type(f"first{ENTER}")
    t.asks("[stdin:1] ")
    t.type(f"second{ENTER}")
    t.number += 1
    t.prompt()
    expect("('first', 'second')" in t.cell("a, b"), "other answers")


def answer(t: Terminal, *lines: str) -> None:
    """Answer rank 1's questions without words, the last one with Ctrl-D."""
    for line in lines:
        t.asks("[stdin:1] ")
        t.type(line)
        t.asks("[stdin:1] ", line)
        t.type(ENTER)
    t.asks("[stdin:1] ")
    t.type(CTRL_D)
    t.number += 1
    t.prompt()


@scenario()
def lines_of_standard_input(t: Terminal):
    """sys.stdin asks without words; Ctrl-D is its end."""
    t.magic("%targets 1")
    t.targets = "1"
    t.run("import sys; lines = list(sys.stdin)")
    answer(t, "one", "two")
    expect(r"['one\n', 'two\n']" in t.cell("lines"), "other lines")


@scenario()
def bytes_of_standard_input(t: Terminal):
    """sys.stdin.buffer asks for the same lines; Ctrl-D is its end."""
    t.magic("%targets 1")
    t.targets = "1"
    t.run("import sys; lines = [sys.stdin.readline(), *sys.stdin.buffer]")
    answer(t, "one", "zwölf")
    expect(r"['one\n', b'zw\xc3\xb6lf\n']" in t.cell("lines"), "other lines")


@scenario()
def output_before_a_question(t: Terminal):
    """What was printed before is on the screen when the question comes."""
    t.run("print('before'); _ = input('? ')")
    t.asks("[stdin:0] ? ")
    t.reports("stdout", "before", "0-2")
    for _ in range(3):
        t.type(ENTER)
    t.number += 1
    t.prompt()


@scenario()
def password(t: Terminal):
    """What getpass asks for is not shown."""
    t.magic("%targets 1")
    t.targets = "1"
    t.run("import getpass; word = getpass.getpass('secret: ')")
    t.asks("[stdin:1] secret: ")
    t.type(f"hunter2{BACKSPACE}2{ENTER}")
    t.number += 1
    t.prompt()
    expect(t.printed(1).rstrip() == "[stdin:1] secret:", f"it is shown: {t.printed(1)}")
    expect("'hunter2'" in t.cell("word"), "it is not what was typed")


@scenario()
def password_is_not_in_the_history(t: Terminal):
    """Neither is it in the history."""
    t.run("import getpass; word = getpass.getpass('secret: ')")
    for rank in range(3):
        t.asks(f"[stdin:{rank}] secret: ")
        t.type(f"hunter2{ENTER}")
    t.number += 1
    t.prompt()
    expect("hunter2" not in t.magic("%history"), "it is in the history")


@scenario()
def end_of_input(t: Terminal):
    """Ctrl-D at a question is the end of the input for that rank."""
    t.magic("%targets 1")
    t.targets = "1"
    t.run("word = input('word? ')")
    t.asks("[stdin:1] word? ")
    t.type(CTRL_D)
    t.reports("error", "EOFError.*", "1")
    t.number += 1
    t.prompt()


@scenario()
def ctrl_c_at_a_question(t: Terminal):
    """Ctrl-C at a question interrupts the cell on all ranks."""
    know_rank(t)
    t.run("word = input('word? ')")
    t.asks("[stdin:0] word? ")
    t.type(f"half{CTRL_C}")
    t.reports("error", "KeyboardInterrupt.*", "0-2")
    t.number += 1
    t.prompt()
    expect("[stdin:1]" not in t.printed(2), "another rank's question came")
    expect("Out[2:3]: 2" in t.cell("rank"), "the next cell does not work")


@scenario()
def ctrl_c_at_a_question_of_a_thread(t: Terminal):
    """Ctrl-C at a question that a thread asks after its cell leads to the prompt."""
    t.cell("import threading, time; go = threading.Event()")
    ask = "go.wait() and print('got', input('word? '))"
    t.cell(f"%px --targets 1 threading.Thread(target=lambda: {ask}, daemon=True).start()")
    t.run("go.set(); time.sleep(0.5); 'done'")
    t.reports("Out", "'done'", "0-2")
    t.asks("[stdin:1] word? ")
    t.type(CTRL_C)
    t.number += 1
    t.prompt()
    expect(t.cell("'alive'").count("'alive'") == 3, "the next cell does not work")


@scenario()
def breakpoint_on_rank_2(t: Terminal):
    """breakpoint() on one rank: its debugger is asked there."""
    know_rank(t)
    t.run("x = 40; _ = rank == 2 and breakpoint(); x + 2")
    t.asks("[stdin:2] (Pdb) ")
    t.type(f"p x * rank{ENTER}")
    t.sees("80$")
    t.asks("[stdin:2] (Pdb) ")
    t.type(f"x = 1{ENTER}")
    t.asks("[stdin:2] (Pdb) ")
    t.type(f"c{ENTER}")
    t.number += 1
    t.prompt()
    printed = t.printed(2)
    expect("Out[2:2]: 3" in printed and "Out[0:2]: 42" in printed, f"other values: {printed}")


@scenario()
def breakpoint_alone(t: Terminal):
    """A cell that is a breakpoint and no more stops in itself."""
    t.magic("%targets 1")
    t.targets = "1"
    t.run("breakpoint(header='look')")
    t.asks("[stdin:1] (Pdb) ")
    t.sees(r"look$")
    t.sees(r"> <cell 1>\(1\)<module>\(\)")
    expect("display" not in t.printed(), "it stops in mpirepl")
    t.type(f"c{ENTER}")
    t.number += 1
    t.prompt()


@scenario()
def debugger_is_left(t: Terminal):
    """q in the debugger ends the cell on that rank."""
    know_rank(t)
    t.run("_ = rank == 1 and breakpoint(); rank")
    t.asks("[stdin:1] (Pdb) ")
    t.type(f"q{ENTER}")
    t.number += 1
    t.prompt()
    expect("BdbQuit" in t.printed(2), "it has not ended by it")
    expect("Out[1:3]: 1" in t.cell("rank"), "the next cell does not work")


@scenario()
def ctrl_c_at_a_question_after_the_debugger(t: Terminal):
    """Ctrl-C ends a question also when pdb, which has been left with c, wants it for itself."""
    t.run("%px --targets 1 breakpoint()")
    t.asks("[stdin:1] (Pdb) ")
    t.type(f"c{ENTER}")
    t.number += 1
    t.run("%px --targets 1 word = input('word? ')")
    t.asks("[stdin:1] word? ")
    t.type(CTRL_C)
    t.reports("error", "KeyboardInterrupt.*", "1")
    t.number += 1
    t.prompt()
    expect(t.cell("'alive'").count("'alive'") == 3, "the next cell does not work")


@scenario()
def post_mortem(t: Terminal, scene: Scene):
    """pdb.post_mortem() looks at the last error of a rank."""
    scene.file("wrong.py", "def divide(x):\n    return 1 / x\n")
    know_rank(t)
    t.cell("import pdb, sys, wrong; wrong.divide(rank - 1)")
    t.magic("%targets 1")
    t.targets = "1"
    t.run("pdb.pm()")
    t.asks("[stdin:1] (Pdb) ")
    t.type(f"p 'x is', x{ENTER}")
    t.sees(r"\('x is', 0\)")
    t.asks("[stdin:1] (Pdb) ")
    t.type(f"q{ENTER}")
    t.number += 1
    t.prompt()


@scenario()
def debug_magic(t: Terminal, scene: Scene):
    """%debug asks at the last error, on the rank that had it."""
    scene.file("wrong.py", "def divide(x):\n    return 1 / x\n")
    know_rank(t)
    t.cell("import wrong; wrong.divide(rank - 1)")
    t.run("%debug")
    debugs(t)


@scenario()
def debug_magic_with_a_rank(t: Terminal, scene: Scene):
    """%debug N asks at the last error of rank N."""
    scene.file("wrong.py", "def divide(x):\n    return x / 0\n")
    know_rank(t)
    t.cell("import wrong; wrong.divide(rank)")
    t.run("%debug 2")
    debugs(t, rank=2, value=2)


@scenario()
def debug_magic_after_a_magic(t: Terminal, scene: Scene):
    """Above the file that %run has run stands the cell, not what runs it."""
    scene.file("wrong.py", "x = 0\n1 / x\n")
    t.cell("%run wrong.py")
    t.run("%debug 1")
    t.until(lambda: t.last_line().startswith("[stdin:1] "), "its question")
    t.type(f"u{ENTER}")
    t.sees(r"> <cell 1>\(1\)<module>\(\)")
    t.until(lambda: t.last_line().startswith("[stdin:1] "), "its next question")
    t.type(f"q{ENTER}")
    t.finds_number()


@scenario(IPYTHON)
def debug_magic_for_a_cell(t: Terminal):
    """%%debug runs its cell in IPython's debugger, which asks on every rank as any other does."""
    t.run("%%debug\nx = 41\nx += 1\n\n")
    answer_everywhere(t, "ipdb>", "c")
    t.finds_number()
    expect(t.cell("x").count("]: 42") == 3, "it has not run on every rank")
    for _ in range(2):
        t.run("%%debug\nx = 43\n\n")
        t.until(lambda: t.last_line() == "[stdin:0] ipdb>", "the question")
        t.type(CTRL_C)
        t.finds_number()
    expect(t.cell("'alive'").count("'alive'") == 3, "the next cell does not work")


def debugs(t: Terminal, rank: int = 1, value: int = 0) -> None:
    """Look at a variable in the debugger that has been started, and leave it."""
    t.until(lambda: t.last_line() in (f"[stdin:{rank}] (Pdb)", f"[stdin:{rank}] ipdb>"), "it")
    t.type(f"p 'x is', x{ENTER}")
    t.sees(rf"\('x is', {value}\)")
    t.until(lambda: t.last_line().startswith(f"[stdin:{rank}] "), "its next question")
    t.type(f"q{ENTER}")
    t.finds_number()


@scenario(IPYTHON)
def typed_ahead_of_a_question(t: Terminal):
    """What is typed before the question comes is its answer, as on any terminal."""
    t.magic("%targets 1")
    t.targets = "1"
    t.run("import time; print('begun'); time.sleep(1); word = input('word? ')")
    t.reports("stdout", "begun", "1")
    t.type(f"early{ENTER}")
    t.number += 1
    t.prompt()
    expect("'early'" in t.cell("word"), "it has gone elsewhere")


@scenario()
def exit_while_a_thread_of_rank_0_asks(t: Terminal):
    """The session ends as usual, with a daemon's question unanswered."""
    t.cell("import threading")
    t.magic("%targets 0")
    t.targets = "0"
    t.cell("threading.Thread(target=input, daemon=True).start()")
    t.run("exit")
    t.ends()


@scenario()
def ctrl_c_in_the_debugger(t: Terminal, scene: Scene):
    """A rank that waits for the user again after Ctrl-C is none that does not stop."""
    know_rank(t)
    scene.file(
        "stubborn.py",
        "import os, time\n\n\ndef work():\n    while not os.path.exists('go'):\n        try:\n"
        "            time.sleep(0.1)\n        except KeyboardInterrupt:\n            pass\n",
    )
    t.cell("import stubborn")
    t.run("rank == 1 and breakpoint(); rank == 2 and stubborn.work()")
    t.asks("[stdin:1] (Pdb) ")
    t.type(CTRL_C)
    t.sees(r"mpirepl: still running after the interrupt:")
    t.sees(r"^2 +stubborn.py:\d+ work")
    expect("cmd.py" not in t.text(), "the rank that asks is among them")
    scene.file("go")
    t.asks("[stdin:1] (Pdb) ")
    t.type(f"c{ENTER}")
    t.number += 1
    t.prompt()


@scenario()
def password_while_others_print(t: Terminal, scene: Scene):
    """What other ranks print meanwhile does not get into an answer that is not shown."""
    know_rank(t)
    scene.file("talk.py", "import os\ndef until(name):\n    while not os.path.exists(name): pass\n")
    t.cell("import getpass, talk")
    t.run("word = getpass.getpass('secret: ') if rank else (talk.until('go'), print('said'))")
    t.asks("[stdin:1] secret: ")
    scene.file("go")
    t.type(f"abc{ENTER}")
    t.asks("[stdin:2] secret: ")
    t.reports("stdout", "said", "0")
    t.type(f"de{ENTER}")
    t.number += 1
    t.prompt()
    words = t.cell("word")
    expect("Out[1:4]: 'abc'" in words and "Out[2:4]: 'de'" in words, f"other answers: {words}")


@scenario(command="")
def program_before_the_prompt_asks(scene: Scene):
    """-i: a program may ask as cells do, and what is typed is edited."""
    scene.file(
        "ask.py",
        """from getpass import getpass
from mpi4py import MPI
world = MPI.COMM_WORLD
name = input("name? ")
world.Barrier()
secret = getpass() if world.rank == 1 else None
world.Barrier()
if world.rank == 0:
    breakpoint()
    print("after it")
""",
    )
    t = scene.session(2, "-i ask.py")
    t.asks("[stdin:0] name? ")
    t.type(f"acx{BACKSPACE}{LEFT}b{ENTER}")
    t.asks("[stdin:1] name? ")
    t.type(f"xyz{ENTER}")
    t.asks("[stdin:1] Password: ")
    t.type(f"secret{ENTER}")
    t.asks("[stdin:0] (Pdb) ")
    t.type(f"p name{ENTER}")
    t.sees("'abc'$")
    t.asks("[stdin:0] (Pdb) ")
    t.type(f"c{ENTER}")
    t.prompt()
    printed = t.cell("name, secret")
    expect("Out[0:1]: ('abc', None)" in printed, f"rank 0 has other answers: {printed}")
    expect("Out[1:1]: ('xyz', 'secret')" in printed, f"rank 1 has other answers: {printed}")
    expect(t.text().count("secret") == 2, "the password was shown")  # the cell and its value


@scenario(command="")
def program_before_the_prompt_is_debugged(scene: Scene):
    """-i: %debug looks into the error of the program, on the rank that had it."""
    scene.file("wrong.py", "from mpi4py import MPI\nx = MPI.COMM_WORLD.rank - 1\n1 / x\n")
    t = scene.session(2, "-i wrong.py")
    t.run("%debug")
    t.until(lambda: t.last_line().startswith("[stdin:1] "), "its question")
    t.type(f"p x{ENTER}")
    t.sees("0$")
    t.until(lambda: t.last_line().startswith("[stdin:1] "), "its next question")
    t.type(f"q{ENTER}")
    t.finds_number()


@scenario(command="")
def program_before_the_prompt_leaves_a_question(scene: Scene):
    """-i: the prompt waits for the answer to a thread of the program."""
    scene.file(
        "ask.py",
        """import os, threading, time
def ask():
    global name
    name = input("name? ")
threading.Thread(target=ask).start()
while not os.path.exists("go on"):
    time.sleep(0.01)
""",
    )
    t = scene.session(1, "-i ask.py")
    t.asks("[stdin:0] name? ")
    scene.file("go on", "")
    t.type(f"Ada{ENTER}")
    t.prompt()
    expect("Out[0:1]: 'Ada'" in t.cell("name"), "the answer has not come")
