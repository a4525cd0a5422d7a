from mpi4py import MPI

world = MPI.COMM_WORLD
try:
    if world.rank == 0:
        world.recv(source=1)
except Exception:
    print("swallowed")
