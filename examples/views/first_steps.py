"""First steps: apply, push and pull, remote and parallel functions, results that come later.

mpiexec -n 4 mpirepl --targets 0 first_steps.py
"""

import mpirepl as ipp
import numpy as np

rc = ipp.Client()
view = rc[:]
print("engines:", rc.ids)

# A map over all engines, and the same by one process.
same = view.map_sync(lambda x: x**10, range(32)) == [x**10 for x in range(32)]
print("map:", same)


# Functions that run on the engines whenever they are called.
@view.remote(block=True)
def getpid():
    """Return the process id of an engine."""
    import os

    return os.getpid()


print("processes:", len(set(getpid())))


@view.parallel(block=True)
def multiply(a, b):
    """Multiply element by element; every engine gets a part of both."""
    return a * b


matrix = np.random.default_rng(1).random((64, 48))
print("parallel:", bool((multiply(matrix, matrix) == matrix * matrix).all()))

# Names on the engines. A function of the program finds its globals there.
blocking = rc[:]
blocking.block = True
blocking["a"] = 10
blocking["b"] = 12
print("a + b + x:", blocking.apply(lambda x: a + b + x, 5))  # noqa: F821

# Other code on other engines.
rc[::2].execute("c = a + b")
rc[1::2].execute("c = a - b")
print("c:", blocking["c"])

# Moving objects.
blocking.push({"a": 1.03234, "b": 3453})
print("pull a:", blocking.pull("a"))
print("pull b of engine 0:", blocking.pull("b", targets=0))
print("pull both:", blocking.pull(("a", "b"), targets=[0, 1]))


# A result that comes later.
def wait(seconds):
    """Sleep, and tell for how long."""
    import time

    start = time.time()
    time.sleep(seconds)
    return time.time() - start


result = view.apply_async(wait, 0.5)
print("ready at once:", result.ready())
try:
    result.get(0.1)
except TimeoutError:
    print("not after 0.1 s either")
print("slept:", [round(seconds, 1) for seconds in result.get()])

# An import here and there, and what the engines print.
with view.sync_imports():
    import platform  # noqa: F401
view.scatter("engine", rc.ids, flatten=True, block=True)
result = view.execute("print('engine', engine, 'has', platform.python_implementation())")
result.get()
result.display_outputs()
