"""What the end of a line could become: CPython's readline asks for all, IPython for magics' values.

Nothing is imported or called for it: that might wait for other ranks.
"""

import contextlib
import os
import re
import sys

import _mpirepl

from mpirepl import _help
from mpirepl._session_magics import FOLD_MODES

Found = tuple[int, list[str]]  # where the word begins, and what it could be

_GUARD_WORDS = ("on", "off", "grace", "status")
_ranks_offered = 64  # one by one

_MAGIC = re.compile(r"\s*(%%?)(\w*)$")
_COMMAND = re.compile(r"\s*(?:[\w.]+\s*=\s*)?!!?|\s*%(?:run|save)\s")
_COMMAND_WORD = re.compile(r"(?:[^\s\\=:]|\\.)*$")
_IMPORT = re.compile(r"\s*(?:import\s+(?:.*,\s*)?|from\s+)([\w.]*)$")
_IMPORT_FROM = re.compile(r"\s*from\s+([\w.]+)\s+import\s+(?:.*[,(]\s*)?(\w*)$")
_TARGETS_OPTION = re.compile(r"(?:.*\s)?(?:--targets|-t)[ =]\s*(\S*)$")
# A name, with attributes and items of it, none of which takes a call to find.
_OBJECT = r"""(?<![\w.\])])([^\W\d]\w*(?:\.\w+|\[(?:-?\w+|'[^']*'|"[^"]*")\])*)"""
_ATTRIBUTE = re.compile(_OBJECT + r"\.(\w*)$")
_ITEM = re.compile(_OBJECT + r"""\[((['"]?)[^'"\]]*)$""")


def find(line: str, names: dict[str, object]) -> Found:
    """Return what could stand at the end of a line.

    Parameters
    ----------
    line : str
        As far as the cursor.
    names : dict
        Those of the session.
    """
    if match := _MAGIC.match(line):
        known = _help.CELL_MAGICS if match[1] == "%%" else _help.SESSION_MAGICS | _help.RANK_MAGICS
        return _beginning(line, match[2], known)
    if found := values_of_magic(line):
        return found
    if match := _COMMAND.match(line):
        return _files_of_command(line, _COMMAND_WORD.search(line, match.end())[0])
    if match := _IMPORT.match(line):
        package, _, word = match[1].rpartition(".")
        return _beginning(line, word, _modules(package))
    if match := _IMPORT_FROM.match(line):
        return _beginning(line, match[2], _names_in(match[1]))
    if (match := _ITEM.search(line)) and (found := _items(line, *match.groups(), names)):
        return found
    begin = _begin_of_string(line)
    if begin is not None:
        return begin, _files(line[begin:])
    return _names(line, names)


def values_of_magic(line: str) -> Found | None:
    """Return the values that a magic of the session can have; None: it is about something else."""
    name, _, argument = line.lstrip().partition(" ")
    if name == "%fold":
        return _beginning(line, argument.lstrip(), FOLD_MODES)
    if name == "%guard":
        return _beginning(line, argument.lstrip(), _GUARD_WORDS)
    spec = None
    if name in ("%targets", "%%targets"):
        spec = argument.lstrip()
    elif name in ("%px", "%%px") and (match := _TARGETS_OPTION.match(argument)):
        spec = match[1]
    if spec is None:
        return None
    return _beginning(line, spec.rpartition(",")[2].lstrip(), _targets())


def _targets() -> list[str]:
    size = _mpirepl.size
    sets = ["all", *map(str, range(min(size, _ranks_offered)))]
    if size > 1:
        sets += ["!0", "1:", "::2", "1::2"]
    if size > 3:
        sets += [f"0-{size // 2 - 1}", f"{size // 2}-{size - 1}"]
    return sets


def _beginning(line: str, word: str, choices: object) -> Found:
    return len(line) - len(word), [choice for choice in choices if choice.startswith(word)]


def _files(word: str) -> list[str]:
    """Return the files whose names begin so, with a / behind directories."""
    import glob

    path = os.path.expanduser(word)
    found = sorted(glob.glob(glob.escape(path) + "*"))
    return [word + file[len(path) :] + ("/" if os.path.isdir(file) else "") for file in found]


def _files_of_command(line: str, word: str) -> Found:
    """Return files as a shell wants to have them written."""
    files = _files(re.sub(r"\\(.)", r"\1", word))
    return len(line) - len(word), [re.sub(r"([^\w/.~,+@%=:-])", r"\\\1", file) for file in files]


def _begin_of_string(line: str) -> int | None:
    """Return where the string begins in which a line ends."""
    quote, begin, at = "", None, 0
    while at < len(line):
        if quote and line[at] == "\\":
            at += 1
        elif quote and line.startswith(quote, at):
            at += len(quote) - 1
            quote = ""
        elif not quote and line[at] in "'\"":
            quote = line[at] * (3 if line.startswith(line[at] * 3, at) else 1)
            at += len(quote) - 1
            begin = at + 1
        elif not quote and line[at] == "#":
            return None
        at += 1
    return begin if quote else None


def _value(expression: str, names: dict[str, object]) -> object:
    with contextlib.suppress(Exception):
        return eval(expression, names)
    return None


def _items(line: str, container: str, word: str, quote: str, names: dict) -> Found | None:
    """Return the keys that are text or numbers; None: there are none, or none that begin so."""
    keys = []
    with contextlib.suppress(Exception):
        keys = list(_value(container, names).keys())
    written = [repr(key) for key in keys if isinstance(key, (str, int))]
    if quote:
        written = [quote + key[1:-1] + quote for key in written if quote not in key[1:-1]]
    begin, found = _beginning(line, word, [f"{key}]" for key in written])
    return (begin, found) if found else None


def _names(line: str, names: dict[str, object]) -> Found:
    import rlcompleter

    if match := _ATTRIBUTE.search(line):
        value = _value(match[1], names)
        if value is None and match[1] != "None":
            return len(line), []
        found = rlcompleter.Completer({"it": value}).attr_matches(f"it.{match[2]}")
        return match.start(2), [name.removeprefix("it.") for name in found]
    word = re.search(r"\w*$", line)[0]
    if line.endswith("." + word):  # of what only a call could tell
        return len(line), []
    return len(line) - len(word), rlcompleter.Completer(names).global_matches(word)


def _modules(package: str) -> list[str]:
    """Return the modules in a package, or those at the top."""
    import pkgutil

    if not package:
        top = {module.name for module in pkgutil.iter_modules()}
        loaded = {name for name in sys.modules if "." not in name}
        return sorted({*top, *loaded, *sys.builtin_module_names})
    places = getattr(sys.modules.get(package), "__path__", None)
    places = places or getattr(_spec(package), "submodule_search_locations", None) or []
    return sorted(module.name for module in pkgutil.iter_modules(places))


def _names_in(module: str) -> list[str]:
    """Return what can be imported from a module; of one that is not loaded, what its text tells."""
    if module in sys.modules:
        names = set(dir(sys.modules[module]))
    else:
        names = set()
        with contextlib.suppress(Exception):
            import symtable

            text = symtable.symtable(_spec(module).loader.get_source(module), module, "exec")
            names = {name.get_name() for name in text.get_symbols() if name.is_local()}
    return sorted({*names, *_modules(module)})


def _spec(module: str) -> object:
    """Find a module, without importing what it is in."""
    from importlib.machinery import PathFinder

    places, spec, name = None, None, ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        with contextlib.suppress(Exception):
            spec = PathFinder.find_spec(name, places)
        if spec is None:
            return None
        places = spec.submodule_search_locations or []
    return spec
