# What drives nonblocking file access in Open MPI is not safe for threads, and the agent is one.
from mpi4py import MPI

comm = MPI.COMM_WORLD
file = MPI.File.Open(comm, "numbers", MPI.MODE_RDWR | MPI.MODE_CREATE)
for i in range(1000):
    written = bytearray([i % 256]) * 4000
    file.Iwrite_at(comm.rank * 4000, written).Wait()
    back = bytearray(4000)
    file.Iread_at(comm.rank * 4000, back).Wait()
    assert back == written
file.Close()
print("the same came back")
