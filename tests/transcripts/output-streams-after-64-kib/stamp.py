import sys
import time

came = [(line.split()[1], time.monotonic()) for line in iter(sys.stdin.readline, "")]
first = came[0][1]
last = next(when for text, when in came if text == "end")
print("streamed" if last - first > 0.25 else f"late by {last - first}")
