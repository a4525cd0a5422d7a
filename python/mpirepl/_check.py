"""Find syntax errors on rank 0, before anything is sent."""

import _mpirepl


def check(source: bytes, name: str, targets: str) -> bool:
    """Compile a program; show its syntax error, if it has one, as that of `targets`."""
    try:
        compile(source, name, "exec", 0, True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        show(error, source, name, targets)
        return False
    return True


def show(error: Exception, source: bytes, name: str, targets: str) -> None:
    """Show what compile() has raised for a source; the line too where Python has left it out."""
    from mpirepl import _errors

    if not isinstance(error, SyntaxError):  # NUL bytes, in some versions of Python
        error = SyntaxError(str(error), (name, None, None, None))
    elif error.text is None and error.lineno and error.filename == name:
        lines = source.decode("utf-8", "replace").splitlines(True)
        error.text = lines[error.lineno - 1] if error.lineno <= len(lines) else None
    error.__traceback__ = error.__context__ = None
    _mpirepl.show_error(targets, _errors.text(error).encode("utf-8", "backslashreplace"))
