"""Notice extension modules that are linked to another MPI library than this program."""

# importlib.machinery's; that one imports warnings and more, which every start would pay for.
from _frozen_importlib_external import ExtensionFileLoader
from types import ModuleType

import _mpirepl


def _message(module: str, file: str, library: str) -> str:
    return (
        f"{module} ({file}) is linked to {library}, but this mpirepl to {_mpirepl.mpi_library()}: "
        f"install a build of it for that MPI (for example MPICC=mpicc pip install --no-binary "
        f":all: --force-reinstall {module.partition('.')[0]}), or build mpirepl with the other MPI"
    )


def _take_under_guard(spec: object) -> None:
    """Lead what this import has loaded to the guard; say so if that cannot be done."""
    from mpirepl import _run

    _mpirepl.rebind_mpi()
    if reason := _mpirepl.unguarded_mpi_of(spec.origin):
        _run.emit(
            _run.ERROR,
            f"mpirepl: deadlocks in {spec.name} cannot be broken off: {reason} ({spec.origin})",
        )


def watch() -> None:
    """Make importing such a module an ImportError, before its code can crash the rank."""
    create_module = ExtensionFileLoader.create_module

    def create_checked(self: ExtensionFileLoader, spec: object) -> ModuleType:
        if library := _mpirepl.foreign_mpi_of(spec.origin):
            raise ImportError(
                _message(spec.name, spec.origin, library), name=spec.name, path=spec.origin
            )
        module = create_module(self, spec)
        if _mpirepl.guarded:
            _take_under_guard(spec)
        if library := _mpirepl.foreign_mpi_loaded():
            raise ImportError(
                _message(spec.name, spec.origin, library), name=spec.name, path=spec.origin
            )
        return module

    ExtensionFileLoader.create_module = create_checked
    if _mpirepl.guarded:
        _mpirepl.rebind_mpi_for_ctypes()
