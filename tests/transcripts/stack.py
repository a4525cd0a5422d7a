"""The program under test, the MPI and the Python that it runs with, as an environment for commands."""

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

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
