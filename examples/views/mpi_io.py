"""All engines write into one file, and the program reads it.

mpiexec -n 4 mpirepl --targets 0 mpi_io.py
"""

import tempfile
from pathlib import Path

import mpirepl as ipp
import numpy as np


def write(path):
    """Write ten times the own rank, at the place for this rank."""
    import numpy as np
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    numbers = np.full(10, comm.rank)
    file = MPI.File.Open(comm, path, MPI.MODE_WRONLY | MPI.MODE_CREATE)
    file.Write_at_all(comm.rank * numbers.nbytes, numbers)
    file.Close()


view = ipp.Client()[:]
with tempfile.TemporaryDirectory() as directory:
    path = Path(directory, "numbers")
    view.apply_sync(write, str(path))
    print(np.fromfile(path, dtype=int).reshape(-1, 10))
