"""What --doctor finds out about Python and mpi4py."""

import importlib.util
import os
import platform
import sys

import _mpirepl


def findings() -> list[tuple[str, bool, str]]:
    """Return what was looked at, whether it is good, and what was found."""
    return [
        ("Python", True, f"{platform.python_version()}, {sys.executable}"),
        ("environment", *_environment()),
        ("mpi4py", *_mpi4py()),
    ]


def _environment() -> tuple[bool, str]:
    active = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if not active:
        return True, f"no virtual environment is active; packages come from {sys.prefix}"
    if os.path.realpath(active) != os.path.realpath(sys.prefix):
        return False, f"{active} is active, but packages come from {sys.prefix}"
    return True, active


def _mpi4py() -> tuple[bool, str]:
    spec = importlib.util.find_spec("mpi4py")
    if spec is None or not spec.origin:
        return True, "not installed (cells that import it fail; pip install mpi4py)"
    import mpi4py  # also lets it choose among builds for several MPI libraries

    chosen = importlib.util.find_spec("mpi4py.MPI")
    if library := chosen and chosen.origin and _mpirepl.foreign_mpi_of(chosen.origin):
        return False, (
            f"{mpi4py.__version__} is linked to {library}, mpirepl to "
            f"{_mpirepl.mpi_library()}: reinstall it with that MPI's mpicc "
            f"(pip install --no-binary :all: --force-reinstall mpi4py)"
        )
    return True, f"{mpi4py.__version__}, works with {_mpirepl.mpi_library()}"
