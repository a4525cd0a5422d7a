"""Modules that hold others, as packages do: ipyparallel's client and controller are packages."""

import sys
from types import ModuleType


def hold(name: str, **modules: ModuleType) -> None:
    """Let modules be imported as parts of the one of that name, which is no package.

    An import looks into sys.modules for a part once the module that holds it is there.
    """
    for part, module in modules.items():
        sys.modules[f"{name}.{part}"] = module
        setattr(sys.modules[name], part, module)
