import collections
import sys

counts = collections.Counter()
for line in sys.stdin:
    tag, number, text = line.split()[0], *line.split()[1:]
    rank = int(tag.removeprefix("[stdout:").removesuffix("]"))
    assert int(number) == counts[rank] and text == "abc"[rank] * 60, line
    counts[rank] += 1
assert counts == {0: 300_000, 1: 300_000}, counts
print("whole")
