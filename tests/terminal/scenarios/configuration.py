"""What the user has configured for IPython, which holds here, too."""

from scene import IPYTHON, Scene, scenario
from terminal import CTRL_C, CTRL_D, ENTER, ESCAPE, Terminal, expect

from scenarios import ranks_that_show


@scenario(IPYTHON, command="")
def configuration_of_the_user(scene: Scene):
    """Editing mode and aliases of the user's ipython_config.py hold, the latter on all ranks."""
    scene.configure(
        "c.TerminalInteractiveShell.editing_mode = 'vi'\n"
        "c.AliasManager.user_aliases = [('tell', 'echo told')]\n"
    )
    t = scene.session(2)
    t.until(lambda: "In [1]:" in t.text(), "a prompt")
    t.type("xx40 + 2")
    t.until(lambda: "xx40 + 2" in t.visible(), "the line")
    t.type(ESCAPE)
    t.until(lambda: "[nav]" in t.visible(), "the mode in the prompt")
    t.type("02x")
    t.until(lambda: "xx40" not in t.last_line() and "40 + 2" in t.last_line(), "the line mended")
    t.type(ENTER)
    t.until(lambda: "Out[1:1]: 42" in t.text(), "the value")
    t.until(lambda: "In [2]:" in t.visible(), "the next prompt")
    t.type(f"tell{ENTER}")
    t.until(lambda: "[stdout:1] told" in t.text(), "what the alias prints")
    t.until(lambda: "In [3]:" in t.visible(), "the next prompt")
    t.type(f"exit{ENTER}")
    t.ends(0)


@scenario(IPYTHON, command="")
def configured_prompt(scene: Scene):
    """The prompts of IPython's configuration hold, and its question before the end."""
    scene.configure(
        "from IPython.terminal.prompts import Prompts, Token\n"
        "class Own(Prompts):\n"
        "    def in_prompt_tokens(self):\n"
        "        return [(Token.Prompt, f'cell {self.shell.execution_count}> ')]\n"
        "c.TerminalInteractiveShell.prompts_class = Own\n"
        "c.TerminalInteractiveShell.confirm_exit = True\n"
    )
    t = scene.session(2)
    t.asks("cell 1> ")
    t.type(f"'alive'{ENTER}")
    t.asks("cell 2> ")
    t.type(CTRL_D)
    question = "Do you really want to exit ([y]/n)? "
    t.asks(question)
    t.type(f"n{ENTER}")
    t.asks("cell 2> ")
    t.type(CTRL_D)
    t.asks(question)
    t.type(CTRL_C)
    t.asks("cell 2> ")
    t.type(CTRL_D)
    t.asks(question)
    t.type(f"what{ENTER}")
    t.asks(question)
    t.type(ENTER)
    t.ends()


@scenario(IPYTHON, command="")
def which_values_the_user_wants_to_see(scene: Scene):
    """IPython's ast_node_interactivity of the configuration holds, and %config changes it."""
    scene.configure("c.InteractiveShell.ast_node_interactivity = 'all'\n")
    t = scene.session(2)
    t.until(lambda: "In [1]:" in t.text(), "a prompt")
    lines = t.cell("'one'; 2; c = 3; 'four'")
    values = [line.split(": ")[1] for line in lines.splitlines() if line.startswith("Out[1:1]")]
    expect(values == ["'one'", "2", "'four'"], lines)
    expect(t.cell("'one'; 2;") == "", "values that a semicolon hides")
    t.magic("%config InteractiveShell.ast_node_interactivity = 'last_expr_or_assign'")
    expect("Out[1:3]: 'a;b'" in t.cell("'none'; text = 'a;b'"), "no value of an assignment")
    expect(t.cell("text = 'quiet';") == "", "a value that a semicolon hides")
    t.run("exit")
    t.ends()


@scenario(IPYTHON, command="")
def configured_extensions(scene: Scene):
    """Extensions of the configuration are loaded on all ranks; one that fails is no harm."""
    scene.file("changing.py", "def answer(): return 'old'\n")
    scene.configure(
        "c.InteractiveShellApp.extensions.append('autoreload')\n"
        "c.InteractiveShellApp.extensions.append('there_is_none')\n"
        "c.InteractiveShellApp.exec_lines = ['%autoreload 2']\n"
    )
    t = scene.session()
    t.prompt()
    expect(t.cell("import changing; changing.answer()").count("'old'") == 3, "no first answer")
    scene.file("changing.py", "def answer(): return 'a new one'\n")
    expect(t.cell("changing.answer()").count("'a new one'") == 3, "not the new one on all ranks")


@scenario(IPYTHON, command="")
def startup_files_of_the_user(scene: Scene):
    """What the user's startup files define is there."""
    scene.file(".ipython/profile_default/startup/00-mine.py", "mine = 6 * 7\n")
    t = scene.session(2)
    expect("Out[0:1]: 42" in t.cell("mine"), "the name is not there")


@scenario(IPYTHON, command="")
def startup_file_that_fails(scene: Scene):
    """An error in a startup file is told of with its own line; the session begins all the same."""
    scene.file(".ipython/profile_default/startup/00-mine.py", "mine = 1\nmine / 0\n")
    t = scene.session(2)
    expect("Out[1:1]: 42" in t.cell("6 * 7"), "the session has not begun")
    expect('00-mine.py", line 2' in t.text(), "the line is not told")
    expect("_magic" not in t.text() and "startup 1" not in t.text(), "it tells how it is run")


@scenario(environment={"PYTHONSTARTUP": "/nowhere/mine.py"})
def startup_file_that_is_not_there(t: Terminal):
    """A sentence says so, once."""
    expect("Out[1:1]: 42" in t.cell("6 * 7"), "the session has not begun")
    wanted = "FileNotFoundError: there is no start-up file '/nowhere/mine.py' .*"
    expect(ranks_that_show(wanted, t.text()) == [0, 1, 2], f"something else: {t.text()}")
    expect("%run" not in t.text(), "it tells how it is run")


@scenario(IPYTHON, command="")
def keys_of_the_user(scene: Scene):
    """So do key bindings that a startup file adds."""
    scene.file(".ipython/profile_default/startup/00-keys.py", KEYS)
    t = scene.session(2)
    t.prompt()
    t.type("\x1bq")
    t.prompt("6 * 7")
    t.type(ENTER)
    t.number += 1
    t.prompt()


KEYS = """\
shell = get_ipython()

@shell.pt_app.key_bindings.add("escape", "q")
def insert(event):
    event.current_buffer.insert_text("6 * 7")
"""


@scenario(IPYTHON, command="")
def transformers_of_the_user(scene: Scene):
    """What changes the user's cells has nothing to do with those of the session's own."""
    scene.file(
        ".ipython/profile_default/startup/00-lines.py",
        "get_ipython().input_transformers_post.append(\n"
        "    lambda lines: [line.replace('magic', 'word') for line in lines]\n"
        ")\n",
    )
    scene.file(".ipython/profile_default/startup/01-mine.py", "mine = 'magic'\n")
    scene.configure(
        "import ast\n"
        "class More(ast.NodeTransformer):\n"
        "    def visit_Constant(self, node):\n"
        "        return ast.copy_location(ast.Constant(node.value + 1), node)\n"
        "c.InteractiveShell.ast_transformers = [More()]\n"
        "c.InteractiveShellApp.exec_lines = ['value = 40']\n"
    )
    t = scene.session()
    t.prompt()
    printed = t.cell("value + 0, mine")
    expect(printed.count(": (42, 'magic')") == 3, f"something else: {printed}")
    expect("unregistered" not in t.text(), "it has failed")
