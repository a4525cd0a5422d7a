"""For the engines: who they are, and a message from one of them to another; see ranks.py."""

import os
import socket

import numpy as np
from mpi4py import MPI

comm = MPI.COMM_WORLD
received = np.zeros(1)


def myrank():
    """Return the rank of the engine."""
    return comm.rank


def hostname():
    """Return the name of its computer."""
    return socket.gethostname()


def mypid():
    """Return the number of its process."""
    return os.getpid()


def send_one_to_zero(part):
    """Send the first number of rank 1's part to rank 0."""
    if comm.rank == 1:
        comm.Send([part, 1, MPI.DOUBLE], dest=0, tag=1)
    if comm.rank == 0:
        comm.Recv(received, source=1, tag=1)
