"""For the engines: two messages from rank 1, taken in the other order; see sends.py."""

import numpy as np
from mpi4py import MPI

comm = MPI.COMM_WORLD
aa = np.zeros(1, dtype="i")
bb = np.zeros(1, dtype="i")
if comm.rank == 1:
    aa[0], bb[0] = 2, 3
    # Small messages are on their way when Send returns. Large ones would wait here for ever.
    comm.Send(aa, dest=0, tag=1)
    comm.Send([bb, 1, MPI.INT], dest=0, tag=2)
if comm.rank == 0:
    comm.Recv(bb, source=1, tag=2)
    comm.Recv(aa, source=1, tag=1)
    print("process", comm.rank, "received aa[0]", aa[0])
    print("process", comm.rank, "received bb[0]", bb[0])
