"""Compile cells and programs, on rank 0, which sends their code to the others."""

import marshal
from types import CodeType

import _mpirepl

_NEWLINE, SEMICOLON, _NUL = b"\n;\0"  # numbers: to look for one in bytes takes a fifth of the time
_COMPOUND = frozenset(b"async class def for if match try while with".split())

ERRORS = (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError)


def cell(
    source: bytes,
    name: str,
    flags: int,
    shows: str = "last_expr",
    change: object = None,
) -> list[CodeType]:
    """Compile a cell, with the statements apart whose values are displayed.

    Parameters
    ----------
    source, name, flags
        As of compile().
    shows
        Which statements these are: IPython's ``ast_node_interactivity``.
    change
        A function of an _ast.Module that returns the changed one, or None.

    Raises
    ------
    SyntaxError or another of ERRORS
    """
    flags |= _mpirepl.TOP_LEVEL_AWAIT
    if shows == "last_expr" and change is None and _is_simple(source):
        return [_mpirepl.compile_single(source, name, flags)]
    from mpirepl import _statements

    return _statements.compiled(source, name, flags, shows, change)


def moved(columns: int, change: object) -> object:
    """Return what moves a line of code to its column there, which tracebacks mark."""
    import ast

    def move(module: ast.Module) -> ast.Module:
        for node in ast.walk(module):
            if getattr(node, "lineno", 0) == 1:
                node.col_offset += columns
            if getattr(node, "end_lineno", 0) == 1:
                node.end_col_offset += columns
        return module if change is None else change(module)

    return move


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


def call_of_px(options: str, code: str, suffix: str) -> str:
    """Return the code that runs a cell under %%px, or the magic of a view with a suffix."""
    return f"__import__('mpirepl')._px_cell({options!r}, {code!r}, {suffix!r})"


def _is_simple(source: bytes) -> bool:
    """Tell whether a cell is one simple statement, which Python itself compiles "single"."""
    if source.find(_NEWLINE) != len(source) - 1 or SEMICOLON in source or _NUL in source:
        return False
    words = source.split(maxsplit=1)
    return words != [] and words[0][:1] != b"#" and words[0].rstrip(b":(") not in _COMPOUND


def is_docstring(source: bytes) -> bool:
    """Tell whether a cell is nothing but a string."""
    if source.lstrip()[:1] not in (b'"', b"'", b"r", b"R", b"u", b"U"):
        return False
    from mpirepl import _statements

    try:
        return _statements.is_string(source)
    except (SyntaxError, ValueError):
        return False


def show_error(error: Exception, source: bytes, name: str, targets: str) -> None:
    """Show what compile() has raised for a source; the line too where Python has left it out."""
    from mpirepl import _run

    if not isinstance(error, SyntaxError):  # NUL bytes, in some versions of Python
        error = SyntaxError(str(error), (name, None, None, None))
    elif error.text is None and error.lineno and error.filename == name:
        lines = source.decode("utf-8", "replace").splitlines(True)
        error.text = lines[error.lineno - 1] if error.lineno <= len(lines) else None
    error.__traceback__ = error.__context__ = None
    text = _run.errors_module().text(error)
    _mpirepl.show_error(targets, text.encode("utf-8", "backslashreplace"))
