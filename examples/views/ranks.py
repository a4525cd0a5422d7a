"""Run a file on every engine, then call what it has defined.

mpiexec -n 5 mpirepl --targets 0 ranks.py
"""

import os
from pathlib import Path

import mpirepl as ipp
import numpy as np

rc = ipp.Client()
view = rc[:]
view.scatter("a", np.arange(32, dtype=float))
view.run(Path(__file__).with_name("rank_mpi.py"))

view.execute("totalrank = myrank(); totalhost = hostname(); totalpid = mypid()")
print("ranks:", view["totalrank"])
print("hosts:", len(set(view["totalhost"])))
print("processes:", len(set(view["totalpid"])), "of which this one is the first:",
      view["totalpid"][0] == os.getpid())  # fmt: skip

view.execute("send_one_to_zero(a)")
print("received:", [float(array[0]) for array in view["received"]])
