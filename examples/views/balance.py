"""A few heavy tasks and many light ones: mapped in equal shares, and one by one.

mpiexec -n 5 mpirepl --targets 0 balance.py [SCALE]

The heavy tasks come first, so that equal shares give nearly all of them to one engine.
"""

import sys
import time

import mpirepl as ipp

rc = ipp.Client()
direct = rc[:]
balanced = rc.load_balanced_view()
engines = len(rc.ids)
works = 5 * engines + 2
scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0


def work(i):
    """Take 1 s when it is one of the first, else 0.2 s; tell who did it from when to when."""
    import time

    start = time.time()
    time.sleep((1.0 if i < works // engines else 0.2) * scale)
    return start, time.time()


direct.push({"engines": engines, "works": works, "scale": scale}, block=True)
for name, view in ("load-balanced", balanced), ("direct", direct):
    begin = time.time()
    result = view.map_async(work, range(works))
    spans = result.get()
    busy = sum(end - start for start, end in spans)
    took = time.time() - begin
    speedup = result.serial_time / result.wall_time
    print(f"{name}: {works} tasks, {busy / scale:.1f} s of work in {took / scale:.1f} s, ", end="")
    print(f"speedup {speedup:.2f} of {engines}")
