"""The sum of an array in unequal parts: scatter it from one place, sum it by MPI.

mpiexec -n 5 mpirepl --targets 0 psum.py
"""

import mpirepl as ipp
import numpy as np

rc = ipp.Client()
view = rc[:]
view.scatter("a", np.arange(32, dtype=float))
for engine, part in zip(rc.ids, view["a"], strict=True):
    print(f"engine {engine} has {part.size} numbers from {part[0]:g}")

view.execute("""
import numpy as np
from mpi4py import MPI

def psum(a):
    total = np.array(0.0)
    MPI.COMM_WORLD.Allreduce(np.sum(a), total, op=MPI.SUM)
    return total
""")
view.execute("totalsum = psum(a)")
print("on every engine:", [float(total) for total in view["totalsum"]])

# The same by a function of this program and a reference to the engines' arrays.
totals = view.apply_sync(lambda part: float(psum(part)), ipp.Reference("a"))  # noqa: F821
print("and once more:  ", totals)
