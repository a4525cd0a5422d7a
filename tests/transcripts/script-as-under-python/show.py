import os
import sys

print(sys.argv, __name__, os.path.basename(__file__), __file__ == os.path.abspath("show.py"))
print(sys.path[0] == os.path.dirname(__file__), sorted(globals()))
print(__doc__, __package__, __spec__, sys.modules["__main__"].__dict__ is globals())
