"""What a file prints on the engines, and what it leaves there.

mpiexec -n 5 mpirepl --targets 0 sends.py
"""

from pathlib import Path

import mpirepl as ipp

view = ipp.Client()[:]
result = view.run(Path(__file__).with_name("blocking_send.py"))
result.get()
result.display_outputs()
print("bb:", [int(array[0]) for array in view["bb"]])
