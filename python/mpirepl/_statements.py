"""The syntax tree of a cell: which of its statements show their values.

Imported with the first cell that is not one simple statement.
"""

import _ast
from types import CodeType

from mpirepl._compile import SEMICOLON


def compiled(source: bytes, name: str, flags: int, shows: str, change: object) -> list[CodeType]:
    """Compile a cell as _compile.cell() says, with all flags given."""
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


def is_string(source: bytes) -> bool:
    """Tell whether a cell is nothing but a string."""
    body = compile(source, "<cell>", "exec", _ast.PyCF_ONLY_AST, True).body
    return (
        len(body) == 1
        and isinstance(body[0], _ast.Expr)
        and isinstance(body[0].value, _ast.Constant)
        and isinstance(body[0].value.value, str)
    )


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


def _ends_in_semicolon(source: bytes, last: _ast.Expr) -> bool:
    if SEMICOLON not in source:
        return False
    lines = source.split(b"\n")
    behind = [lines[last.end_lineno - 1][last.end_col_offset :], *lines[last.end_lineno :]]
    return any(b";" in line.partition(b"#")[0] for line in behind)
