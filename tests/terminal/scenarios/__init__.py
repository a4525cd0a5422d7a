"""The scenarios, by what they are about."""

from terminal import Terminal

KNOW_RANK = "from mpi4py import MPI; comm = MPI.COMM_WORLD; rank = comm.rank"


def know_rank(t: Terminal) -> None:
    """Run the cell that most scenarios begin with."""
    t.cell(KNOW_RANK)
