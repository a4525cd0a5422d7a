"""psum: the sum of an array that lies in unequal parts on the ranks.

mpiexec -n 6 mpirepl psum.py, or `from psum import psum` in a session.
"""

import numpy as np
from mpi4py import MPI

comm = MPI.COMM_WORLD


def psum(part: np.ndarray) -> int | float:
    """Sum over all ranks; every rank calls it with its own part and gets the whole sum."""
    return comm.allreduce(part.sum().item())


def main() -> None:
    """Split 0, 1, ... 31 over the ranks, as evenly as 32 allows, and sum it."""
    part = np.array_split(np.arange(32), comm.size)[comm.rank]
    print(f"{part.size} numbers from {part[:1]}, their sum {part.sum()}, psum {psum(part)}")


if __name__ == "__main__":
    main()
