"""The magics: their names, their help, and which of them act where."""

SESSION_MAGICS = {
    "targets": "%targets [SPEC]: set or print the ranks of the cells to come (0,2 0-3 ::2 !1)",
    "autopx": "%autopx: run plain cells on rank 0 alone, or on the targets again",
    "fold": "%fold [auto|on|off]: print equal output of several ranks once",
    "guard": "%guard [on|off|grace SECONDS|status]: break deadlocks off, after so long",
    "where": "%where: print where all ranks are (while a cell runs: SIGUSR1 to mpiexec)",
    "history": "%history [-n] [RANGES]: print the cells so far, -n with numbers",
    "save": "%save [-f] FILE [RANGES]: write the cells as a script for plain mpiexec python",
    "hist": "%hist: the same as %history",
    "quit": "%quit: end the session",
    "lsmagic": "%lsmagic: list the magics",
    "help": "%help [MAGIC]: explain the magics",
}
RANK_MAGICS = {
    "px": "%px [--targets SPEC] CODE: run one line of code on the targets",
    "debug": "%debug [RANK]: look into the last error of a rank with pdb",
    "pxconfig": "%pxconfig [--[no]block] [--[no-]stream] [-t SPEC]: defaults of %%px with options",
    "pxresult": "%pxresult: show what the last %%px --noblock has come to",
    "run": "%run [-inetG] FILE [ARGS] | -m MODULE [ARGS]: run a file in a fresh namespace",
    "time": "%time CODE: run one line and print its wall time over the ranks",
    "who": "%who [TYPES]: list the names that cells have defined",
    "reset": "%reset [-f] [in|out|array]: remove the names that cells have defined",
}
CELL_MAGICS = {
    "targets": "%%targets SPEC: run this cell on these ranks",
    "px": "%%px [--targets SPEC]: the same under IPython's name; with --noblock, --out NAME, "
    "--stream, --group-outputs=type|order|engine, --local and others: as tasks of a view",
    "mpiprof": "%%mpiprof [--matrix]: print what this cell spends in MPI, and who sends to whom",
    "time": "%%time: print the wall time of this cell over the ranks",
}
SHELL = "!COMMAND: run a command of the shell on the targets, {expression} and $name filled in"


def _all() -> dict[str, str]:
    lines = SESSION_MAGICS | RANK_MAGICS
    return {f"%{name}": text for name, text in sorted(lines.items())} | {
        f"%%{name}": text for name, text in sorted(CELL_MAGICS.items())
    }


def list_magics() -> str:
    """Return the names of all magics, one line for each kind."""
    names = list(_all())
    line = "  ".join(name for name in names if not name.startswith("%%"))
    cell = "  ".join(name for name in names if name.startswith("%%"))
    return f"Line magics: {line}\nCell magics: {cell}"


def describe(name: str) -> str:
    """Return the help on one magic, or on all."""
    if not name:
        return "\n".join([*_all().values(), SHELL])
    wanted = name if name.startswith("%") else f"%{name}"
    return find(wanted) or unknown(wanted)


def find(name: str) -> str | None:
    """Return the help on a magic whose name is given with % or %%, if there is one."""
    return _all().get(name)


def unknown(name: str) -> str:
    """Return the sentence for a magic that does not exist, with one that is nearly called so."""
    import difflib

    near = difflib.get_close_matches(name, list(_all()), n=1, cutoff=0.7)
    meant = f": did you mean {near[0]}?" if near else ""
    return f"there is no magic {name}{meant} (%lsmagic lists them)"
