"""The collective operations of mpi4py, on arrays and on objects, with four engines.

mpiexec -n 4 mpirepl --targets 0 collectives.py
"""

import mpirepl as ipp

rc = ipp.Client()
view = rc[:]
view.block = True
view.execute("""
import numpy as np
from mpi4py import MPI

comm = MPI.COMM_WORLD
rank, size = comm.rank, comm.size
a = np.array([rank + 1, rank * rank + 1] * 2, dtype="i")
c = a[:2].copy()
""")


def show(title, values):
    """Print one line for an operation: what each engine has afterwards."""
    print(f"{title:10}", *("-" if value is None else str(value) for value in values), sep="  ")


show("a", view.apply(lambda: a.tolist()))  # noqa: F821


def reduce():
    """Sum the first two numbers of all ranks on rank 0."""
    total = np.zeros(2, dtype="i")
    comm.Reduce([a, 2, MPI.INT], total, MPI.SUM, 0)
    return total.tolist() if rank == 0 else None


def scatter():
    """Give each rank one of rank 3's numbers."""
    b = np.zeros(1, dtype="i")
    comm.Scatter([a, 1, MPI.INT], b, root=3)
    return b.tolist()


def gather():
    """Collect two numbers of every rank on rank 0."""
    everything = np.zeros(2 * size, dtype="i")
    comm.Gather([c, 2, MPI.INT], everything, root=0)
    return everything.tolist() if rank == 0 else None


def alltoall():
    """Give each rank one number of every rank."""
    d = np.zeros(size, dtype="i")
    comm.Alltoall([a, 1, MPI.INT], d)
    return d.tolist()


def bcast():
    """Give all ranks rank 0's number."""
    b = np.array([1000 if rank == 0 else 0], dtype="i")
    comm.Bcast(b, 0)
    return b.tolist()


def barrier():
    """Wait for each other."""
    comm.Barrier()
    return "met"


def send_object():
    """Send a dictionary from rank 0 to rank 1."""
    if rank == 0:
        comm.send({"a": 7, "b": 3.14}, dest=1, tag=11)
    elif rank == 1:
        return comm.recv(source=0, tag=11)


def bcast_object():
    """Give all ranks rank 0's dictionary."""
    data = {"key1": [7, 2.72, 2 + 3j], "key2": ("abc", "xyz")} if rank == 0 else None
    return comm.bcast(data, root=0)


def scatter_objects():
    """Give each rank one item of rank 0's list."""
    return comm.scatter([(i + 1) ** 2 for i in range(size)] if rank == 0 else None, root=0)


def gather_objects():
    """Collect one object of every rank on rank 0."""
    return comm.gather((rank + 1) ** 2, root=0)


for function in (reduce, scatter, gather, alltoall, bcast, barrier):
    show(function.__name__.capitalize(), view.apply(function))
show("send", view.apply(send_object))
data = view.apply(bcast_object)
print("bcast: the same on all:", all(value == data[0] for value in data), data[0])
show("scatter", view.apply(scatter_objects))
show("gather", view.apply(gather_objects))
