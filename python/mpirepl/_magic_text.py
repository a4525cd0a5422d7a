"""How magics and shell commands are written among the code of a cell.

Imported with the first cell that may have one: re is half a megabyte on a rank.
"""

import re

from mpirepl import _help

# x = !command, x = %px code
ASSIGNED = re.compile(rb"^([A-Za-z_][\w.]*[ \t]*=[ \t]*)(!(?!=)|%px\w*[ \t])(.+)$", re.MULTILINE)
_MAGIC_LINE = re.compile(rb"^[%!]", re.MULTILINE)
_TARGETS = r"(?:--targets|-t)(?:\s+|\s*=\s*)(\S+)(.*)"


def is_in(source: bytes) -> bool:
    """Tell whether a magic or a command may be in a cell."""
    return bool(ASSIGNED.search(source) or _MAGIC_LINE.search(source))


def needs_ipython(source: bytes) -> bool:
    """Tell whether lines of a cell begin with magics that only IPython has, which is there."""
    names = re.findall(rb"^\s*%{1,2}([A-Za-z_]\w*)", source, re.MULTILINE)
    own = {*_help.SESSION_MAGICS, *_help.RANK_MAGICS, *_help.CELL_MAGICS}
    if own.issuperset(map(bytes.decode, names)):
        return False
    from importlib.util import find_spec

    return find_spec("IPython") is not None


def targets_and_rest(argument: str, anywhere: bool) -> tuple[str | None, str]:
    """Take --targets, or None, from the beginning of %px's arguments, or from all its options."""
    begin = r"(.*?(?:^|\s))" if anywhere and argument.lstrip().startswith("-") else r"(\s*)"
    match = re.fullmatch(begin + _TARGETS, argument)
    if not match:
        return None, argument.strip()
    return match[2], f"{match[1].strip()} {match[3].strip()}".strip()
