"""Write the cells of a session as a script that runs under plain ``mpiexec python``."""

from __future__ import annotations
import __future__

import ast
import errno
import os
import re
import string
import tempfile
from typing import TYPE_CHECKING

import _mpirepl

from mpirepl import _help

if TYPE_CHECKING:
    from mpirepl._session import Entry

_RANK = "_rank"
_HEADER = f'''"""Cells of an mpirepl session; runs as: mpiexec -n {_mpirepl.size} python FILE"""
'''
_SHELL = re.compile(r"^(?:([A-Za-z_][\w.]*)[ \t]*=[ \t]*)?!!?(?!=)(.+)$", re.MULTILINE)


def save(file: str, entries: list[Entry], flags: int, force: bool) -> None:
    """Write cells to a file, targets as conditions on the rank, failed cells as comments.

    Raises
    ------
    FileExistsError
        The file is there and `force` is not set.
    OSError
        It cannot be written; a file that was there is unchanged then.
    """
    path = os.path.expanduser(file)
    if os.path.lexists(path) and not force:
        raise FileExistsError(path)
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    directory, name = os.path.split(path)
    with tempfile.NamedTemporaryFile(
        "w", dir=directory or ".", prefix=name, delete=False, encoding="utf-8"
    ) as draft:
        draft.write(script(entries, flags))
        os.fchmod(draft.fileno(), 0o666 & ~_umask())
    os.replace(draft.name, path)


def script(entries: list[Entry], flags: int) -> str:
    """Return the text of the script."""
    futures = [
        name
        for name in __future__.all_feature_names
        if getattr(__future__, name).compiler_flag & flags
    ]
    parts = [_HEADER]
    if futures:
        parts.append(f"from __future__ import {', '.join(futures)}\n")
    everybody = _mpirepl.parse_targets("all")
    if any(entry.targets != everybody for entry in entries):
        parts.append(f"from mpi4py import MPI as _MPI\n\n{_RANK} = _MPI.COMM_WORLD.rank\n")
    for entry in entries:
        title = f"# %% cell {entry.number}"
        if entry.failed:
            body = "# failed:\n" + _commented(entry.text)
        else:
            body = _plain_python(entry.text)
            if entry.targets != everybody:
                title += f", targets {entry.targets}"
                body = _under_condition(body, _mpirepl.ranks(entry.targets))
        parts.append(f"{title}\n{body.rstrip()}\n")
    return "\n".join(parts)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _commented(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.splitlines())


def _plain_python(text: str) -> str:
    """Replace what only mpirepl understands."""
    pieces, end = [], 0
    for statement in _mpirepl.statements(text.encode()):
        piece = statement.decode().rstrip("\n")
        begin = text.index(piece, end)
        pieces.append(text[end:begin])
        end = begin + len(piece)
        pieces.append(_plain_statement(piece))
    text = "".join([*pieces, text[end:]])
    text = "".join(line for line in text.splitlines(True) if not line.startswith("%%"))
    return _without_futures(_awaited(text))


def _plain_statement(statement: str) -> str:
    if match := _SHELL.fullmatch(statement):
        call = f"__import__('subprocess').run({_filled(match[2])}, shell=True"
        if not match[1]:
            return f"{call})"
        return f"{match[1]} = {call}, stdout=-1, text=True).stdout.splitlines()"
    if not statement.startswith("%"):
        return statement
    name, _, argument = statement[1:].partition(" ")
    if name == "px":
        options = r"^\s*(?:--targets|-t)(?:\s+|\s*=\s*)\S+\s*"
        return _plain_statement(re.sub(options, "", argument).strip())
    if name == "time":
        return _plain_statement(argument.strip())
    if name == "run":
        return _plain_run(argument)
    return f"# {statement}" if name in _help.SESSION_MAGICS | _help.RANK_MAGICS else statement


def _filled(command: str) -> str:
    """Return the expression of a command in which ``{expression}`` and ``$name`` are filled in."""
    parts = []
    try:
        for text, expression, form, _ in string.Formatter().parse(command):
            parts += [_named(piece) for piece in re.split(r"(\$\$|\$[A-Za-z_]\w*)", text) if piece]
            if expression is not None and text.endswith("$"):  # ${NAME} is the shell's
                parts.append(repr(f"{{{expression}:{form}}}" if form else f"{{{expression}}}"))
            elif expression is not None:
                compile(expression, "<command>", "eval")
                parts.append(f"format({expression}, {form!r})")
    except (SyntaxError, ValueError):  # braces of the shell's own
        parts = [repr(command)]
    return " + ".join(parts)


def _named(piece: str) -> str:
    if piece == "$$":
        return repr("$")
    return f"str(globals().get({piece[1:]!r}, {piece!r}))" if piece[0] == "$" else repr(piece)


def _plain_run(argument: str) -> str:
    return (
        "globals().update((lambda a: (__import__('sys').__setattr__('argv', a), "
        "__import__('runpy').run_path(a[0], run_name='__main__'))[1])"
        f"(__import__('shlex').split({argument!r})))"
    )


def _awaited(text: str) -> str:
    """Put a cell with top-level await into a coroutine whose names are global."""
    try:
        compile(text, "<cell>", "exec", ast.PyCF_ONLY_AST, True)
        compile(text, "<cell>", "exec", 0, True)
        return text
    except SyntaxError:
        pass
    names = sorted(_assigned_names(text))
    declaration = f"    global {', '.join(names)}\n" if names else ""
    return (
        f"async def _cell():\n{declaration}{_indented(text)}\n"
        "__import__('asyncio').get_event_loop_policy().get_event_loop()"
        ".run_until_complete(_cell())\n"
    )


def _assigned_names(text: str) -> set[str]:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    names = set()
    for node in ast.walk(compile(text, "<cell>", "exec", flags, True)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
    return names


def _without_futures(text: str) -> str:
    return re.sub(r"^(from __future__ import .*)$", r"# \1  (at the top)", text, flags=re.M)


def _under_condition(body: str, ranks: tuple[int, ...]) -> str:
    return f"if {_RANK} in {ranks!r}:\n{_indented(body)}"


def _indented(text: str) -> str:
    """Indent the lines of a text, except those inside a string."""
    inside = set()
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(text, "<cell>", "exec", flags, True)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        ):
            inside.update(range(node.lineno + 1, node.end_lineno + 1))
    lines = text.splitlines(True)
    if not tree.body:
        lines.append("pass\n")
    return "".join(
        line if number in inside or not line.strip() else "    " + line
        for number, line in enumerate(lines, 1)
    )
