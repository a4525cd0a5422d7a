import sys
import time

came = {line.split()[1]: time.monotonic() for line in iter(sys.stdin.readline, "")}
print("streamed" if came["b"] - came["a"] > 1.2 else f"late: {came}")
