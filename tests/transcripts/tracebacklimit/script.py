import sys

sys.tracebacklimit = 1


def outer():
    inner()


def inner():
    1 / 0


outer()
