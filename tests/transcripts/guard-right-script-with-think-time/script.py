import time

from mpi4py import MPI

world = MPI.COMM_WORLD
if world.rank == 3:
    time.sleep(3)
print(world.scatter(range(4) if world.rank == 3 else None, root=3))
