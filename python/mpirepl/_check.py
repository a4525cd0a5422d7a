"""Find syntax errors on rank 0, before anything is sent."""

import _mpirepl


def check(source: bytes, name: str, targets: str) -> bool:
    """Compile a program; show its syntax error, if it has one, as that of `targets`."""
    try:
        compile(source, name, "exec", 0, True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        show(error, name, targets)
        return False
    return True


def show(error: Exception, name: str, targets: str) -> None:
    """Show what compile() has raised for the source called `name`."""
    from mpirepl import _errors

    if not isinstance(error, SyntaxError):  # NUL bytes, in some versions of Python
        error = SyntaxError(str(error), (name, None, None, None))
    error.__traceback__ = error.__context__ = None
    _mpirepl.show_error(targets, _errors.text(error).encode("utf-8", "backslashreplace"))
