"""Docstring."""
import sys
print(__doc__, sys.flags.optimize)
