import mpi4py

mpi4py.rc.initialize = False
from mpi4py import MPI

MPI.Init()
print(MPI.COMM_WORLD.allreduce(1), MPI.Init_thread() == MPI.THREAD_MULTIPLE)
