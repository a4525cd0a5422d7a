"""The everyday case: a serial function, a list of parameters, all ranks.

mpiexec -n 5 mpirepl --targets 0 parameter_map.py
"""

import mpirepl as ipp


def cycle_length(number):
    """Count the steps from a number to 1, halving the even and taking 3n + 1 of the odd."""
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


rc = ipp.Client()
balanced = rc.load_balanced_view()
numbers = range(1, 3001)
lengths = balanced.map(cycle_length, numbers, chunksize=100).get()
longest = max(lengths)
print(f"of {len(lengths)} numbers {1 + lengths.index(longest)} takes longest: {longest} steps")
