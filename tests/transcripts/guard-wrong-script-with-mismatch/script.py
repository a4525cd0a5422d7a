from mpi4py import MPI

world = MPI.COMM_WORLD
if world.rank == 1:
    world.Dup()
else:
    world.Barrier()
