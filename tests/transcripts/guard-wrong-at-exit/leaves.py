import atexit

from mpi4py import MPI

world = MPI.COMM_WORLD


@atexit.register
def last():
    if world.rank != 0:
        world.Barrier()


print("the program ends")
