import sys

import helper
import mpirepl as ipp

rc = ipp.Client()
print(sys.argv[1:], __name__, rc.ids)


def double(x):
    return 2 * x


@ipp.interactive
def reads():
    return number



number = "of the program"
view = rc[:]
view["number"] = "of the engine"
print(view.apply_sync(reads)[::4])
print(view.map_sync(double, range(7)))
print(rc.load_balanced_view().map_sync(helper.triple, range(4)))
try:
    rc[1:].apply_sync(lambda: 1 / 0)
except ipp.error.CompositeError as error:
    print(error.elist[0][0], len(error.elist))
print(rc[-1].execute("6 * 7", silent=False).get())
sys.exit(3)
