import sys

good = 0
for line in sys.stdin:
    tag, text = line.split()
    good += text == "abcdef"[int(tag[8])] * 100
print(good)
