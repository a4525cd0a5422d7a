import threading
import time

from mpi4py import MPI

world = MPI.COMM_WORLD


def ask():
    time.sleep(2.5)
    for rank in range(1, world.size):
        world.send(rank, dest=rank)
    print(sorted(world.recv(source=MPI.ANY_SOURCE) for _ in range(1, world.size)))


def serve():
    number = world.recv(source=0)
    time.sleep(1.5 * world.rank)
    world.send(number * 10, dest=0)


threading.Thread(target=serve if world.rank else ask).start()
if world.rank == 2:
    threading.Thread(target=lambda: world.Split(), daemon=True)  # never started
