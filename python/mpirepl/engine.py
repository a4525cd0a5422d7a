"""What code on engines imports from ipyparallel.engine."""

from mpirepl import _submodules, datapub

_submodules.hold(__name__, datapub=datapub)
