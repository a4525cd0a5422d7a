"""Compile cells and programs, on rank 0, which sends their code to the others."""

import _ast
import marshal
from collections.abc import Callable
from types import CodeType

import _mpirepl

TOP_LEVEL_AWAIT = _ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_NEWLINE, _SEMICOLON = b"\n;"  # numbers: to look for one in bytes takes a fifth of the time
_COMPOUND = frozenset(b"async class def for if match try while with".split())

ERRORS = (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError)


def cell(
    source: bytes,
    name: str,
    flags: int,
    shows: str = "last_expr",
    change: Callable[[_ast.Module], _ast.Module] | None = None,
) -> list[CodeType]:
    """Compile a cell, with the statements apart whose values are displayed.

    Parameters
    ----------
    source, name, flags
        As of compile().
    shows
        Which statements these are: IPython's ``ast_node_interactivity``.
    change
        What changes the tree first.

    Raises
    ------
    SyntaxError or another of ERRORS
    """
    flags |= TOP_LEVEL_AWAIT
    if shows == "last_expr" and change is None and _is_simple(source):
        return [compile(source, name, "single", flags, True)]
    tree = compile(source, name, "exec", flags | _ast.PyCF_ONLY_AST, True)
    if change is not None:
        tree = change(tree)
    shown = _shown(tree.body, shows)
    if shown and _ends_in_semicolon(source, tree.body[-1]):
        shown = []
    codes = []
    tree.body = tree.body[: len(tree.body) - len(shown)]
    if tree.body or not shown:
        codes.append(compile(tree, name, "exec", flags, True))
    for statement in shown:
        codes.append(compile(_ast.Interactive([statement]), name, "single", flags, True))
    return codes


def _shown(body: list[_ast.stmt], shows: str) -> list[_ast.stmt]:
    """Return those statements, the last ones, that display values; add one that shows a name."""
    if not body or shows == "none":
        return []
    if shows == "all":
        return body
    last = body[-1]
    if shows == "last_expr_or_assign" and (target := _target(last)) is not None:
        place = {part: getattr(last, part) for part in last._attributes}
        body.append(_ast.Expr(_ast.Name(target.id, _ast.Load(), **place), **place))
        return body[-1:]
    return body[-1:] if shows == "last" or isinstance(last, _ast.Expr) else []


def _target(statement: _ast.stmt) -> _ast.Name | None:
    """Return the one name to which a statement assigns."""
    if isinstance(statement, _ast.Assign):
        target = statement.targets[0] if len(statement.targets) == 1 else None
    elif isinstance(statement, (_ast.AugAssign, _ast.AnnAssign)):
        target = statement.target
    else:
        return None
    return target if isinstance(target, _ast.Name) else None


def program(source: bytes, name: str, targets: str) -> bytes | None:
    """Compile a program for sending; show its error, if it has one, as that of `targets`."""
    try:
        return marshal.dumps([compile(source, name, "exec", 0, True)])
    except ERRORS as error:
        show_error(error, source, name, targets)
        return None


def call_of_magic(name: str, argument: str) -> str:
    """Return the code that runs one of our own magics on a rank."""
    return f"__import__('mpirepl')._magic({name!r}, {argument!r})"


def _is_simple(source: bytes) -> bool:
    """Tell whether a cell is one simple statement, which Python itself compiles "single"."""
    return (
        source.find(_NEWLINE) == len(source) - 1
        and _SEMICOLON not in source
        and source.split(maxsplit=1)[0].rstrip(b":(") not in _COMPOUND
    )


def _ends_in_semicolon(source: bytes, last: _ast.Expr) -> bool:
    if _SEMICOLON not in source:
        return False
    lines = source.split(b"\n")
    behind = [lines[last.end_lineno - 1][last.end_col_offset :], *lines[last.end_lineno :]]
    return any(b";" in line.partition(b"#")[0] for line in behind)


def is_docstring(source: bytes) -> bool:
    """Tell whether a cell is nothing but a string."""
    if source.lstrip()[:1] not in (b'"', b"'", b"r", b"R", b"u", b"U"):
        return False
    try:
        body = compile(source, "<cell>", "exec", _ast.PyCF_ONLY_AST, True).body
    except (SyntaxError, ValueError):
        return False
    return (
        len(body) == 1
        and isinstance(body[0], _ast.Expr)
        and isinstance(body[0].value, _ast.Constant)
        and isinstance(body[0].value.value, str)
    )


def show_error(error: Exception, source: bytes, name: str, targets: str) -> None:
    """Show what compile() has raised for a source; the line too where Python has left it out."""
    from mpirepl import _errors

    if not isinstance(error, SyntaxError):  # NUL bytes, in some versions of Python
        error = SyntaxError(str(error), (name, None, None, None))
    elif error.text is None and error.lineno and error.filename == name:
        lines = source.decode("utf-8", "replace").splitlines(True)
        error.text = lines[error.lineno - 1] if error.lineno <= len(lines) else None
    error.__traceback__ = error.__context__ = None
    _mpirepl.show_error(targets, _errors.text(error).encode("utf-8", "backslashreplace"))
