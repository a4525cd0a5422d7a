"""Where ipyparallel has mpirepl.dependency: mpirepl.controller.dependency."""

from mpirepl import _submodules, dependency

_submodules.hold(__name__, dependency=dependency)
