import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from mpi4py import MPI

world = MPI.COMM_WORLD


def serve():
    while True:
        try:
            world.recv(source=MPI.ANY_SOURCE)
        except MPI.Exception:
            if "swallow" not in sys.argv:
                raise


if str(world.rank) in sys.argv[1]:
    if world.rank == 1:
        pool = ThreadPoolExecutor(2)
        pool.submit(serve)
    else:
        threading.Thread(target=serve).start()
