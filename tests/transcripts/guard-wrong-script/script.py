from mpi4py import MPI

world = MPI.COMM_WORLD
print("begins")
if world.rank != 1:
    world.Barrier()
    print("not reached")
