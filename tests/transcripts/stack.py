"""The program under test, the MPI and the Python that it runs with, as an environment for commands."""

import concurrent.futures
import functools
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from processes import kill_all

ENVIRONMENT = {
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


@dataclass
class Setup:
    """What all transcripts of one run share."""

    wrappers: Path
    python: Path
    stack: str
    environment: dict[str, str]


def make_setup(program: str, mpiexec: str, python: str, wrappers: Path) -> Setup:
    """Write the wrappers and make the environment of the commands.

    The wrappers `exec` the real program: a symbolic link would mislead Open MPI, which finds its
    installation by the path of mpiexec. ``python3`` comes from the directory of `python`, because
    a virtual environment is found by the path of its interpreter, too.
    """
    interpreter = Path(shutil.which(python) or python).absolute()
    for name, target in {"mpirepl": program, "mpiexec": mpiexec}.items():
        real = shutil.which(target)
        if real is None:
            raise SystemExit(f"there is no program '{target}'; build it or name another")
        wrapper = wrappers / name
        wrapper.write_text(f"#!/bin/sh\nexec '{Path(real).absolute()}' \"$@\"\n")
        wrapper.chmod(0o755)
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("VIRTUAL_ENV", "CONDA_PREFIX")
        and not key.startswith(("PYTHON", "LC_", "OMPI_COMM", "PMIX", "MPIREPL"))
    }
    added = ENVIRONMENT | (AS_ROOT if os.geteuid() == 0 else {})
    print("environment: " + " ".join(f"{key}={value}" for key, value in added.items()))
    environment |= added | {"LANG": "C.UTF-8"}
    environment["PATH"] = os.pathsep.join(
        [str(wrappers), str(interpreter.parent), environment.get("PATH", "/usr/bin:/bin")]
    )
    if (interpreter.parent.parent / "pyvenv.cfg").exists():
        environment["VIRTUAL_ENV"] = str(interpreter.parent.parent)
    command = [wrappers / "mpiexec", "--version"]
    version = subprocess.run(command, env=environment, capture_output=True).stdout
    stack = "debian" if b"OpenRTE" in version else "pypi"
    return Setup(wrappers, interpreter, stack, environment)


@functools.cache
def is_there(python: Path, path: str, name: str) -> bool:
    """Whether `name` is a command in `path` or a module of the interpreter `python`."""
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({name!r}) is None)"
    if shutil.which(name, path=path):
        return True
    return subprocess.run([python, "-c", code], capture_output=True, cwd="/").returncode == 0


def prepare_to_report() -> None:
    """Let results be seen as they come, and end on SIGTERM as on Ctrl-C."""
    sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    signal.signal(signal.SIGTERM, _stop)


def _stop(number: int, frame: object) -> None:
    """End on a signal, but only once: `timeout` sends it twice."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def report(pool: concurrent.futures.Executor, runs: dict, mark: str, verbose: bool) -> int:
    """Print what failed as it comes, and how many there were of each kind.

    Parameters
    ----------
    pool : concurrent.futures.Executor
        Runs them; no more of them when this one is interrupted.
    runs : dict
        From the future of (verdict, lines to print, seconds) to the title.
    mark : str
        Carried by all processes that they start, see processes.py.
    verbose : bool
        Print also what passed and what was left out.

    Returns
    -------
    int
        The exit status: 1 when any has failed.
    """
    count = dict.fromkeys(("passed", "failed", "skipped"), 0)
    try:
        for future in concurrent.futures.as_completed(runs):
            verdict, lines, seconds = future.result()
            count[verdict] += 1
            told = lines[0] if verdict == "skipped" else f"{seconds:.1f} s"
            if verbose or verdict == "failed":
                print(f"{verdict:7} {runs[future]} ({told})")
            if verdict == "failed":
                print("\n".join(f"    {line}" for line in lines))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        kill_all(mark)
        raise
    print(", ".join(f"{number} {verdict}" for verdict, number in count.items()))
    return 1 if count["failed"] else 0
